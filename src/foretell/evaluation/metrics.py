"""How good predictions are: every measure for many resamplings at once.

A resampling is a row of counts, how often each architecture was drawn, so a bootstrap is one matrix product
and not a thousand loops. A single row of ones gives the plain figures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from foretell.metrics import Metric
from foretell.predictors import Prediction

__all__ = ["DENSE", "LEVEL", "MEASURES", "NEAR", "TOP", "Judged", "discordant_matrix", "figures", "measure"]

Array = npt.NDArray[np.float64]

MEASURES = ("mae", "tau", "spearman", "tau_in_depth", "regret", "coverage", "same_size_tau", "pearson", "rank")
"""Mean absolute error; Kendall tau-b; Spearman; tau-b over pairs of equal decoder depth; what the best of
the predicted top falls short of the best; share of labels inside the central interval; tau-b over pairs within
`NEAR` of each other's size, where a search under a limit lives; Pearson; the true rank of the best of the predicted
top, 1 for the best of all. Which labels and predictions are better, the metric says."""

NEAR = 0.1
"""Sizes that differ by no more, as a share of the smaller one, are the same."""

DENSE = 400
"""Up to so many architectures every pair is weighed in every resampling; beyond, see `figures` and `Bootstrap`."""

_MOST_PAIRED = 1500
"""Rows of which all pairs are looked at for taus over some pairs only; more are represented by that many."""

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
        size: What pairs of the same size are told by, `[n]`, NaN where it is not known; None: there is none.
        top: How many of the best predictions a search would train.
    """

    truth: Array
    depth: npt.NDArray[np.int64]
    mean: Array
    std: Array | None
    calibrated: bool
    quality: Metric = _RISING
    size: Array | None = None
    top: int = TOP

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

    def take(self, rows: npt.NDArray[np.intp]) -> Judged:
        """Some of the rows."""
        std = None if self.std is None else self.std[rows]
        size = None if self.size is None else self.size[rows]
        return replace(self, truth=self.truth[rows], depth=self.depth[rows], mean=self.mean[rows], std=std, size=size)

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
        "regret": _regret(c, mean, truth, judged.top),
        "coverage": _coverage(judged, known, c) if judged.calibrated and judged.std is not None else nothing,
        "same_size_tau": nothing if judged.size is None else _tau(c, mean, truth, _near(judged.size[known])),
        "pearson": _pearson(c, mean, truth),
        "rank": _rank(c, mean, truth, judged.top),
    }


def figures(judged: Judged) -> dict[str, float]:
    """All measures of the rows as they are, in n log n where there are many.

    Taus over some pairs only (one depth, one size) are then those of a fixed sample of `_MOST_PAIRED` rows.
    """
    if len(judged.truth) <= DENSE:
        return {key: float(value[0]) for key, value in measure(judged, np.ones((1, len(judged.truth)))).items()}
    from scipy.stats import kendalltau, rankdata

    known = ~np.isnan(judged.mean)
    some = np.flatnonzero(known)
    if len(some) > _MOST_PAIRED:
        some = np.sort(np.random.default_rng(0).permutation(some)[:_MOST_PAIRED])
    rows = judged.take(some)
    truth, mean = judged.true_goodness[known], judged.goodness[known]
    ones = np.ones((1, len(truth)))
    x, y = np.round(mean, 9), np.round(truth, 9)
    varied = len(truth) > 1 and float(np.ptp(x)) > 0 and float(np.ptp(y)) > 0
    pairs = np.ones((1, len(some)))
    same = (rows.depth[:, None] == rows.depth[None]).astype(np.float64)
    found = {
        "mae": _average(ones, np.abs(mean - truth)) if judged.calibrated else np.array([np.nan]),
        "tau": kendalltau(x, y).statistic if varied else np.nan,
        "spearman": _pearson(ones, rankdata(x), rankdata(y)),
        "tau_in_depth": _tau(pairs, rows.goodness, rows.true_goodness, same),
        "regret": _regret(ones, mean, truth, judged.top),
        "coverage": _coverage(judged, known, ones) if judged.calibrated and judged.std is not None else np.nan,
        "same_size_tau": np.nan
        if rows.size is None
        else _tau(pairs, rows.goodness, rows.true_goodness, _near(rows.size)),
        "pearson": _pearson(ones, mean, truth),
        "rank": _rank(ones, mean, truth, judged.top),
    }
    return {key: float(np.ravel(value)[0]) for key, value in found.items()}


def _near(size: Array) -> Array:
    """One for pairs of about the same size, `[n, n]`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(size)
        return (np.abs(logs[:, None] - logs[None]) <= np.log1p(NEAR)).astype(np.float64)


def _pearson(counts: Array, a: Array, b: Array) -> Array:
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (each[None] - (counts * each).sum(axis=1, keepdims=True) / total for each in (a, b))
        spread = (counts * x**2).sum(axis=1) * (counts * y**2).sum(axis=1)
        return np.where(spread > _TIE**2, (counts * x * y).sum(axis=1) / np.sqrt(spread), np.nan)


def _rank(counts: Array, mean: Array, truth: Array, top: int) -> Array:
    """How many different architectures that were drawn are better than the best of the predicted top, plus one."""
    order = np.lexsort((truth, -np.round(mean, 9)))
    drawn = counts[:, order] > 0
    picked = drawn & (np.cumsum(drawn, axis=1) <= top)
    found = np.where(picked, truth[order], -np.inf).max(axis=1, initial=-np.inf)
    better = drawn & (truth[order][None] > found[:, None])
    return np.where(picked.any(axis=1), better.sum(axis=1) + 1.0, np.nan)


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


def _regret(counts: Array, mean: Array, truth: Array, top: int) -> Array:
    """Ties among predictions count as their worst order: nobody can rely on a lucky one."""
    order = np.lexsort((truth, -np.round(mean, 9)))
    drawn = counts[:, order] > 0
    picked = drawn & (np.cumsum(drawn, axis=1) <= top)
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
