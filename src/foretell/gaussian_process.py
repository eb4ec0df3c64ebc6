"""Gaussian process regression whose covariance is a sum of a few simple parts, fitted in milliseconds.

Each part is the inner product of some features, or falls off with their distance; it has an amplitude and, where it
falls off, a length. These and the noise are where the marginal likelihood times a weak prior is largest: with ten
labels the prior decides what the labels cannot, with a hundred it is forgotten. All is closed form but that search,
which has exact gradients. Leave-one-out predictions cost nothing more (Rasmussen and Williams 2006, 5.4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from foretell.machine import blas_threads

__all__ = ["FittedProcess", "Part", "fit_process"]

Array = npt.NDArray[np.float64]

_JITTER = 1e-6
_CHUNK = 2048


@dataclass(frozen=True)
class Part:
    """One summand of the covariance.

    Attributes:
        kind: "linear" for the inner product of features, "smooth" for a squared-exponential of their distance,
            "rough" for an exponential of it (Matérn 1/2).
        columns: Which features, as a slice of the feature matrix.
        amplitude: The prior's median of its variance, in variances of the labels.
        free: How many e-folds the amplitude may be off (standard deviation of the prior of its logarithm); 0: fixed.
    """

    kind: Literal["linear", "smooth", "rough"]
    columns: slice
    amplitude: float = 0.3
    free: float = 1.5


@dataclass(frozen=True)
class FittedProcess:
    """A fitted process.

    Attributes:
        parts: Its summands.
        x: Features of the labels, `[n, p]`.
        theta: Logarithms of amplitudes and lengths, in the order of the parts, and of the noise.
        center: The mean label.
        scale: The labels' standard deviation.
        alpha: The labels seen through the inverse covariance, `[n]`.
        factor: Lower Cholesky factor of the covariance, `[n, n]`.
        unseen: Leave-one-out predictions, `[n]`.
        evidence: Log of the marginal likelihood and prior at `theta`, of the labels in units of `scale`.
    """

    parts: tuple[Part, ...]
    x: Array
    theta: Array
    center: float
    scale: float
    alpha: Array
    factor: Array
    unseen: Array
    evidence: float

    def on(self, x: Array, labels: Array) -> FittedProcess:
        """The same amplitudes and lengths on other, mostly more labels, `[m]`, of features `[m, p]`."""
        return _settled(self.parts, x, labels, self.theta, self.center, self.scale, self.evidence)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of new labels, each `[n]`, for features `[n, p]`."""
        from scipy.linalg import solve_triangular

        mean, variance = np.empty(len(x)), np.empty(len(x))
        for start in range(0, len(x), _CHUNK):
            piece = slice(start, start + _CHUNK)
            cross, own = _covariance(self.parts, self.theta, x[piece], self.x)
            # A sum along each row, not a matrix product: the same bits whatever else is in the population.
            mean[piece] = np.einsum("nm,m->n", cross, self.alpha)
            with blas_threads(1):
                gone = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
            variance[piece] = own - (gone**2).sum(axis=0)
        noise = np.exp(self.theta[-1])
        return self.center + self.scale * mean, self.scale * np.sqrt(np.maximum(variance, 0.0) + noise)


def fit_process(parts: Sequence[Part], x: Array, labels: Array, *, noise: float = 0.05) -> FittedProcess:
    """Fit a process.

    Args:
        parts: The summands of the covariance. Features are taken as they are: give them the scale that they matter by.
        x: Features, `[n, p]`.
        labels: `[n]`, n at least 2, not all equal.
        noise: The prior's median of the noise's variance, in variances of the labels.
    """
    from scipy.optimize import minimize

    kept = tuple(part for part in parts if part.columns.stop > part.columns.start)
    center, scale = float(labels.mean()), float(labels.std()) or 1.0
    y = (labels - center) / scale
    task = _Task(kept, x, y, noise)
    found = minimize(task, task.prior_mean, jac=True, method="L-BFGS-B", bounds=task.bounds, options={"maxiter": 60})
    return _settled(kept, x, labels, found.x, center, scale, -float(found.fun))


def _settled(
    parts: tuple[Part, ...], x: Array, labels: Array, theta: Array, center: float, scale: float, evidence: float
) -> FittedProcess:
    from scipy.linalg import cho_solve

    covariance, _ = _covariance(parts, theta, x, x)
    covariance[np.diag_indices(len(x))] += np.exp(theta[-1]) + _JITTER
    factor: Array = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    inverse = cho_solve((factor, True), np.eye(len(x)), check_finite=False)
    alpha: Array = inverse @ ((labels - center) / scale)
    unseen = labels - scale * alpha / np.diagonal(inverse)
    return FittedProcess(parts, x, theta, center, scale, alpha, factor, unseen, evidence)


