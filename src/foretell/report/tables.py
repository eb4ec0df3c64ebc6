"""What the page's tables say of a run: every cell as text. No markup here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretell.display import plain
from foretell.metrics import Metric
from foretell.report.numbers import count, duration, money, number, short, span
from foretell.report.record import RunRecord
from foretell.report.result import Entry
from foretell.report.search_plots import unit_of
from foretell.study.config import EMBEDDED

__all__ = [
    "Table",
    "believed",
    "calls",
    "confusion",
    "examples",
    "finalists",
    "genes",
    "limits",
    "predictors",
    "provenance",
    "teacher",
    "trained",
]

_MATRIX = 12
"""Classes that a matrix on a page can show."""
_TAKEN = 4
"""Else so many of the classes that each is taken for."""


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def limits(run: RunRecord) -> Table:
    """Each limit with the winner's value."""
    rows = []
    for item in run.limits:
        value = run.result.winner.cost(item.cost)
        met = value is not None and bool(item.holds(np.array([value])).all())
        shown = "–" if value is None else item.format(value)
        rows.append([str(item), shown, "kept" if met else "NOT kept"])
    return Table("Limits", ["limit", "winner", ""], rows)


def genes(run: RunRecord) -> Table:
    """The winner's genes."""
    rows = [[name, _text(value)] for name, value in run.winner.to_dict().items()]
    return Table("Genes", ["gene", "value"], rows)


def trained(run: RunRecord) -> Table:
    """The winner beside what it is compared with."""
    entries = {"winner": run.result.winner, **run.result.baselines}
    judged = run.result.judged
    rows = [[name, *_trained(entry, judged)] for name, entry in entries.items()]
    others = ["–"] * len(run.result.metrics)
    for name, value in run.result.does_without.items():
        floor = run.result.floors.get(name)
        size = count(None if floor is None else floor.metrics.get("parameters"))
        rows.append([name, size, *["–"] * 4, number(value), *others])
    header = [
        "",
        "parameters",
        "FLOPs",
        "predicted ms",
        "measured ms",
        *(metric.label for metric in judged),
    ]
    return Table("Trained from scratch", header, rows, "Same recipe and seed for all.")


def _trained(entry: Entry, judged: Sequence[Metric]) -> list[str]:
    return [
        count(entry.cost("parameters")),
        short(entry.cost("flops")),
        number(entry.cost("predicted_latency_ms")),
        number(entry.cost("latency_ms")),
        *(number(entry.metrics.get(metric.key)) for metric in judged),
    ]


def finalists(run: RunRecord) -> Table:
    """Predicted and measured latency of the search's best."""
    rows = [
        [
            f"no. {place}",
            f"{each.score:.4f}",
            number(each.predicted_latency_ms),
            span(each.predicted_interval_ms),
            number(each.latency_ms),
            span(each.interval_ms),
            "kept" if each.kept else "NOT kept",
        ]
        for place, each in enumerate(run.result.finalists, 1)
    ]
    header = ["", "score", "predicted ms", "90 %", "measured ms", "95 %", "limits"]
    note = (
        "The first that keeps the limits when measured is the winner. The intervals are 90 % of the latency "
        "predictor's errors, and 95 % for the measured medians."
    )
    return Table("The search's best, measured again", header, rows, note)


def believed(run: RunRecord) -> Table:
    """What was predicted of the winner before it was trained, and what came."""
    rows = []
    for name in run.schedule.predictors:
        score = run.seen.score(name, run.winner)
        if score is not None:
            rows.append([name, unit_of(run, name), number(score), _came(run, name)])
    predicted = run.result.winner.cost("predicted_latency_ms")
    if predicted is not None:
        rows.append(["latency", "ms", number(predicted), number(run.result.winner.cost("latency_ms"))])
    return Table("What was predicted of the winner", ["by", "unit", "predicted", "came"], rows)


def _came(run: RunRecord, predictor: str) -> str:
    """What training from scratch found, in the unit that the predictor scores in."""
    metrics = run.result.winner.metrics
    if predictor == "supernet" or run.teacher == "supernet":
        loss = metrics.get("valid_loss")
        return number(None if loss is None else -loss)
    told = run.result.teacher
    rows = [] if told is None else [row for row in told.rows if row.get("predictor") == told.name]
    if any(row.get("mae", 0.0) is None for row in rows):
        return number(None)  # the teacher has a unit of its own, in which nothing was measured
    return number(metrics.get(run.result.reported[0]))


