"""What parts of trainings tell of their ends: a joint Gaussian of final quality and of what is seen on rungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from foretell.metrics import Metric, metric_named
from foretell.outliers import clip_outliers

__all__ = ["Belief", "RungModel", "Signal", "chance_of_best", "signals_for"]

Array = npt.NDArray[np.float64]
Kind = Literal["loss", "score"]

_KNOTS = (0.125, 0.25, 0.5, 1.0)
"""Shares of the full training at which correlations are on record."""

_ENDS_IN_LOSS = (
    # The loss at the knots, and the final loss without noise.
    (1.00, 0.90, 0.85, 0.85, 0.84),
    (0.90, 1.00, 0.97, 0.96, 0.95),
    (0.85, 0.97, 1.00, 0.99, 0.98),
    (0.85, 0.96, 0.99, 1.00, 0.99),
    (0.84, 0.95, 0.98, 0.99, 1.00),
)
_ENDS_IN_SCORE = (
    # The loss at the knots; BLEU or chrF of the validation sentences at the knots; the final score without noise.
    (1.00, 0.90, 0.85, 0.85, 0.67, 0.30, 0.30, 0.46, 0.43),
    (0.90, 1.00, 0.97, 0.96, 0.78, 0.57, 0.60, 0.73, 0.71),
    (0.85, 0.97, 1.00, 0.98, 0.75, 0.59, 0.64, 0.76, 0.74),
    (0.85, 0.96, 0.98, 1.00, 0.73, 0.55, 0.60, 0.74, 0.72),
    (0.67, 0.78, 0.75, 0.73, 1.00, 0.74, 0.68, 0.76, 0.73),
    (0.30, 0.57, 0.59, 0.55, 0.74, 1.00, 0.91, 0.87, 0.89),
    (0.30, 0.60, 0.64, 0.60, 0.68, 0.91, 1.00, 0.94, 0.95),
    (0.46, 0.73, 0.76, 0.74, 0.76, 0.87, 0.94, 1.00, 0.97),
    (0.43, 0.71, 0.74, 0.72, 0.73, 0.89, 0.95, 0.97, 1.00),
)
"""Correlations over random architectures: losses of 114 trainings of three language pairs, the rest of 20 architectures
of English-Irish and the mean over BLEU and chrF (`benchmarks/rungs.py`, results/rungs-en-ga.jsonl)."""

_UNSURE = 0.05
"""Variance that is added to every signal: correlations of a few dozen trainings are not known better."""
_SAME_SCALE = 4.0
"""So many more entrants' worth is believed that a metric spreads on a rung as it did on the one before."""
_DRAWS = 20_000


@dataclass(frozen=True)
class Belief:
    """How good entrants are believed to be.

    Attributes:
        mean: `float64 [n]`, in standard deviations of the quality of random architectures, from their mean.
        std: Of each, `float64 [n]`.
    """

    mean: Array
    std: Array


@dataclass(frozen=True)
class Signal:
    """A metric that is looked at on a rung.

    Attributes:
        metric: Which.
        share: How far trained.
    """

    metric: Metric
    share: float

    @property
    def kind(self) -> Kind:
        """How the metric goes with its end: as losses do, or as scores do."""
        return "score" if self.metric.higher_is_better else "loss"


def signals_for(target: Metric, rungs: Sequence[float], offered: Sequence[str]) -> tuple[Signal, ...]:
    """What to look at on rungs: the target itself and, beside a score, the first loss that the objective tells.

    Args:
        target: What is to become good.
        rungs: Shares of the full training.
        offered: The objective's metrics.
    """
    chosen = [target]
    if target.higher_is_better:
        losses = [metric for name in offered if not (metric := metric_named(name)).higher_is_better]
        chosen += [metric for metric in losses if "loss" in metric.key][:1]
    return tuple(Signal(metric, share) for share in rungs for metric in chosen)


