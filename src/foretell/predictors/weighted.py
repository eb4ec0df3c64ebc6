"""Predictors as one, each with the weight that its errors on unseen labels deserve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.predictors.leave_one_out import fit_held_out
from foretell.spaces import Population

__all__ = ["Weighted"]

Vector = npt.NDArray[np.float64]


class Weighted(Predictor):
    """A weighted mean of predictors in the unit of the metric (stacked regressions, Breiman 1996).

    Weights are not negative, sum to one, and minimise the squared error of predictions for labels that were
    not seen. A predictor that only makes the others worse has no weight and is not asked at all.

    Args:
        inner: The predictors.
        context: The surroundings.

    Attributes:
        weights: Of the predictors, `[k]`, after `fit`.
        scores: What each predicted for the labels, each made without it, in goodness, `[k, n]`, after `fit`.
        held_out: What the mean is for each label when the weights have not seen it either, in goodness, `[n]`.
    """

    def __init__(self, inner: Sequence[Predictor], context: Context | None = None) -> None:
        super().__init__(context)
        if not inner:
            raise InputError("weighted needs at least one predictor inside, as in weighted(regression, depth).")
        self.inner = list(inner)
        self.name = f"weighted({','.join(each.name for each in inner)})"
        self.price = max(each.price for each in inner)
        self.minimum = max(4, *(each.minimum + 1 for each in inner))
        self.weights = np.empty(0)
        self.scores = np.empty((0, 0))

    def _learn(self, labels: Labels) -> None:
        fitted = [fit_held_out(each, labels.observations) for each in self.inner]
        self.inner = [each for each, _ in fitted]
        self.scores = np.stack([scores for _, scores in fitted])
        silent = [each.name for each, scores in fitted if np.isnan(scores).any()]
        if silent:
            raise InputError(f"{silent[0]} has no score for some labelled architectures; leave it or them out.")
        residuals = labels.values - self.scores
        self.weights = _weigh(residuals)
        unseen = np.stack([_weigh(np.delete(residuals, n, axis=1)) for n in range(len(labels))], axis=1)
        self.held_out = (unseen * self.scores).sum(axis=0)
        self.error = float(np.sqrt(((labels.values - self.held_out) ** 2).mean()))

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        mean = np.zeros(len(population))
        for each, weight in zip(self.inner, self.weights, strict=True):
            if weight:
                mean += weight * each.goodness(each.predict(population))
        n = self.labels
        return mean, np.full(len(mean), self.error * np.sqrt((n - 1) / max(n - 3, 1)))

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        asked = [each for each, weight in zip(self.inner, self.weights, strict=True) if weight]
        reasons = [each.predict(row[None]).reasons.get(0, "") for each in asked]
        return "; ".join(filter(None, reasons)) or "a predictor inside abstains"


def _weigh(residuals: Vector) -> Vector:
    """The weights `[k]`, none negative and one in sum, with the smallest squared error of residuals `[k, n]`."""
    from scipy.optimize import nnls  # half a second, which every search would wait for

    # Asking for a sum near one and scaling to one afterwards finds the same weights as demanding it: with the
    # direction u of the weights fixed, the best length leaves a penalty that grows with u's own error.
    scale = max(float(np.abs(residuals).max()), 1e-12)
    rows = np.vstack([residuals.T / scale, np.ones(len(residuals))])
    weights, _ = nnls(rows, np.append(np.zeros(residuals.shape[1]), 1.0))
    found: Vector = weights / weights.sum()
    return found