def examples(run: RunRecord) -> Table:
    """Sentences with the winner's translations; control characters could turn the text of a page around."""
    rows = [[plain(e.source), plain(e.translation), plain(e.reference)] for e in run.examples]
    note = "Of the test split, spread evenly over it; nobody picked them."
    return Table("What the winner makes of test examples", ["source", "the winner", "reference"], rows, note)


def confusion(run: RunRecord) -> Table | None:
    """Which classes of the test split were taken for which; None for tasks that tell no classes apart."""
    told = run.confusion
    if told is None:
        return None
    rows = []
    for place, (name, row) in enumerate(zip(told.classes, told.matrix, strict=True)):
        total = sum(row)
        right = number(100 * row[place] / total if total else None)
        if len(told.classes) <= _MATRIX:
            rows.append([plain(name), count(total), right, *map(str, row)])
            continue
        others = sorted((-times, other) for other, times in enumerate(row) if times and other != place)[:_TAKEN]
        taken = ", ".join(f"{plain(told.classes[other])} {-times}" for times, other in others)
        rows.append([plain(name), count(total), right, taken])
    small = len(told.classes) <= _MATRIX
    header = ["class", "texts", "right, %", *(map(plain, told.classes) if small else ["taken for"])]
    note = "Of the test split; a row is a class, and tells what its texts were taken for and how often."
    return Table("Confusion of classes", header, rows, note)


def predictors(run: RunRecord) -> Table | None:
    """The honest table, trivial rows included; None where nothing was judged."""
    trust = run.trust
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
        f"MAE and regret in {trust.label}; tau is Kendall's tau-b, in depth over pairs of equal decoder depth; cover "
        "is the share of labels inside the 90 % interval. constant, params, flops and depth are the trivial rows: a "
        "predictor that does not beat them is not worth its price."
    )
    return Table("Predictors on the study's labels", header, rows, note)


def teacher(run: RunRecord) -> Table | None:
    """What the run itself found of its teacher; None if it did not look."""
    told = run.result.teacher
    if told is None or not told.rows:
        return None
    keys = list(dict.fromkeys(key for row in told.rows for key in row))
    rows = [[_cell(row.get(key)) for key in keys] for row in told.rows]
    names = {"mae": "MAE", "kendall_tau": "tau"}
    parts = [
        f"Each row alone on {told.labels} labels, none of which it had seen." if told.labels else "",
        f"A language model was asked about {told.asked:,} architectures." if told.asked else "",
        "" if told.student_mae is None else f"The distilled predictor misses its teacher by {told.student_mae:.3f}.",
        told.note,
    ]
    title = f"Who taught the distilled predictor: {told.name}"
    return Table(title, [names.get(key, key.replace("_", " ")) for key in keys], rows, " ".join(filter(None, parts)))


def calls(run: RunRecord) -> Table | None:
    """The ledger's sums; None where no language model was asked."""
    if not run.calls:
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
        for each in run.calls
    ]
    header = ["model", "calls", "tokens read", "from cache", "written", "unusable replies", "cost", "waited"]
    whose = "of the study's model" if run.study.distilled.teacher == EMBEDDED else "of all models"
    note = f"All calls {whose} in this machine's ledger, of every run that shares it; a reply is paid for once."
    return Table("Language model", header, rows, note)


def provenance(run: RunRecord) -> Table:
    """Seeds, versions and fingerprints."""
    result, study, about = run.result, run.study, run.result.winner.provenance
    seeds = {
        "search": study.search.seed,
        "supernet": study.supernet.seed,
        "distilled": study.distilled.seed,
        "training": study.train.seed,
        "corpus split": study.corpus.seed,
    }
    rows = [
        ["seeds", _pairs(seeds)],
        ["corpus", study.task_kind.title(study.corpus)],
        ["fingerprint of the corpus", result.corpus.get("fingerprint", "")],
        ["fingerprint of the task", result.corpus.get("task", "")],
        ["space", run.space.name],
        ["schedule", result.search.schedule],
        ["software", _pairs({**_mapping(about.get("software")), **result.software})],
        ["trained on", _pairs({key: about[key] for key in ("device", "threads", "machine") if key in about})],
        ["scores", "; ".join(_mapping(about.get("signatures")).values())],
    ]
    return Table("Provenance", ["what", "value"], [row for row in rows if row[1]])


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cell(value: str | int | float | None) -> str:
    return number(value, 3) if isinstance(value, float) or value is None else str(value)


def _mapping(value: Any) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
