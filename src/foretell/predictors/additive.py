"""Ridge regression on blocks of features, its strengths averaged instead of picked.

The model: label = mean + sum over blocks of (standardised features x coefficients) + noise, coefficients of
block b drawn from N(0, noise variance / strength_b). A strength of infinity switches a block off, so a grid
of strengths contains every subset of blocks as a special case. Each point of the grid has a closed-form
posterior, a closed-form leave-one-out error and a closed-form marginal likelihood ("evidence", the
probability of the labels before any coefficient is fitted).

With ten labels the grid's best point is mostly luck. Averaging all points by their evidence needs no tuning
constant and loses less than picking one by leave-one-out error, whose own error is as large as the
differences it is to judge (docs/predictors.md shows both). The average of linear models is one linear model,
so scoring a population costs one product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["AdditiveFit", "Weighting", "fit_additive"]

Array = npt.NDArray[np.float64]
Weighting = Literal["evidence", "loo"]

_TINY = 1e-12
_FREE = 1e-9
# Models with less than this share of the heaviest's weight add nothing to a variance that shows.
_LIGHT = 1e-4


@dataclass(frozen=True)
class AdditiveFit:
    """A fitted average of additive ridge models.

    Attributes:
        intercept: The mean label.
        center: Feature means, `[p]`.
        scale: Feature scales, `[p]`; infinite for features that were constant in the labels.
        coefficients: Of standardised features, `[p]`.
        noise: Variance of a new label where the features are at their means.
        curvature: Extra variance away from them as a quadratic form, `[p, p]`.
        residuals: Closed-form leave-one-out residuals of the average (weights held), `[n]`.
        weights: Of the grid's points, `[m]`, summing to one.
    """

    intercept: float
    center: Array
    scale: Array
    coefficients: Array
    noise: float
    curvature: Array
    residuals: Array
    weights: Array

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of new labels, each `[n]`, for features `[n, p]`."""
        z = (features - self.center) / self.scale
        # A sum along each row, not a matrix product: the same bits whatever else is in the population.
        mean = self.intercept + (z * self.coefficients).sum(axis=1)
        variance = self.noise + np.einsum("np,np->n", z @ self.curvature, z)
        return mean, np.sqrt(variance)


def fit_additive(
    blocks: Sequence[Array], labels: Array, strengths: Array, weighting: Weighting = "evidence"
) -> AdditiveFit:
    """Fit every point of a grid of strengths and average them.

    Args:
        blocks: Feature matrices, each `[n, p_b]`.
        labels: `[n]`, n at least 2.
        strengths: Ridge strengths relative to the noise, `[m, blocks]`; infinity switches a block off.
        weighting: "evidence" weighs by marginal likelihood; "loo" by the Akaike-like n/2 power of the
            leave-one-out error.
    """
    z, center, scale = _standardise(np.hstack(blocks))
    owner = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    n = len(labels)
    y = labels - labels.mean()
    prior = 1.0 / strengths[:, owner]  # variances of coefficients in units of the noise's, [m, p]
    models = _dual(z, y, prior) if n <= z.shape[1] else _primal(z, y, prior)
    residuals = models.residuals
    if weighting == "evidence":
        floor = _TINY * max(float(y @ y), _TINY)
        log_weight = -0.5 * models.log_determinant - (n - 1) / 2 * np.log(np.maximum(models.misfit, floor))
    else:
        log_weight = -n / 2 * np.log(np.maximum((residuals**2).mean(axis=1), _TINY))
    weights = np.exp(log_weight - log_weight.max())
    weights /= weights.sum()
    average = weights @ models.coefficients
    noise = _noise(residuals, models.free, weights)
    heavy = weights > _LIGHT * weights.max()
    share = weights[heavy] / weights[heavy].sum()
    apart = models.coefficients[heavy] - average
    curvature = np.einsum("m,mpq->pq", share * noise[heavy], models.cover(heavy)) + (apart.T * share) @ apart
    return AdditiveFit(
        float(labels.mean()),
        center,
        scale,
        average,
        float(weights @ noise) * (1 + 1 / n),
        curvature,
        weights @ residuals,
        weights,
    )


@dataclass(frozen=True)
class _Models:
    """All points of the grid, `m` of them.

    Attributes:
        log_determinant: Of the labels' covariance over the noise, `[m]`.
        misfit: Labels against that covariance, `[m]`.
        free: One minus leverage, `[m, n]`.
        residuals: Leave-one-out residuals, `[m, n]`.
        coefficients: `[m, p]`.
        cover: Posterior covariances of the coefficients over the noise, `[k, p, p]`, of those points asked for.
    """

    log_determinant: Array
    misfit: Array
    free: Array
    residuals: Array
    coefficients: Array
    cover: Callable[[npt.NDArray[np.bool_]], Array]


def _primal(z: Array, y: Array, prior: Array) -> _Models:
    """By matrices of features: for more labels than features."""
    d = np.sqrt(prior)
    inner = np.eye(z.shape[1]) + d[:, :, None] * (z.T @ z) * d[:, None, :]
    cover = d[:, :, None] * np.linalg.inv(inner) * d[:, None, :]
    beta = cover @ (z.T @ y)
    leverage = 1 / len(y) + np.stack([((z @ each) * z).sum(axis=1) for each in cover])
    free = np.maximum(1 - leverage, _FREE)
    misfit = y @ y - beta @ (z.T @ y)
    return _Models(np.linalg.slogdet(inner)[1], misfit, free, (y - beta @ z.T) / free, beta, lambda kept: cover[kept])


def _dual(z: Array, y: Array, prior: Array) -> _Models:
    """By matrices of labels: the same numbers, for fewer labels than features."""
    n = len(y)
    covariance = np.eye(n) + (z * prior[:, None, :]) @ z.T
    inverse = np.linalg.inv(covariance)
    alpha = inverse @ y
    free = np.maximum(np.diagonal(inverse, axis1=1, axis2=2) - 1 / n, _FREE)

    def cover(kept: npt.NDArray[np.bool_]) -> Array:
        v = prior[kept]
        seen = z * v[:, None, :]
        spread: Array = v[:, :, None] * np.eye(z.shape[1]) - seen.transpose(0, 2, 1) @ inverse[kept] @ seen
        return spread

    beta = prior * (alpha @ z)
    return _Models(np.linalg.slogdet(covariance)[1], alpha @ y, free, alpha / free, beta, cover)


def _noise(residuals: Array, free: Array, weights: Array) -> Array:
    """Noise variance of each model, `[m]`, such that the average's leave-one-out residuals have unit variance.

    Models that are averaged err less than each alone, hence the common factor; and ten residuals tell a
    variance only roughly, hence the variance of Student's t.
    """
    n = residuals.shape[1]
    noise = (residuals**2 * free).mean(axis=1)
    expected = weights @ (noise[:, None] / free)
    common = float(((weights @ residuals) ** 2 / np.maximum(expected, _TINY)).mean())
    return noise * min(common, 1.0) * (n - 1) / max(n - 3, 1)


def _standardise(features: Array) -> tuple[Array, Array, Array]:
    """Zero mean and unit variance over the labels; constant columns become zero for good."""
    center = features.mean(axis=0)
    scale = features.std(axis=0)
    scale = np.where(scale > 1e-9 * np.maximum(np.abs(center), 1.0), scale, np.inf)
    return (features - center) / scale, center, scale
