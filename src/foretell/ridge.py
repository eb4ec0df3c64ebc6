"""Ridge regression with closed-form leave-one-out residuals and marginal likelihood: the one kernel for all of them.

The model: label = mean + features x coefficients + noise, coefficient j drawn from N(0, noise variance /
strength_j). Each row of strengths is one regression, and all rows are solved at once. A strength of infinity
switches a feature off, so a grid of strengths over blocks of features contains every subset of the blocks.
Each point of the grid has a closed-form posterior, closed-form leave-one-out residuals and a closed-form
marginal likelihood ("evidence", the probability of the labels before any coefficient is fitted).

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

__all__ = ["LEAST_SQUARES", "AveragedRidge", "RidgeFits", "Weighting", "average_ridge", "fit_ridge", "standardise"]

Array = npt.NDArray[np.float64]
Weighting = Literal["evidence", "loo"]

LEAST_SQUARES = 1e-12
"""A strength that leaves the coefficients of standardised features where least squares puts them."""

_TINY = 1e-12
_FREE = 1e-9
# Models with less than this share of the heaviest's weight add nothing to a variance that shows.
_LIGHT = 1e-4


@dataclass(frozen=True)
class RidgeFits:
    """Ridge regressions of the same labels, one for each of `m` rows of strengths.

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

    @property
    def errors(self) -> Array:
        """Mean squared leave-one-out error of each regression, `[m]`."""
        squares: Array = (self.residuals**2).mean(axis=1)
        return squares


def fit_ridge(z: Array, y: Array, strengths: Array, *, centred: bool = True) -> RidgeFits:
    """Solve ridge regressions of the same labels on the same features.

    Args:
        z: Features `[n, p]`; p may be 0.
        y: Labels `[n]`.
        strengths: Penalties of the squared coefficients, positive, `[m, p]`; infinity switches a feature off.
        centred: Whether means have been taken out of features and labels: the mean label then counts as fitted,
            and is left out with each label.
    """
    prior = 1.0 / strengths  # variances of coefficients in units of the noise's
    mean = 1 / len(y) if centred else 0.0
    return _dual(z, y, prior, mean) if len(y) <= z.shape[1] else _primal(z, y, prior, mean)


def _primal(z: Array, y: Array, prior: Array, mean: float) -> RidgeFits:
    """By matrices of features: for more labels than features."""
    d = np.sqrt(prior)
    inner = np.eye(z.shape[1]) + d[:, :, None] * (z.T @ z) * d[:, None, :]
    cover = d[:, :, None] * np.linalg.inv(inner) * d[:, None, :]
    beta = cover @ (z.T @ y)
    leverage = mean + np.stack([((z @ each) * z).sum(axis=1) for each in cover])
    free = np.maximum(1 - leverage, _FREE)
    misfit = y @ y - beta @ (z.T @ y)
    return RidgeFits(np.linalg.slogdet(inner)[1], misfit, free, (y - beta @ z.T) / free, beta, lambda kept: cover[kept])


def _dual(z: Array, y: Array, prior: Array, mean: float) -> RidgeFits:
    """By matrices of labels: the same numbers, for fewer labels than features."""
    covariance = np.eye(len(y)) + (z * prior[:, None, :]) @ z.T
    inverse = np.linalg.inv(covariance)
    alpha = inverse @ y
    free = np.maximum(np.diagonal(inverse, axis1=1, axis2=2) - mean, _FREE)

    def cover(kept: npt.NDArray[np.bool_]) -> Array:
        v = prior[kept]
        seen = z * v[:, None, :]
        spread: Array = v[:, :, None] * np.eye(z.shape[1]) - seen.transpose(0, 2, 1) @ inverse[kept] @ seen
        return spread

    beta = prior * (alpha @ z)
    return RidgeFits(np.linalg.slogdet(covariance)[1], alpha @ y, free, alpha / free, beta, cover)


def standardise(features: Array) -> tuple[Array, Array, Array]:
    """Features of zero mean and unit variance, `[n, p]`, and the means and scales `[p]` that made them so.

    The scale of a feature that never varies is infinite: it becomes zero, here and in new rows.
    """
    center = features.mean(axis=0)
    scale = features.std(axis=0)
    scale = np.where(scale > 1e-9 * np.maximum(np.abs(center), 1.0), scale, np.inf)
    return (features - center) / scale, center, scale


@dataclass(frozen=True)
class AveragedRidge:
    """A fitted average of ridge regressions on blocks of features.

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


def average_ridge(
    blocks: Sequence[Array],
    labels: Array,
    strengths: Array,
    weighting: Weighting = "evidence",
    chances: Array | None = None,
) -> AveragedRidge:
    """Fit every point of a grid of strengths and average them.

    Args:
        blocks: Feature matrices, each `[n, p_b]`.
        labels: `[n]`, n at least 2.
        strengths: Ridge strengths relative to the noise, `[m, blocks]`; infinity switches a block off.
        weighting: "evidence" weighs by marginal likelihood; "loo" by the Akaike-like n/2 power of the
            leave-one-out error.
        chances: How probable each point is before any label, up to a factor, `[m]`; None: all alike.
    """
    z, center, scale = standardise(np.hstack(blocks))
    owner = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    y = labels - labels.mean()
    models = fit_ridge(z, y, strengths[:, owner])
    weights = _weights(models, y, weighting, np.ones(len(strengths)) if chances is None else chances)
    average = weights @ models.coefficients
    noise = _noise(models, weights)
    heavy = weights > _LIGHT * weights.max()
    share = weights[heavy] / weights[heavy].sum()
    apart = models.coefficients[heavy] - average
    curvature = np.einsum("m,mpq->pq", share * noise[heavy], models.cover(heavy)) + (apart.T * share) @ apart
    return AveragedRidge(
        float(labels.mean()),
        center,
        scale,
        average,
        float(weights @ noise) * (1 + 1 / len(labels)),
        curvature,
        weights @ models.residuals,
        weights,
    )


def _weights(models: RidgeFits, y: Array, weighting: Weighting, chances: Array) -> Array:
    """How much each regression counts in the average, `[m]`, one in sum."""
    n = len(y)
    if weighting == "evidence":
        floor = _TINY * max(float(y @ y), _TINY)
        log_weight = -0.5 * models.log_determinant - (n - 1) / 2 * np.log(np.maximum(models.misfit, floor))
    else:
        log_weight = -n / 2 * np.log(np.maximum(models.errors, _TINY))
    weights = np.exp(log_weight - log_weight.max()) * chances
    normed: Array = weights / weights.sum()
    return normed


def _noise(models: RidgeFits, weights: Array) -> Array:
    """Noise variance of each model, `[m]`, such that the average's leave-one-out residuals have unit variance.

    Models that are averaged err less than each alone, hence the common factor; and ten residuals tell a
    variance only roughly, hence the variance of Student's t.
    """
    residuals, free, n = models.residuals, models.free, models.residuals.shape[1]
    noise = (residuals**2 * free).mean(axis=1)
    expected = weights @ (noise[:, None] / free)
    common = float(((weights @ residuals) ** 2 / np.maximum(expected, _TINY)).mean())
    return noise * min(common, 1.0) * (n - 1) / max(n - 3, 1)
