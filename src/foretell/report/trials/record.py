"""Everything that a page shows of a study of trials, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraint, Constraints
from foretell.display import one_line, shortened
from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.metrics import Metric, metric_from
from foretell.report.result import TrialEntry, TrialResult
from foretell.search.dominance import non_dominated
from foretell.spaces import Architecture, Population, SearchSpace
from foretell.study import TrialStudyConfig, read_study

__all__ = ["LED", "TrialRecord", "trial_record"]

Vector = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

LED = "predictor"
"""The predictor that is none: it draws every trial."""

_LONGEST_REASON = 400
_FAR = 6


@dataclass(frozen=True, eq=False)
class TrialRecord:
    """A study of trials; its trials are rows, 0 to n - 1, in the order in which they were asked for.

    Attributes:
        folder: Where it is.
        result: What came out.
        study: What was asked for.
        space: What could be chosen.
        metric: What was to become good, with as many digits as its values need.
        architectures: Of the trials, `n` of them.
        limits: The study's limits in absolute numbers.
        winner: The row of the best.
        missing: Parts that cannot be shown, and why; a study of trials has all of them.
    """

    folder: Path
    result: TrialResult
    study: TrialStudyConfig
    space: SearchSpace
    metric: Metric
    architectures: tuple[Architecture, ...]
    limits: Constraints
    winner: int
    missing: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.result.trials)

    @property
    def best(self) -> TrialEntry:
        """The winner's trial."""
        return self.result.trials[self.winner]

    @cached_property
    def population(self) -> Population:
        """What was trained, `int16 [n, columns]`."""
        return self.space.population(self.architectures)

    @cached_property
    def numbers(self) -> Vector:
        """The trials' numbers, from 0, `[n]`."""
        return np.array([each.trial for each in self.result.trials], dtype=np.float64)

    @cached_property
    def values(self) -> Vector:
        """The metric, `[n]`; NaN where a trial failed."""
        return np.array([_value(each, self.metric) for each in self.result.trials], dtype=np.float64)

    @cached_property
    def finished(self) -> Mask:
        """Which trials have a value, `[n]`."""
        return np.isfinite(self.values)

    @cached_property
    def whole(self) -> Mask:
        """Which trials have a value after as much of a training as the winner's, `[n]`."""
        return self.finished & np.array([each.fidelity == self.best.fidelity for each in self.result.trials])

    @cached_property
    def kept(self) -> Mask:
        """Which of them keep all limits, `[n]`."""
        return self.whole & np.array([each.kept for each in self.result.trials], dtype=bool)

    @cached_property
    def designed(self) -> Mask:
        """Which trials a design chose, before the predictor took over, `[n]`."""
        search = self.result.search
        return (self.numbers < search.startup) & (search.algorithm == LED)

    @property
    def chooser(self) -> str:
        """Who chose the other trials."""
        search = self.result.search
        name = one_line(search.predictor if search.algorithm == LED else search.algorithm)
        return "drawn at random" if name == "random" else f"chosen by {name}"

    def how(self, row: int) -> str:
        """Who chose a trial."""
        if self.result.trials[row].raced:
            return "raced"
        return "designed" if self.designed[row] else self.chooser

    def reason(self, row: int) -> str:
        """Why a trial has no value."""
        said = self.result.trials[row].failed or f"it told no {self.metric.key}"
        return shortened(one_line(said), _LONGEST_REASON)

    # ---- costs

    @cached_property
    def costs(self) -> tuple[str, ...]:
        """The costs on record, limited ones first."""
        recorded = dict.fromkeys(name for each in self.result.trials for name in each.costs)
        limited = [name for name in self.limits.cost_names if name in recorded]
        return tuple(dict.fromkeys([*limited, *(n for n in recorded if not n.startswith("latency_ms_"))]))

    @property
    def cost(self) -> str | None:
        """The cost that the metric is drawn over: the first limited one, else the first; None without any."""
        return next(iter(self.costs), None)

    def cost_of(self, name: str) -> Vector:
        """A cost of all trials, `[n]`; NaN where it is not on record."""
        return np.array([each.costs.get(name, np.nan) for each in self.result.trials], dtype=np.float64)

    def limit(self, name: str) -> Constraint | None:
        """The first limit on a cost."""
        return next((item for item in self.limits if item.cost == name), None)

    @cached_property
    def front(self) -> Rows:
        """Trials that keep the limits and that no other such trial beats in both cost and metric, cheapest first."""
        if self.cost is None:
            return np.array([], dtype=np.intp)
        limit, cost = self.limit(self.cost), self.cost_of(self.cost)
        price = cost if limit is None or limit.is_upper else -cost
        rows = np.flatnonzero(self.kept & np.isfinite(cost))
        badness = -self.metric.goodness(self.values[rows])
        best = rows[non_dominated(np.column_stack([price[rows], badness]))]
        order: Rows = best[np.argsort(price[best], kind="stable")]
        return order

    # ---- the metric over time

    @cached_property
    def records(self) -> Rows:
        """Trials that were better than all before them that keep the limits."""
        goodness = np.where(self.kept, self.metric.goodness(self.values), -np.inf)
        before = np.concatenate([[-np.inf], np.maximum.accumulate(goodness)[:-1]])
        return np.flatnonzero(goodness > before)

    @cached_property
    def far(self) -> Mask:
        """Finished trials so much worse than the others that an axis which reaches them shows nothing else, `[n]`."""
        goodness = self.metric.goodness(self.values)
        short = np.nanmax(goodness) - goodness
        usual = np.nanquantile(short, 0.75)
        return self.finished & (short > _FAR * usual) if usual > 0 else np.zeros(len(self), dtype=bool)

    @cached_property
    def edge(self) -> float:
        """Where on the metric's axis trials stand that have no place on it: beyond the worst that is drawn."""
        drawn = self.values[self.finished & ~self.far]
        worst, best = self.metric.worst(drawn), self.metric.best(drawn)
        span = abs(worst - best) or 0.1 * abs(best) or 1.0
        return float(worst - self.metric.goodness(0.08 * span))


