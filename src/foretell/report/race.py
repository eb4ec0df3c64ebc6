"""The race of a run, and what simple rules would have picked: as tables and a small figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from foretell.display import plain
from foretell.metrics import Metric, metric_from
from foretell.report.numbers import duration
from foretell.report.plot import GREY, Panel, Plot, Series
from foretell.report.result import RaceTold, RuleTold, Standing
from foretell.report.tables import Table

__all__ = ["RaceView", "rules_table"]


@dataclass(frozen=True, eq=False)
class RaceView:
    """What the page shows of a race.

    Attributes:
        told: As `result.json` has it.
    """

    told: RaceTold

    @cached_property
    def metric(self) -> Metric:
        """What was to become good."""
        return metric_from(self.told.metric)

    @property
    def standings(self) -> Table:
        """Who went how far, and what was seen on each rung."""
        shares = [rung.share for rung in self.told.rungs]
        rows = [
            [
                f"entrant {each.entrant + 1}",
                *("" if (value := self._seen(each, share)) is None else self.metric.format(value) for share in shares),
                f"NOT finished: {plain(each.failed)}" if each.failed else f"{100 * each.chance:.0f} %",
            ]
            for each in self.told.standings
        ]
        note = (
            f"The winner is the best of those that raced with probability {self.told.probability:.2f}: drawn from what "
            "is believed of each after everything that was seen. Empty cells: it had left, or did not finish."
        )
        header = ["", *(f"after {round(100 * share, 1):g} %" for share in shares), "is the best"]
        return Table(f"The race: {self.metric.title}", header, rows, note)

    @property
    def rungs(self) -> Table:
        """What each rung cost."""
        rows = [
            [
                f"{round(100 * each.share, 1):g} %",
                str(each.trained),
                str(each.failed),
                str(each.early),
                duration(each.seconds),
            ]
            for each in self.told.rungs
        ]
        way = "Each rung was trained anew" if self.told.anew else "Each training goes on from the rung before"
        note = (
            f"{way}; planned were {self.told.planned_trainings:.1f} full trainings. Early are those that went on "
            "before the rung below was settled, because a worker was free. Seconds are the trainings', added up."
        )
        return Table("What each rung cost", ["rung", "trained", "failed", "early", "took"], rows, note)

    @cached_property
    def plot(self) -> Plot:
        """The metric by rung: who left, who went on, and the winner."""
        winner = self.told.standings[0]
        left, on = self._points(going_on=False), self._points(going_on=True)
        own = [(each.share, value) for each in winner.seen if (value := each.metrics.get(self.metric.key)) is not None]
        series = [
            Series("left here", left[0], left[1], colour=GREY, faint=True, symbol="cross"),
            Series("went on", on[0], on[1], colour=0),
            Series(
                "winner",
                np.array([100 * share for share, _ in own]),
                np.array([value for _, value in own]),
                kind="line",
                colour=4,
                symbol="star",
                size=11,
            ),
        ]
        numbers = ", ".join(str(rung.trained) for rung in self.told.rungs)
        shares = ", ".join(f"{round(100 * rung.share, 1):g}" for rung in self.told.rungs)
        return Plot(
            name="race",
            title="The race",
            about=f"Each mark is a training so far; {self.metric.direction}. Who goes on is decided by all that is "
            "believed of an entrant, not by this value alone.",
            alt=f"{self.metric.label} of {numbers} entrants after {shares} % of a training.",
            panels=[
                Panel(
                    "",
                    "share of the full training, %",
                    self.metric.title,
                    [each for each in series if len(each.x)],
                )
            ],
        )

    def _points(self, *, going_on: bool) -> tuple[np.ndarray, np.ndarray]:
        found = []
        for each in self.told.standings[1:]:
            last = len(each.seen) - 1
            for place, seen in enumerate(each.seen):
                if self.metric.key in seen.metrics and (place < last) == going_on:
                    found.append((100 * seen.share, seen.metrics[self.metric.key]))
        points = np.array(found, dtype=np.float64).reshape(-1, 2)
        return points[:, 0], points[:, 1]

    def _seen(self, entrant: Standing, share: float) -> float | None:
        for each in entrant.seen:
            if each.share == share:
                return each.metrics.get(self.metric.key)
        return None


def rules_table(rules: Sequence[RuleTold], metric: Metric) -> Table | None:
    """What simple rules would have picked; None where there are none."""
    rows = []
    for rule in rules:
        said = rule.predicted
        if rule.trained and metric.key in rule.metrics:
            value, how = metric.format(rule.metrics[metric.key]), "trained"
        elif said is not None and said.metric == metric.key:
            spread = "" if said.std is None else f" ± {metric.format(said.std)}"
            value, how = metric.format(said.mean) + spread, f"predicted by {plain(said.by)}"
        else:
            value, how = "–", "not trained"
        raced = f", raced to {round(100 * rule.reached, 1):g} %" if rule.reached else ""
        rows.append([plain(rule.rule), plain(rule.about), value, how + raced])
    note = "A search is worth its time where its winner beats all of these."
    return (
        Table("What simple rules would have picked", ["rule", "picks", metric.label, ""], rows, note) if rows else None
    )
