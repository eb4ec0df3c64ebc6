"""Several runs on one page: what each found, what each took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from foretell.report import search_plots
from foretell.report.numbers import count, duration, number, short
from foretell.report.plot import Plot, plot_table
from foretell.report.record import RunRecord
from foretell.report.view import Table

__all__ = ["Comparison", "comparison_plots", "titles"]


def titles(records: Sequence[RunRecord]) -> list[str]:
    """The names of runs; with the folder where two have the same."""
    often = Counter(record.result.name for record in records)
    return [
        record.result.name if often[record.result.name] == 1 else f"{record.result.name} ({record.folder.as_posix()})"
        for record in records
    ]


class Comparison:
    """The part of a page that has several runs side by side.

    Args:
        records: At least two.
    """

    def __init__(self, records: Sequence[RunRecord]) -> None:
        self.records, self.titles = records, titles(records)

    @property
    def table(self) -> Table:
        """One row a run."""
        header = ["run", "limits", "", "parameters", "measured ms", "valid BLEU", "test BLEU", "computed", "took"]
        rows = [[title, *self._cells(record)] for title, record in zip(self.titles, self.records, strict=True)]
        return Table("Winners", header, rows, "Computed: scores that were run, all predictors together.")

    def _cells(self, record: RunRecord) -> list[str]:
        result, winner = record.result, record.result.winner
        return [
            result.constraint,
            "kept" if result.constraint_met else "NOT kept",
            short(winner.cost("parameters")),
            number(winner.cost("latency_ms")),
            number(winner.metrics.get("valid_bleu")),
            number(winner.metrics.get("test_bleu")),
            count(sum(result.search.evaluations_distinct.values())),
            duration(sum(result.stages.values())),
        ]

    @property
    def stages(self) -> Table:
        """Seconds by stage and run."""
        names = list(dict.fromkeys(name for record in self.records for name in record.result.stages))
        rows = [
            [name, *(duration(r.result.stages[name]) if name in r.result.stages else "–" for r in self.records)]
            for name in names
        ]
        return Table("Time by stage", ["stage", *self.titles], rows)

    @cached_property
    def plots(self) -> list[Plot]:
        """Scores and fronts over each other, where there are any."""
        known = [
            (r, t) for r, t in zip(self.records, self.titles, strict=True) if len(r.seen) and r.result.search.history
        ]
        if len(known) < 2:
            return []
        records, names = [record for record, _ in known], [title for _, title in known]
        drawn = [search_plots.compare_scores(records, names)]
        if len({record.seen.abscissa for record in records}) == 1:
            drawn.append(search_plots.compare_fronts(records, names))
        return drawn

    @property
    def tables(self) -> dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]]:
        """Each plot as a table, by the plot's name."""
        return {plot.name: plot_table(plot) for plot in self.plots}


def comparison_plots(records: Sequence[RunRecord]) -> list[Plot]:
    """The plots that hold several runs."""
    return Comparison(records).plots