class _Task:
    """The function whose least value is looked for: minus log marginal likelihood and log prior, and its gradient."""

    def __init__(self, parts: Sequence[Part], x: Array, y: Array, noise: float) -> None:
        self.parts, self.y = parts, y
        self.bases = [_basis(part, x, x) for part in parts]
        mean: list[float] = []
        deviation: list[float] = []
        for part, base in zip(parts, self.bases, strict=True):
            mean.append(float(np.log(part.amplitude)))
            deviation.append(part.free)
            if part.kind != "linear":
                # The usual distance of two labels: features of any number are as far apart.
                mean.append(float(np.log(max(base.sum() / max(base.size - len(base), 1), 1e-9))))
                deviation.append(1.0)
        self.prior_mean = np.array([*mean, np.log(noise)])
        self.deviation = np.array([*deviation, 1.5])
        reach = np.maximum(4 * self.deviation, 1e-9)
        self.bounds = list(zip(self.prior_mean - reach, self.prior_mean + reach, strict=True))

    def _pieces(self, theta: Array) -> list[tuple[Array, Array | None]]:
        """Each part's covariance, and its derivative to the logarithm of its squared length."""
        pieces: list[tuple[Array, Array | None]] = []
        place = 0
        for part, base in zip(self.parts, self.bases, strict=True):
            amplitude = np.exp(theta[place])
            place += 1
            if part.kind == "linear":
                pieces.append((amplitude * base, None))
                continue
            shape, slope = _fall(part.kind, base, float(np.exp(theta[place])))
            pieces.append((amplitude * shape, amplitude * slope))
            place += 1
        return pieces

    def __call__(self, theta: Array) -> tuple[float, Array]:
        from scipy.linalg import cho_solve

        n = len(self.y)
        pieces = self._pieces(theta)
        noise = float(np.exp(theta[-1]))
        covariance = np.sum([each for each, _ in pieces], axis=0) + (noise + _JITTER) * np.eye(n)
        factor = np.linalg.cholesky(covariance)
        inverse = cho_solve((factor, True), np.eye(n), check_finite=False)
        alpha = inverse @ self.y
        weight = np.outer(alpha, alpha) - inverse
        gradient = []
        for each, slope in pieces:
            gradient.append(0.5 * np.vdot(weight, each))
            if slope is not None:
                gradient.append(0.5 * np.vdot(weight, slope))
        gradient.append(0.5 * noise * np.trace(weight))
        deviation = np.where(self.deviation > 0, self.deviation, 1.0)
        away = np.where(self.deviation > 0, (theta - self.prior_mean) / deviation, 0.0)
        value = -0.5 * float(self.y @ alpha) - float(np.log(np.diagonal(factor)).sum()) - n / 2 * np.log(2 * np.pi)
        value -= 0.5 * float(away @ away)
        return -value, -(np.array(gradient) - away / deviation)


def _basis(part: Part, a: Array, b: Array) -> Array:
    """What a part is a function of, `[n, m]`: inner products or squared distances."""
    left, right = a[:, part.columns], b[:, part.columns]
    inner: Array = np.einsum("np,mp->nm", left, right, optimize=True)
    if part.kind == "linear":
        return inner
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * inner
    return np.maximum(squares, 0.0)


def _fall(kind: str, squares: Array, length: float) -> tuple[Array, Array]:
    """A falling part and its derivative to the logarithm of `length`, the squared length."""
    ratio = squares / length
    if kind == "smooth":
        shape = np.exp(-0.5 * ratio)
        return shape, 0.5 * ratio * shape
    distance = np.sqrt(ratio)
    shape = np.exp(-distance)
    return shape, 0.5 * distance * shape


def _covariance(parts: Sequence[Part], theta: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Of new rows with the labels, `[n, m]`, and of each new row with itself, `[n]`."""
    total, own = np.zeros((len(a), len(b))), np.zeros(len(a))
    place = 0
    for part in parts:
        amplitude = float(np.exp(theta[place]))
        place += 1
        base = _basis(part, a, b)
        if part.kind == "linear":
            total += amplitude * base
            own += amplitude * (a[:, part.columns] ** 2).sum(axis=1)
            continue
        total += amplitude * _fall(part.kind, base, float(np.exp(theta[place])))[0]
        own += amplitude
        place += 1
    return total, own
