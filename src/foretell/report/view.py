"""What the page says of one run: every figure as text, every table as rows. No markup here."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import yaml

from foretell.costs import Constraint
from foretell.report import search_plots
from foretell.report.benchmark import plots_of
from foretell.report.numbers import count, duration, money, number, short, span
from foretell.report.plot import Plot, plot_table
from foretell.report.record import RunRecord
from foretell.report.result import Entry
from foretell.report.stack import Picture, draw

__all__ = ["RunView", "Stage", "Table", "Tile", "run_plots"]

_STAGES = {
    "corpus": "fetch, clean and split the text",
    "latency": "measure this device",
    "supernet": "train the supernet, the baselines beside it",
    "distil": "label architectures and distil the labels",
    "search": "search, and measure the best again",
    "train": "train the winner from scratch and score it",
}


@dataclass(frozen=True)
class Tile:
    """One of the figures that people look for first."""

    label: str
    value: str
    note: str
    mood: Literal["", "good", "bad"] = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Stage:
    """What a stage took, and its share of the whole."""

    name: str
    about: str
    seconds: str
    share: float
    dollars: str
    percent: float


class RunView:
    """A run, ready to be set into the page.

    Args:
        record: The run.
        number: 0, 1, ... on this page.
        most: Architectures that the page can afford to hold of this run.
    """

    def __init__(self, record: RunRecord, number: int = 0, most: int = 6000) -> None:
        self.record, self.number, self.most = record, number, most
        self.prefix = f"run{number}"

    # ---- what was found

    @property
    def subtitle(self) -> str:
        """What was asked, in a line."""
        record = self.record
        corpus = record.study.corpus
        return (
            f"{corpus.source} to {corpus.target} ({corpus.name}), {record.space.name}, {record.result.search.schedule}"
        )

    @property
    def verdict(self) -> str:
        """Whether the limits hold, in a sentence."""
        result = self.record.result
        held = "keeps" if result.constraint_met else "does NOT keep"
        limits = result.constraint.replace("<=", " ≤ ").replace(">=", " ≥ ")
        return f"The winner {held} {limits} when measured."

    @property
    def tiles(self) -> list[Tile]:
        """The figures that people look for first."""
        result, winner = self.record.result, self.record.result.winner
        asked, run = (sum(each.values()) for each in self._evaluations)
        return [
            self._latency_tile(winner),
            Tile(
                "Test BLEU",
                number(winner.metrics.get("test_bleu")),
                f"validation {number(winner.metrics.get('valid_bleu'))}; "
                f"copying the source {number(result.copy_source.metrics.get('test_bleu'))}",
            ),
            Tile(
                "Parameters", count(winner.cost("parameters")), f"{short(winner.cost('flops'))} FLOPs a sentence pair"
            ),
            Tile(
                "It took", duration(sum(result.stages.values())), f"{count(run)} scores computed, {count(asked)} asked"
            ),
            Tile("It cost", money(self._dollars), "calls of language models" if self.record.calls else "no paid call"),
        ]

    @property
    def _evaluations(self) -> tuple[dict[str, int], dict[str, int]]:
        search = self.record.result.search
        return search.evaluations_asked, search.evaluations_distinct

    def _latency_tile(self, winner: Entry) -> Tile:
        measured, ends = winner.cost("latency_ms"), winner.latency_interval
        if measured is None:
            return Tile("Latency", f"{number(winner.cost('predicted_latency_ms'))} ms", "predicted, not measured")
        limit = next((item for item in self.record.limits if item.cost == "latency_ms"), None)
        kept = limit is None or bool(limit.holds(np.array([measured])).all())
        note = f"95 % interval {span(ends)}"
        if limit is not None:
            note += f"; limit {limit.format(limit.limit)} {_kept(kept, limit, ends)}"
        return Tile("Latency, measured", f"{measured:.2f} ms", note, "good" if kept else "bad")

    @property
    def limits(self) -> Table:
        """Each limit with the winner's value."""
        winner = self.record.result.winner
        rows = []
        for item in self.record.limits:
            value = winner.cost(item.cost)
            met = value is not None and bool(item.holds(np.array([value])).all())
            shown = "–" if value is None else item.format(value)
            rows.append([str(item), shown, "kept" if met else "NOT kept"])
        return Table("Limits", ["limit", "winner", ""], rows)

    @property
    def trained(self) -> Table:
        """The winner beside what it is compared with."""
        result = self.record.result
        entries = {"winner": result.winner, **result.baselines}
        rows = [[name, *_trained_cells(entry)] for name, entry in entries.items()]
        copied = result.copy_source.metrics
        rows.append(["source copied", "–", "–", "–", "–", "–", number(copied.get("test_bleu"))])
        header = ["", "parameters", "FLOPs", "predicted ms", "measured ms", "valid BLEU", "test BLEU"]
        return Table("Trained from scratch", header, rows, "Same recipe and seed for all.")

    @property
    def finalists(self) -> Table:
        """Predicted and measured latency of the search's best."""
        rows = [
            [
                f"no. {place}",
                f"{each.score:.4f}",
                f"{each.predicted_latency_ms:.2f}",
                span(each.predicted_interval_ms),
                f"{each.latency_ms:.2f}",
                span(each.interval_ms),
                "kept" if each.kept else "NOT kept",
            ]
            for place, each in enumerate(self.record.result.finalists, 1)
        ]
        header = ["", "score", "predicted ms", "90 %", "measured ms", "95 %", "limits"]
        note = (
            "The first that keeps the limits when measured is the winner. 90 % of the latency predictor's errors, and "
            "95 % intervals of the measured medians."
        )
        return Table("The search's best, measured again", header, rows, note)

    @property
    def believed(self) -> Table:
        """What was predicted of the winner before it was trained, and what came."""
        record, winner = self.record, self.record.result.winner
        rows = []
        for name in record.schedule.predictors:
            score = record.seen.score(name, record.winner)
            if score is not None:
                rows.append([name, search_plots.unit_of(record, name), f"{score:.2f}", self._truth(name)])
        predicted = winner.cost("predicted_latency_ms")
        if predicted is not None:
            rows.append(["latency", "ms", f"{predicted:.2f}", number(winner.cost("latency_ms"))])
        return Table("What was predicted of the winner", ["by", "unit", "predicted", "measured"], rows)

    def _truth(self, predictor: str) -> str:
        metrics = self.record.result.winner.metrics
        if predictor == "supernet" or self.record.study.distilled.teacher == "supernet":
            loss = metrics.get("valid_loss")
            return number(None if loss is None else -loss)
        return number(metrics.get("valid_bleu"))

    @cached_property
    def picture(self) -> Picture:
        """The winner's stacks."""
        return draw(self.record.winner)

    @property
    def genes(self) -> Table:
        """The winner's genes."""
        rows = [[name, _value(value)] for name, value in self.record.winner.to_dict().items()]
        return Table("Genes", ["gene", "value"], rows)

    # ---- the search and its architectures

    @cached_property
    def chosen(self) -> list[int]:
        """Rows of the architectures that the page holds: all, or the ones that matter and an even sample."""
        record, seen = self.record, self.record.seen
        if len(seen) <= self.most:
            return list(range(len(seen)))
        kept = {row for row in (seen.row(each) for each in [record.winner, *record.finalists]) if row is not None}
        for name in seen.scores:
            kept.update(seen.front(name).tolist())
        rest = np.linspace(0, len(seen) - 1, self.most).round().astype(int).tolist()
        return sorted(kept | set(rest))

    @property
    def shown(self) -> str:
        """How many of the architectures are drawn, where not all are."""
        all_, few = len(self.record.seen), len(self.chosen)
        return "" if few == all_ else f"{few:,} of {all_:,} architectures are drawn, the front and the finalists all."

    @cached_property
    def search_plots(self) -> list[Plot]:
        """The search by iteration; empty where nothing was scored."""
        record = self.record
        return [search_plots.scores(record), search_plots.evaluations(record)] if record.result.search.history else []

    @cached_property
    def pareto(self) -> Plot | None:
        """Everything that was seen."""
        return search_plots.pareto(self.record, self.chosen) if len(self.record.seen) else None

    def architectures(self) -> dict[str, Any]:
        """The table behind hover labels and copy buttons, as JSON values."""
        record, seen = self.record, self.record.seen
        space, rows = record.space, self.chosen
        winner = seen.row(record.winner)
        columns = [
            *({"name": name, "values": _rounded(values[rows])} for name, values in seen.costs.items()),
            *({"name": f"{name} score", "values": _rounded(values[rows])} for name, values in seen.scores.items()),
        ]
        names = [gene.name for gene in space.genes]
        return {
            "space": space.name,
            "genes": [
                {
                    "name": gene.name,
                    "start": space.columns(gene.name).start,
                    "depth": names.index(gene.depth) if gene.depth else None,
                }
                for gene in space.genes
            ],
            "keys": rows,
            "rows": seen.population[rows].tolist(),
            "columns": columns,
            "front": seen.front(record.judge).tolist() if len(seen) else [],
            "first": winner,
        }

    @property
    def sentences(self) -> list[list[str]]:
        """Source, translation and reference of the examples."""
        return [[each.source, each.translation, each.reference] for each in self.record.examples]

    @property
    def plots(self) -> list[Plot]:
        """All that plotly draws of this run."""
        return [*self.search_plots, *([self.pareto] if self.pareto else []), *self.trust_plots]

    @property
    def tables(self) -> dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]]:
        """Each plot as a table, by the plot's name."""
        return {plot.name: plot_table(plot) for plot in self.plots}

    # ---- trust

    @cached_property
    def trust_plots(self) -> list[Plot]:
        """Predicted against true, and the pairs in the wrong order."""
        trust = self.record.trust
        if trust is None:
            return []
        drawn = plots_of({trust.task or trust.source: trust})
        return [plot for plot in drawn if any(len(s.x) for panel in plot.panels for s in panel.series)]

    @property
    def predictors(self) -> Table | None:
        """The honest table, trivial rows included."""
        trust = self.record.trust
        if trust is None:
            return None
        rows = [
            [
                row.predictor,
                number(row.values["mae"]),
                span(row.intervals["mae"]),
                number(row.values["tau"]),
                span(row.intervals["tau"]),
                number(row.values["tau_in_depth"]),
                number(row.values["regret"]),
                number(row.values["coverage"]),
                str(row.labels),
            ]
            for row in trust.evaluation.rows
        ]
        header = ["predictor", "MAE", "95 %", "tau", "95 %", "in depth", "regret", "cover", "labels"]
        splits = len(trust.evaluation.rows[0].by_split)
        note = (
            f"{trust.source}: {trust.labels} labelled architectures, {splits} splits, {trust.shown} shown in each. "
            "MAE and regret in BLEU; tau is Kendall's tau-b, in depth over pairs of equal decoder depth; cover is the "
            "share of labels inside the 90 % interval. constant, params, flops and depth are the trivial rows: a "
            "predictor that does not beat them is not worth its price."
        )
        return Table("Predictors on the study's labels", header, rows, note)

    @property
    def teacher(self) -> Table | None:
        """What the run itself found of its teacher, if it looked."""
        teacher = self.record.result.teacher
        if teacher is None or not teacher.rows:
            return None
        header = list(dict.fromkeys(key for row in teacher.rows for key in row))
        rows = [[_cell(row.get(key)) for key in header] for row in teacher.rows]
        return Table(f"The teacher: {teacher.name}", [name.replace("_", " ") for name in header], rows)

    # ---- what it cost

    @property
    def stages(self) -> list[Stage]:
        """Seconds and dollars by stage."""
        seconds = self.record.result.stages
        total = sum(seconds.values()) or 1.0
        return [
            Stage(
                name,
                _STAGES.get(name, ""),
                duration(value),
                value / total,
                money(self._dollars) if name == "distil" else "$0",
                100 * value / total,
            )
            for name, value in seconds.items()
        ]

    @property
    def _dollars(self) -> float | None:
        spent = [each.totals.dollars for each in self.record.calls]
        return None if any(each is None for each in spent) else float(sum(each or 0.0 for each in spent))

    @property
    def calls(self) -> Table | None:
        """The ledger's sums."""
        if not self.record.calls:
            return None
        rows = [
            [
                each.model,
                count(each.totals.calls),
                count(each.totals.prompt_tokens),
                count(each.totals.cached_tokens),
                count(each.totals.completion_tokens),
                count(each.retries),
                money(each.totals.dollars),
                duration(each.totals.seconds),
            ]
            for each in self.record.calls
        ]
        header = ["model", "calls", "tokens read", "from cache", "written", "unusable replies", "cost", "waited"]
        note = "All calls in this machine's ledger, of every run that shares it; a reply is paid for once."
        return Table("Language model", header, rows, note)

    # ---- where it comes from

    @property
    def provenance(self) -> Table:
        """Seeds, versions and fingerprints."""
        result, study = self.record.result, self.record.study
        winner = result.winner.provenance
        seeds = {
            "search": study.search.seed,
            "supernet": study.supernet.seed,
            "distilled": study.distilled.seed,
            "training": study.train.seed,
            "corpus split": study.corpus.seed,
        }
        rows = [
            ["seeds", ", ".join(f"{name} {seed}" for name, seed in seeds.items())],
            ["corpus", f"{study.corpus.name}, {study.corpus.source} to {study.corpus.target}"],
            ["fingerprint of the corpus", result.corpus.get("fingerprint", "–")],
            ["fingerprint of the task", result.corpus.get("task", "–")],
            ["space", self.record.space.name],
            ["schedule", result.search.schedule],
            ["software", _pairs({**_mapping(winner.get("software")), **result.software})],
            ["trained on", _pairs({key: winner[key] for key in ("device", "threads", "machine") if key in winner})],
            ["scores", "; ".join(_mapping(winner.get("signatures")).values())],
        ]
        return Table("Provenance", ["what", "value"], [row for row in rows if row[1]])

    @property
    def command(self) -> str:
        """What repeats the run, in the folder where it was started: paths in a study are relative to its file."""
        folder = self.record.folder.as_posix()
        study, again = shlex.quote(f"{folder}/study.yaml"), shlex.quote(f"{folder}-again")
        return f"cp {study} repeat.yaml\nforetell search repeat.yaml --out {again}"

    @property
    def study(self) -> str:
        """The whole study as YAML."""
        return self.record.study.to_yaml()

    @property
    def yaml(self) -> str:
        """The winner as YAML that `foretell train` reads."""
        values = {"space": self.record.space.name, **self.record.winner.to_dict()}
        return yaml.safe_dump(values, sort_keys=False)


def run_plots(record: RunRecord) -> list[Plot]:
    """All plots of a run."""
    return RunView(record).plots


def _kept(kept: bool, limit: Constraint, ends: Sequence[float] | None) -> str:
    if not kept:
        return "NOT kept"
    sure = ends is None or bool(limit.holds(np.array(ends)).all())
    return "kept" if sure else "kept, though the interval reaches past it"


def _trained_cells(entry: Entry) -> list[str]:
    return [
        count(entry.cost("parameters")),
        short(entry.cost("flops")),
        number(entry.cost("predicted_latency_ms")),
        number(entry.cost("latency_ms")),
        number(entry.metrics.get("valid_bleu")),
        number(entry.metrics.get("test_bleu")),
    ]


def _rounded(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]


def _value(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "–" if value is None else _value(value)
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _mapping(value: Any) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
