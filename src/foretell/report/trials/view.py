"""A study of trials ready to be set into the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import yaml

from foretell.report.plot import Plot, plot_table
from foretell.report.race import RaceView, rules_table
from foretell.report.taken import gene_places, repeat_command, rounded
from foretell.report.trials import plots, tables
from foretell.report.trials.record import TrialRecord

__all__ = ["TrialView"]


class TrialView:
    """What the templates ask of a study of trials.

    Args:
        record: The study.
        number: 0, 1, ... on this page.
        most: Trials that the page can afford to hold.
    """

    template: ClassVar[str] = "trials.html.jinja"
    contents: ClassVar[Mapping[str, str]] = {
        "": "Found",
        "-trials": "Trials",
        "-choices": "Choices",
        "-trust": "Trust",
        "-cost": "Cost",
        "-provenance": "Provenance",
    }

    def __init__(self, record: TrialRecord, number: int = 0, most: int = 1000) -> None:
        self.record, self.number, self.most = record, number, most
        self.prefix = f"run{number}"
        self.subtitle, self.tiles = tables.subtitle(record), tables.tiles(record)
        self.verdict, self.kept = tables.verdict(record)
        self.genes, self.costs = tables.genes(record), tables.costs(record)
        self.trials, self.failures = tables.trials(record, self.chosen), tables.failures(record, self.chosen)
        self.trust, self.predictors = tables.trust(record), tables.predictors(record)
        told = record.result
        self.race = None if told.race is None else RaceView(told.race)
        self.rules = rules_table(told.rules, record.metric)
        self.times, self.provenance = tables.times(record), tables.provenance(record)

    @cached_property
    def chosen(self) -> list[int]:
        """Rows of the trials that the page holds: all, or the ones that matter and an even sample."""
        record = self.record
        kept = {record.winner, *record.front.tolist(), *record.records.tolist()}
        rest = np.linspace(0, len(record) - 1, min(self.most, len(record))).round().astype(int).tolist()
        return sorted(kept | set(rest))

    # ---- plots

    @cached_property
    def best_so_far(self) -> Plot:
        """The metric by trial."""
        return plots.best_so_far(self.record, np.array(self.chosen))

    @cached_property
    def against_cost(self) -> Plot | None:
        """The metric against a cost."""
        return plots.against_cost(self.record, np.array(self.chosen))

    @cached_property
    def by_choice(self) -> Plot:
        """The metric by choice."""
        return plots.by_choice(self.record, np.array(self.chosen))

    @property
    def plots(self) -> list[Plot]:
        """All of them."""
        raced = [] if self.race is None else [self.race.plot]
        return [self.best_so_far, *([self.against_cost] if self.against_cost else []), *raced, self.by_choice]

    @cached_property
    def plot_tables(self) -> dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]]:
        """Each plot as a table, by the plot's name."""
        return {plot.name: plot_table(plot) for plot in self.plots}

    def architectures(self) -> dict[str, Any]:
        """The table behind hover labels and copy buttons, as JSON values."""
        record, rows = self.record, np.array(self.chosen)
        known = {"trial": record.numbers, record.metric.label: record.values}
        known |= {plots.cost_title(name): record.cost_of(name) for name in record.costs}
        return {
            "space": None,
            "genes": gene_places(record.space),
            "keys": self.chosen,
            "rows": record.space.spelled(record.population[rows]),
            "columns": [{"name": name, "values": rounded(values[rows])} for name, values in known.items()],
            "front": record.front.tolist(),
            "first": record.winner,
        }

    # ---- to take away

    @property
    def command(self) -> str:
        """What repeats the study; empty where only Python can."""
        return "" if self.record.study.objective.function else repeat_command(self.record.folder)

    @property
    def study(self) -> str:
        """The whole study as YAML; what its program's variables hold may be a secret, and stays out."""
        study = self.record.study
        command = study.objective.command
        if command is not None and command.env:
            hidden = command.model_copy(update={"env": dict.fromkeys(command.env, "...")})
            objective = study.objective.model_copy(update={"command": hidden})
            study = study.model_copy(update={"objective": objective})
        return study.to_yaml()

    @property
    def yaml(self) -> str:
        """The winner's genes as YAML."""
        genes = self.record.architectures[self.record.winner].to_dict()
        return yaml.safe_dump(genes, sort_keys=False, allow_unicode=True)
