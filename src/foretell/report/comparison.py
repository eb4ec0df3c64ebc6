"""Several runs on one page: what each found, what each took."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from foretell.metrics import metric_named
from foretell.report.numbers import count, duration, number, short
from foretell.report.plot import Panel, Plot, Series, plot_table
from foretell.report.record import RunRecord
from foretell.report.search_plots import ABSCISSAE, unit_of
from foretell.report.tables import Table

__all__ = ["Comparison"]


class Comparison:
    """The part of a page that has several runs side by side.

    Args:
        records: At least two.
        titles: Their names, each once.
    """

    def __init__(self, records: Sequence[RunRecord], titles: Sequence[str]) -> None:
        self.records, self.titles = records, titles

    @property
    def tables(self) -> list[Table]:
        """The winners, and seconds by stage."""
        return [self._winners(), self._stages()]

    def _winners(self) -> Table:
        """One row a run."""
        judged = [metric_named(name).label for name in self.records[0].result.reported]
        header = ["run", "limits", "", "parameters", "measured ms", *judged, "computed", "took"]
        rows = [[title, *self._cells(record)] for title, record in zip(self.titles, self.records, strict=True)]
        return Table("Winners", header, rows, "Computed: scores that were run, all predictors together.")

    def _cells(self, record: RunRecord) -> list[str]:
        result, winner = record.result, record.result.winner
        return [
            result.constraint,
            "kept" if result.constraint_met else "NOT kept",
            short(winner.cost("parameters")),
            number(winner.cost("latency_ms")),
            *(number(winner.metrics.get(name)) for name in result.reported),
            count(sum(result.search.evaluations_distinct.values())),
            duration(sum(result.stages.values())),
        ]

    def _stages(self) -> Table:
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
        drawn = [_scores(records, names)]
        if len({record.seen.abscissa for record in records}) == 1:
            drawn.append(_fronts(records, names))
        return drawn

    @property
    def plot_tables(self) -> dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]]:
        """Each plot as a table, by the plot's name."""
        return {plot.name: plot_table(plot) for plot in self.plots}


def _scores(runs: Sequence[RunRecord], names: Sequence[str]) -> Plot:
    """Best score by iteration of several runs, under the predictor that decided in each."""
    series = []
    for place, (run, name) in enumerate(zip(runs, names, strict=True)):
        rows = [each for each in run.result.search.history if each.predictor == run.judge]
        x = np.array([each.iteration for each in rows], dtype=float)
        y = np.array([each.best for each in rows], dtype=float)
        series.append(Series(name, x, y, kind="line", colour=place % 6, size=6, dashed=place % 2 == 1))
    return Plot(
        name="compare-scores",
        title="Best score by iteration, under the predictor that decided",
        about="Only runs that share a supernet have scores of one scale.",
        alt="; ".join(f"{s.name} ends at {s.y[-1]:.4g}" for s in series) + ".",
        panels=[Panel("", "iteration", unit_of(runs[0], runs[0].judge), series, whole=True)],
    )


def _fronts(runs: Sequence[RunRecord], names: Sequence[str]) -> Plot:
    """The front of each run, its winner as a star."""
    series = []
    for place, (run, name) in enumerate(zip(runs, names, strict=True)):
        seen, front = run.seen, run.seen.front(run.judge)
        cost, score = seen.costs[seen.abscissa], seen.scores[run.judge]
        winner = _winner(run)
        colour = place % 6
        series.append(Series(name, cost[front], score[front], kind="steps", colour=colour, size=6))
        series.append(Series(f"{name}: winner", cost[winner], score[winner], colour=colour, symbol="star", size=15))
    return Plot(
        name="compare-fronts",
        title="The front of each run",
        about="Up is better, left is cheaper. Only runs that share a supernet have scores of one scale, and only runs "
        "of one device share a latency.",
        alt="; ".join(
            f"the front of {n} has {len(r.seen.front(r.judge))} architectures" for r, n in zip(runs, names, strict=True)
        )
        + ".",
        panels=[
            Panel(
                "", ABSCISSAE[runs[0].seen.abscissa], unit_of(runs[0], runs[0].judge), [s for s in series if len(s.x)]
            )
        ],
    )


def _winner(run: RunRecord) -> np.ndarray:
    """The winner's row, if the predictor that decided has scored it."""
    row = run.seen.row(run.winner)
    return np.array([] if row is None or run.seen.score(run.judge, run.winner) is None else [row], dtype=np.intp)
