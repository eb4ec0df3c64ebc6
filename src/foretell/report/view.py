"""A run ready to be set into the page: its figures, tables, plots, and the architectures behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import yaml

from foretell.families.picture import Picture, PicturedFamily
from foretell.metrics import Metric, metric_named
from foretell.report import headline, search_plots, tables
from foretell.report.benchmark import plots_of
from foretell.report.plot import Plot, plot_table
from foretell.report.race import RaceView, rules_table
from foretell.report.record import RunRecord
from foretell.report.taken import gene_places, repeat_command, rounded

__all__ = ["RunView"]


class RunView:
    """What the templates ask of a run.

    Args:
        record: The run.
        number: 0, 1, ... on this page.
        most: Architectures that the page can afford to hold of this run.
    """

    template: ClassVar[str] = "run.html.jinja"
    contents: ClassVar[Mapping[str, str]] = {
        "": "Found",
        "-search": "Search",
        "-trust": "Trust",
        "-cost": "Cost",
        "-provenance": "Provenance",
    }

    def __init__(self, record: RunRecord, number: int = 0, most: int = 6000) -> None:
        self.record, self.number, self.most = record, number, most
        self.prefix = f"run{number}"
        self.subtitle, self.verdict = headline.subtitle(record), headline.verdict(record)
        self.tiles, self.stages = headline.tiles(record), headline.stages(record)
        self.limits, self.genes, self.trained = tables.limits(record), tables.genes(record), tables.trained(record)
        self.finalists, self.believed = tables.finalists(record), tables.believed(record)
        self.examples, self.predictors = tables.examples(record), tables.predictors(record)
        self.confusion = tables.confusion(record)
        self.teacher, self.calls = tables.teacher(record), tables.calls(record)
        self.provenance = tables.provenance(record)
        told = record.result
        self.race = None if told.race is None else RaceView(told.race)
        self.rules = rules_table(told.rules, self._judged())

    @cached_property
    def picture(self) -> Picture | None:
        """The winner's stacks; None where the family draws none."""
        family = self.record.space.family
        return family.picture(self.record.winner) if isinstance(family, PicturedFamily) else None

    def _judged(self) -> Metric:
        """What rules are compared by: the race's metric, or what was predicted of them."""
        if self.race is not None:
            return self.race.metric
        said = [rule.predicted.metric for rule in self.record.result.rules if rule.predicted is not None]
        return metric_named(said[0] if said else self.record.result.reported[0])

    # ---- plots

    @cached_property
    def search_plots(self) -> list[Plot]:
        """The search by iteration; empty where nothing was scored."""
        record = self.record
        return [search_plots.scores(record), search_plots.evaluations(record)] if record.result.search.history else []

    @cached_property
    def pareto(self) -> Plot | None:
        """Everything that was seen."""
        return search_plots.pareto(self.record, self.chosen) if len(self.record.seen) else None

    @cached_property
    def trust_plots(self) -> list[Plot]:
        """Predicted against true, and the pairs in the wrong order."""
        trust = self.record.trust
        drawn = plots_of({trust.task or trust.source: trust}) if trust is not None else []
        return [plot for plot in drawn if any(len(s.x) for panel in plot.panels for s in panel.series)]

    @property
    def plots(self) -> list[Plot]:
        """All of them."""
        raced = [] if self.race is None else [self.race.plot]
        return [*self.search_plots, *([self.pareto] if self.pareto else []), *raced, *self.trust_plots]

    @cached_property
    def plot_tables(self) -> dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]]:
        """Each plot as a table, by the plot's name."""
        return {plot.name: plot_table(plot) for plot in self.plots}

    # ---- architectures

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
        everything, few = len(self.record.seen), len(self.chosen)
        if few == everything:
            return ""
        return f"{few:,} of {everything:,} architectures are drawn, the fronts and the finalists among them."

    def architectures(self) -> dict[str, Any]:
        """The table behind hover labels and copy buttons, as JSON values."""
        record, seen, rows = self.record, self.record.seen, self.chosen
        known = {**seen.costs, **{f"{name} score": values for name, values in seen.scores.items()}}
        return {
            "space": record.space.name,
            "genes": gene_places(record.space),
            "keys": rows,
            "rows": seen.space.spelled(seen.population[rows]),
            "columns": [{"name": name, "values": rounded(values[rows])} for name, values in known.items()],
            "front": seen.front(record.judge).tolist() if len(seen) else [],
            "first": seen.row(record.winner),
        }

    # ---- to take away

    @property
    def command(self) -> str:
        """What repeats the run."""
        return repeat_command(self.record.folder)

    @property
    def study(self) -> str:
        """The whole study as YAML."""
        return self.record.study.to_yaml()

    @property
    def yaml(self) -> str:
        """The winner as YAML that `foretell train` reads."""
        values = {"space": self.record.space.name, **self.record.winner.to_dict()}
        return yaml.safe_dump(values, sort_keys=False)
