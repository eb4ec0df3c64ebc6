"""Several studies of trials on one page: what each found, what each took."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from foretell.report.numbers import amount, count, duration
from foretell.report.plot import Panel, Plot, plot_table
from foretell.report.tables import Table
from foretell.report.trials.plots import cost_title, spelled, steps
from foretell.report.trials.record import TrialRecord

__all__ = ["TrialComparison"]


class TrialComparison:
    """The part of a page that has several studies side by side.

    Args:
        records: At least two.
        titles: Their names, each once.
    """

    def __init__(self, records: Sequence[TrialRecord], titles: Sequence[str]) -> None:
        self.records, self.titles = records, titles

    @property
    def tables(self) -> list[Table]:
        """One row a study, and the genes of the winners."""
        header = ["run", "limits", "metric", "winner", "costs", "finished", "failed", "training took"]
        rows = [[title, *_cells(record)] for title, record in zip(self.titles, self.records, strict=True)]
        genes = dict.fromkeys(gene.name for record in self.records for gene in record.space.genes)
        won = [record.architectures[record.winner] for record in self.records]
        values = [[name, *(spelled(each[name]) if name in each else "–" for each in won)] for name in genes]
        return [Table("Winners", header, rows), Table("Their genes", ["gene", *self.titles], values)]

    @cached_property
    def plots(self) -> list[Plot]:
        """The best so far of all, where they have one metric."""
        first = self.records[0].metric
        if any((r.metric.title, r.metric.key) != (first.title, first.key) for r in self.records):
            return []
        series = [
            steps(record, title, place % 6)
            for place, (record, title) in enumerate(zip(self.records, self.titles, strict=True))
        ]
        found = [
            f"{t} reaches {r.metric.format(r.values[r.winner])}" for t, r in zip(self.titles, self.records, strict=True)
        ]
        return [
            Plot(
                name="compare-best",
                title="Best so far",
                about=f"The best trial so far that keeps its study's limits; {first.direction}.",
                alt="; ".join(found) + ".",
                panels=[Panel("", "trial", first.title, series, whole=True)],
            )
        ]

    @property
    def plot_tables(self) -> dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]]:
        """Each plot as a table, by the plot's name."""
        return {plot.name: plot_table(plot) for plot in self.plots}


def _cells(record: TrialRecord) -> list[str]:
    done = int(record.finished.sum())
    costs = ", ".join(f"{cost_title(name)} {amount(record.best.costs.get(name))}" for name in record.costs)
    return [
        record.result.constraint,
        record.metric.title,
        record.metric.format(record.values[record.winner]),
        costs or "–",
        count(done),
        count(len(record) - done),
        duration(sum(each.seconds for each in record.result.trials)),
    ]
