"""Kernels of the Gaussian processes, and how their few numbers are found.

Not scikit-learn's: its noise is one for all rows, and here a row that is trusted less has more. Its process
with the noise put in as far as it goes missed HAT's Xeon by 17.1 ms after 200 samples where this one
misses it by 16.8, took four times as long to fit, and its import alone takes a second.
"""

from __future__ import annotations

import numpy as np

from foretell.costs.latency.inputs import Floats

__all__ = ["condition", "rbf", "tangent", "tune_rbf", "tune_tangent"]

_HIDDEN_LAYERS = 4
_ITERATIONS = 25
_BIAS = 0.1
"""Variance of the wide network's biases, relative to that of its weights."""


def rbf(a: Floats, b: Floats) -> Floats:
    """exp(-|a - b|² / 2) between rows, `[n, m]`."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.exp(-0.5 * np.maximum(squares, 0.0))


def tangent(a: Floats, b: Floats) -> Floats:
    """The neural tangent kernel of four hidden ReLU layers between rows, `[n, m]`.

    The recursion of Jacot et al. (arXiv 1806.07572) with He's scaling, under which a layer keeps the norms.
    """
    norm_a, norm_b = ((x**2).mean(1) + _BIAS for x in (a, b))
    covariance = a @ b.T / a.shape[1] + _BIAS
    kernel = covariance.copy()
    for _ in range(_HIDDEN_LAYERS):
        size = np.sqrt(norm_a[:, None] * norm_b)
        cosine = np.clip(covariance / size, -1.0, 1.0)
        angle = np.arccos(cosine)
        slope = 1 - angle / np.pi
        covariance = size * (np.sqrt(1 - cosine**2) / np.pi + cosine * slope) + _BIAS
        kernel = kernel * slope + covariance
        norm_a, norm_b = norm_a + _BIAS, norm_b + _BIAS
    return kernel


def condition(kernel: Floats, noise: Floats, target: Floats) -> Floats:
    """(K + diag(noise))⁻¹ target, `[m]`."""
    from scipy.linalg import cho_factor, cho_solve

    found: Floats = cho_solve(cho_factor(kernel + np.diag(noise + 1e-10)), target)
    return found


def tune_rbf(x: Floats, target: Floats, weights: Floats) -> tuple[Floats, tuple[float, float]]:
    """Lengths `[d]` and variances (signal, noise) that make the target likeliest.

    Args:
        x: Inputs in units near one, `[m, d]`.
        target: `[m]`, of mean near zero.
        weights: `[m]`; the noise of a row is divided by its weight.
    """
    from scipy.optimize import minimize

    squares = ((x[:, None] - x) ** 2).transpose(2, 0, 1)
    start = np.log(np.concatenate([np.full(x.shape[1], 2.0), [target.var() / 2 + 1e-8, target.var() / 2 + 1e-8]]))
    bounds = [(-1.5, 5.0)] * x.shape[1] + [(-18.0, 2.0)] * 2
    options = {"maxiter": _ITERATIONS}
    arguments = (squares, target, weights)
    found = minimize(_surprise, start, arguments, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    lengths, signal, noise = np.exp(found[:-2]), np.exp(found[-2]), np.exp(found[-1])
    return lengths, (float(signal), float(noise))


def _surprise(logs: Floats, squares: Floats, target: Floats, weights: Floats) -> tuple[float, Floats]:
    """Negative log-likelihood under these lengths and variances, and its gradient (Rasmussen and Williams, 5.9)."""
    from scipy.linalg import cho_factor, cho_solve

    inverse_squares = np.exp(-2 * logs[:-2])
    signal = np.exp(logs[-2] - 0.5 * np.tensordot(inverse_squares, squares, 1))
    noise = np.exp(logs[-1]) / weights
    factor = cho_factor(signal + np.diag(noise + 1e-10), lower=True)
    inverse = cho_solve(factor, np.eye(len(target)))
    alpha = inverse @ target
    value = 0.5 * target @ alpha + np.log(np.diag(factor[0])).sum()
    slope = 0.5 * (inverse - np.outer(alpha, alpha))
    by_length = np.tensordot(squares, slope * signal, 2) * inverse_squares
    by_signal, by_noise = (slope * signal).sum(), np.diag(slope) @ noise
    return float(value), np.concatenate([by_length, [by_signal, by_noise]])


def tune_tangent(x: Floats, target: Floats) -> float:
    """The noise variance under which the target `[m]` is likeliest, the kernel's scale chosen along with it."""
    values, vectors = np.linalg.eigh(tangent(x, x))
    projected = (vectors.T @ target) ** 2
    candidates = np.logspace(-5, 1, 25)
    surprises = []
    for noise in candidates:
        spectrum = np.maximum(values, 0) + noise
        surprises.append(len(target) * np.log((projected / spectrum).mean()) + np.log(spectrum).sum())
    return float(candidates[int(np.argmin(surprises))])