class RungModel:
    """Updates beliefs by what was seen on rungs.

    Final quality and signals are jointly Gaussian over random architectures, with the correlations that
    the reference benchmark has; signals of later rungs are believed as far as they say something new. Only their
    order and relative distances on a rung count: offset and scale of each signal are set so that its spread among the
    entrants on the rung is the one that is expected of them, whatever was seen before. A metric that spread so much on
    one rung is believed to spread alike on the next, so that the last two are not thought far apart because they are
    the only ones left.

    Args:
        target: What is to become good.
        signals: What is looked at.
    """

    def __init__(self, target: Metric, signals: Sequence[Signal]) -> None:
        kind: Kind = "score" if target.higher_is_better else "loss"
        self.signals = tuple(sorted(signals, key=lambda each: each.share))
        self.between, self.with_end = _correlations(kind, self.signals)
        self._noise = self.between - np.outer(self.with_end, self.with_end) + _UNSURE * np.eye(len(self.signals))

    def update(self, prior: Belief, seen: Array) -> Belief:
        """What is believed after looking.

        Args:
            prior: What was believed before any training, of all entrants.
            seen: Values of the signals in their own units, in the order of `signals`, `[n, signals]`; NaN where
                nothing was seen.
        """
        standard = np.full(seen.shape, np.nan)
        scales: dict[str, float] = {}
        for column, signal in enumerate(self.signals):
            rows = np.flatnonzero(np.isfinite(seen[:, column]))
            if len(rows) < 2:
                continue
            values = clip_outliers(np.asarray(signal.metric.goodness(seen[rows, column])))
            expected = np.array([self._expected(prior, standard, int(row), column) for row in rows])
            known = scales.get(signal.metric.key)
            scale = _scale(values, float(expected[:, 0].var(ddof=1) + expected[:, 1].mean()), known)
            if scale == 0:
                continue
            scales[signal.metric.key] = scale
            standard[rows, column] = (values - values.mean()) / scale + expected[:, 0].mean()
        after = np.array([self._end(prior, standard, row) for row in range(len(seen))]).reshape(-1, 2)
        return Belief(after[:, 0], np.sqrt(after[:, 1]))

    def _given(self, prior: Belief, standard: Array, row: int) -> tuple[npt.NDArray[np.intp], Array, float, float]:
        """The signals that an entrant has, how far they are from what was expected, and its prior."""
        had = np.flatnonzero(np.isfinite(standard[row]))
        mean, variance = float(prior.mean[row]), float(prior.std[row] ** 2)
        return had, standard[row, had] - self.with_end[had] * mean, mean, variance

    def _expected(self, prior: Belief, standard: Array, row: int, column: int) -> tuple[float, float]:
        """Mean and variance of a signal that is still to come."""
        had, surprise, mean, variance = self._given(prior, standard, row)
        slope = self.with_end[column]
        joint = variance * slope * self.with_end[had] + self._noise[column, had]
        gain = np.linalg.solve(self._spread(had, variance), joint) if len(had) else joint
        own = variance * slope**2 + self._noise[column, column]
        return float(slope * mean + gain @ surprise), float(own - gain @ joint)

    def _end(self, prior: Belief, standard: Array, row: int) -> tuple[float, float]:
        """Mean and variance of an entrant's final quality."""
        had, surprise, mean, variance = self._given(prior, standard, row)
        joint = variance * self.with_end[had]
        gain = np.linalg.solve(self._spread(had, variance), joint) if len(had) else joint
        return float(mean + gain @ surprise), max(float(variance - gain @ joint), 0.0)

    def _spread(self, had: npt.NDArray[np.intp], variance: float) -> Array:
        """Covariance of the signals that an entrant has."""
        slopes = self.with_end[had]
        spread: Array = variance * np.outer(slopes, slopes) + self._noise[np.ix_(had, had)]
        return spread


def chance_of_best(belief: Belief, alive: Sequence[int], rng: np.random.Generator) -> Array:
    """How probable it is of each entrant that it is the best of those that are alive, `[n]`; by drawing.

    Args:
        belief: Of all entrants.
        alive: Those that count; the others have no chance.
        rng: Draws.
    """
    chances = np.zeros(len(belief.mean))
    rows = np.asarray(alive, dtype=np.intp)
    if len(rows):
        drawn = belief.mean[rows] + belief.std[rows] * rng.normal(size=(_DRAWS, len(rows)))
        chances[rows] = np.bincount(drawn.argmax(axis=1), minlength=len(rows)) / _DRAWS
    return chances


def _correlations(target: Kind, signals: Sequence[Signal]) -> tuple[Array, Array]:
    """Correlations of signals with each other `[s, s]`, and with the end `[s]`."""
    table = np.array(_ENDS_IN_LOSS if target == "loss" else _ENDS_IN_SCORE)
    knots = len(_KNOTS)
    weights, faded = np.zeros((len(signals), len(table) - 1)), np.ones(len(signals))
    for row, signal in enumerate(signals):
        start = knots if target == "score" and signal.kind == "score" else 0
        place = float(np.interp(np.log2(signal.share), np.log2(_KNOTS), np.arange(knots)))
        low = min(int(place), knots - 2)
        weights[row, start + low : start + low + 2] = 1 - (place - low), place - low
        # Before the first knot a signal is worth less and less.
        faded[row] = min(1.0, np.sqrt(signal.share / _KNOTS[0]))
    covered = weights @ table[:-1, :-1] @ weights.T
    size = np.sqrt(np.diag(covered))
    between = covered / np.outer(size, size) * np.outer(faded, faded)
    np.fill_diagonal(between, 1.0)
    return between, weights @ table[:-1, -1] / size * faded


def _scale(values: Array, expected: float, known: float | None) -> float:
    """A signal's own units for one standard deviation; 0 where it says nothing."""
    found = values.var(ddof=1) / expected
    if known is None:
        return float(np.sqrt(found))
    weight = len(values) - 1
    return float(np.sqrt((_SAME_SCALE * known**2 + weight * found) / (_SAME_SCALE + weight)))