def trial_record(folder: Path, result: TrialResult) -> TrialRecord:
    """What a page shows of a study of trials.

    Args:
        folder: The run's folder, with its `study.yaml`.
        result: Its `result.json`.

    Raises:
        InputError: The study cannot be read.
        IntegrityError: The result does not fit the study, or itself.
    """
    study = _study(folder / "study.yaml")
    path = folder / "result.json"
    try:
        space, metric = study.search_space(), metric_from(result.metric)
        architectures = tuple(Architecture.from_dict(space, each.architecture) for each in result.trials)
        limits = Constraints.parse([] if result.constraint == "none" else result.constraint.split(","))
        limits = limits.told_as(study.objective.costs)
    except ForetellError as error:
        raise IntegrityError(f"{path} does not fit its study: {error}") from None
    values = {each.trial: _value(each, metric) for each in result.trials}
    rows = {each.trial: row for row, each in enumerate(result.trials)}
    if len(rows) < len(result.trials):
        raise IntegrityError(f"{path} holds a trial twice; restore the run's folder.")
    winner = result.winner.trial
    if not np.isfinite(values.get(winner, np.nan)):
        raise IntegrityError(f"{path} names trial {winner} as the winner, which has no value; restore the folder.")
    metric = metric.for_labels([value for value in values.values() if np.isfinite(value)])
    return TrialRecord(folder, result, study, space, metric, architectures, limits, rows[winner])


def _study(path: Path) -> TrialStudyConfig:
    study = read_study(path)
    if not isinstance(study, TrialStudyConfig):
        raise InputError(f"{path} is no study of trials, but result.json is of one; restore the run's folder.")
    return study


def _value(entry: TrialEntry, metric: Metric) -> float:
    """The metric of a trial; NaN where it failed."""
    return float("nan") if entry.failed else entry.metrics.get(metric.key, float("nan"))
