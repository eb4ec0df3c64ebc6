"""How good predictions are: every measure for many resamplings at once.

A resampling is a row of counts, how often each architecture was drawn, so a bootstrap is one matrix product
and not a thousand loops. A single row of ones gives the plain figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from foretell.metrics import Metric
from foretell.predictors import Prediction

__all__ = ["LEVEL", "MEASURES", "TOP", "Judged", "discordant_matrix", "measure"]

Array = npt.NDArray[np.float64]

MEASURES = ("mae", "tau", "spearman", "tau_in_depth", "regret", "coverage")
"""Mean absolute error; Kendall tau-b; Spearman; tau-b over pairs of equal decoder depth; what the best of
the predicted top three falls short of the best; share of labels inside the central interval. Which labels and
predictions are better, the metric says."""

TOP = 3
LEVEL = 0.9
"""The nominal level of the intervals whose coverage is reported."""

_RISING = Metric("score", "score")
"""What labels are where nobody says more: higher is better."""

# Predictions this close are the same prediction: rounding must not break ties.
_TIE = 1e-9


@dataclass(frozen=True)
class Judged:
    """Predictions beside the truth.

    Attributes:
        truth: Labels in the metric's own unit, `[n]`.
        depth: Decoder depth or any other group, `[n]`.
        mean: Predicted, as in `Prediction.mean`, `[n]`; NaN where the predictor abstained.
        std: Predicted standard deviations, `[n]`, or None.
        calibrated: Whether `mean` is in the labels' unit.
        quality: The metric; its direction says which label, and which calibrated prediction, is better.
    """

    truth: Array
    depth: npt.NDArray[np.int64]
    mean: Array
    std: Array | None
    calibrated: bool
    quality: Metric = _RISING

    @classmethod
    def of(
        cls,
        prediction: Prediction,
        truth: Array,
        depth: npt.NDArray[np.int64],
        *,
        calibrated: bool,
        quality: Metric = _RISING,
    ) -> Judged:
        """Put a prediction beside the labels."""
        return cls(truth, depth, prediction.mean, prediction.std, calibrated, quality)

    @property
    def true_goodness(self) -> Array:
        """The labels, turned so that more is better, `[n]`."""
        return self.quality.goodness(self.truth)

    @property
    def goodness(self) -> Array:
        """The predictions, turned so that more is better, `[n]`."""
        return self.quality.goodness(self.mean) if self.calibrated else self.mean


def measure(judged: Judged, counts: Array) -> dict[str, Array]:
    """All measures for all resamplings.

    Args:
        judged: Predictions and labels of n architectures.
        counts: How often each was drawn, `[draws, n]`.

    Returns:
        By name, `[draws]` each; NaN where a measure means nothing (no spread, no interval, other unit).
    """
    known = ~np.isnan(judged.mean)
    c = counts[:, known]
    truth, mean = judged.true_goodness[known], judged.goodness[known]
    everyone = np.ones((len(truth), len(truth)))
    same = (judged.depth[known][:, None] == judged.depth[known][None]).astype(np.float64)
    nothing = np.full(len(c), np.nan)
    return {
        "mae": _average(c, np.abs(mean - truth)) if judged.calibrated else nothing,
        "tau": _tau(c, mean, truth, everyone),
        "spearman": _spearman(c, mean, truth),
        "tau_in_depth": _tau(c, mean, truth, same),
        "regret": _regret(c, mean, truth),
        "coverage": _coverage(judged, known, c) if judged.calibrated and judged.std is not None else nothing,
    }


def _average(counts: Array, values: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return (counts @ values) / counts.sum(axis=1)


def _signs(values: Array) -> Array:
    apart = values[:, None] - values[None]
    signs: Array = np.where(np.abs(apart) <= _TIE, 0.0, np.sign(apart))
    return signs


def _pairs(counts: Array, weights: Array) -> Array:
    """Sum of pairwise weights over all drawn pairs, `[draws]`."""
    return ((counts @ weights) * counts).sum(axis=1)


def _tau(counts: Array, mean: Array, truth: Array, mask: Array) -> Array:
    x, y = _signs(mean), _signs(truth)
    free = _pairs(counts, x**2 * mask) * _pairs(counts, y**2 * mask)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _pairs(counts, x * y * mask) / np.sqrt(free)


def _spearman(counts: Array, mean: Array, truth: Array) -> Array:
    ranks = [counts @ (0.5 * (1 - _signs(values))) for values in (mean, truth)]
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (each - (counts * each).sum(axis=1, keepdims=True) / total for each in ranks)
        spread = (counts * x**2).sum(axis=1) * (counts * y**2).sum(axis=1)
        return np.where(spread > _TIE, (counts * x * y).sum(axis=1) / np.sqrt(spread), np.nan)


def _regret(counts: Array, mean: Array, truth: Array) -> Array:
    """Ties among predictions count as their worst order: nobody can rely on a lucky one."""
    order = np.lexsort((truth, -np.round(mean, 9)))
    drawn = counts[:, order] > 0
    picked = drawn & (np.cumsum(drawn, axis=1) <= TOP)
    best = np.where(drawn, truth[order], -np.inf).max(axis=1, initial=-np.inf)
    found = np.where(picked, truth[order], -np.inf).max(axis=1, initial=-np.inf)
    with np.errstate(invalid="ignore"):
        return best - found


def _coverage(judged: Judged, known: npt.NDArray[np.bool_], counts: Array) -> Array:
    assert judged.std is not None  # noqa: S101 - the caller has looked
    half = NormalDist().inv_cdf(0.5 + LEVEL / 2) * judged.std[known]
    return _average(counts, (np.abs(judged.mean - judged.truth)[known] <= half).astype(np.float64))


def discordant_matrix(judged: Judged) -> npt.NDArray[np.bool_]:
    """Which pairs are predicted the wrong way round, `bool [n, n]`; ties are neither."""
    filled = np.where(np.isnan(judged.mean), np.inf, judged.goodness)
    with np.errstate(invalid="ignore"):
        signs = np.nan_to_num(_signs(filled))
    wrong: npt.NDArray[np.bool_] = signs * _signs(judged.true_goodness) < 0
    known = ~np.isnan(judged.mean)
    return wrong & known[:, None] & known[None]
