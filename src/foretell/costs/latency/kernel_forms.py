"""Latency by Gaussian processes: one that corrects the physical form, and HAT's network grown infinitely wide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.costs.latency.kernels import condition, rbf, tangent, tune_rbf, tune_tangent
from foretell.costs.latency.physical_form import PhysicalForm

__all__ = ["GaussianProcess", "WideNetwork"]

_CONDITIONED = 600
_CONDITIONED_WIDE = 300
_TUNED = 200
"""Rows that a process is conditioned on, and that its few numbers are found with: more cost time and gain little."""


@dataclass(frozen=True)
class GaussianProcess:
    """The physical form times one plus a Gaussian process of the averages.

    Attributes:
        trend: The physical form.
        scales: Length of each of the ten averages over which the correction changes, `[10]`; infinite for
            those that never varied.
        variances: Of the correction, and of the noise of one sample.
        support: Averages of the rows that it is conditioned on, divided by `scales`, `[m, 10]`.
        coefficients: Of the rows' kernels, `[m]`.
    """

    trend: PhysicalForm
    scales: Floats
    variances: tuple[float, float]
    support: Floats
    coefficients: Floats
    name: ClassVar[str] = "gp"

    @staticmethod
    def fits(inputs: LatencyInputs) -> str | None:
        """See `LatencyForm`."""
        return PhysicalForm.fits(inputs)

    @classmethod
    def fit(cls, inputs: LatencyInputs, ms: Floats, weights: Floats) -> Self:
        """Fit; lengths and variances maximise the likelihood of some 200 rows; weights `[n]`, 1 is full say."""
        trend = PhysicalForm.fit(inputs, ms, weights)
        spread = inputs.averages.std(0)
        units = np.where(spread > 1e-9, np.maximum(spread, 1e-9), np.inf)
        rows = _some(weights, _TUNED)
        residuals = ms[rows] / trend.predict(inputs.take(rows)) - 1
        lengths, variances = tune_rbf(inputs.averages[rows] / units, residuals, weights[rows])
        return cls._condition(trend, units * lengths, variances, inputs, ms, weights)

    def refit(self, inputs: LatencyInputs, ms: Floats, weights: Floats) -> GaussianProcess:
        """See `LatencyForm`."""
        trend = PhysicalForm.fit(inputs, ms, weights)
        return GaussianProcess._condition(trend, self.scales, self.variances, inputs, ms, weights)

    @classmethod
    def _condition(
        cls,
        trend: PhysicalForm,
        scales: Floats,
        variances: tuple[float, float],
        inputs: LatencyInputs,
        ms: Floats,
        weights: Floats,
    ) -> Self:
        rows = _some(weights, _CONDITIONED)
        support = inputs.averages[rows] / scales
        residuals = ms[rows] / trend.predict(inputs.take(rows)) - 1
        kernel = variances[0] * rbf(support, support)
        coefficients = variances[0] * condition(kernel, variances[1] / weights[rows], residuals)
        return cls(trend, scales, variances, support, coefficients)

    def predict(self, inputs: LatencyInputs) -> Floats:
        """Milliseconds, `[n]`."""
        correction = rbf(inputs.averages / self.scales, self.support) @ self.coefficients
        return self.trend.predict(inputs) * (1 + correction)

    def to_json(self) -> dict[str, Any]:
        """See `LatencyForm`."""
        scales = [float(scale) if np.isfinite(scale) else None for scale in self.scales]
        arrays = {"support": self.support.tolist(), "coefficients": self.coefficients.tolist()}
        plain = {"trend": self.trend.to_json(), "scales": scales, "variances": list(self.variances)}
        return {"form": self.name, **plain, **arrays}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `LatencyForm`."""
        scales = np.array([np.inf if scale is None else float(scale) for scale in value["scales"]])
        signal, noise = map(float, value["variances"])
        support, coefficients = (np.array(value[name], dtype=np.float64) for name in ("support", "coefficients"))
        return cls(PhysicalForm.from_json(value["trend"]), scales, (signal, noise), support, coefficients)


@dataclass(frozen=True)
class WideNetwork:
    """HAT's network as its width goes to infinity: regression with the kernel of four hidden ReLU layers.

    It stands for HAT's MLP among the candidates of a fit, as the published recipe takes a minute; "hat-mlp" is
    that recipe itself. Inputs are divided by HAT's published norms, the target by its mean.

    Attributes:
        norm: Divisors of the ten averages.
        unit: Milliseconds of one unit of the target.
        noise: Variance of one sample's noise, in units of the kernel.
        support: Normalised averages of the rows that it is conditioned on, `[m, 10]`.
        coefficients: Of the rows' kernels, `[m]`.
    """

    norm: Floats
    unit: float
    noise: float
    support: Floats
    coefficients: Floats
    name: ClassVar[str] = "mlp"

    @staticmethod
    def fits(inputs: LatencyInputs) -> str | None:
        """See `LatencyForm`."""
        return PhysicalForm.fits(inputs)

    @classmethod
    def fit(cls, inputs: LatencyInputs, ms: Floats, weights: Floats) -> Self:
        """Fit, with the noise that makes some 200 rows likeliest; weights `[n]`, 1 is full say."""
        norm = inputs.norms()
        rows = _some(weights, _TUNED)
        noise = tune_tangent(inputs.averages[rows] / norm, ms[rows] / ms.mean() - 1)
        return cls._condition(norm, noise, inputs, ms, weights)

    def refit(self, inputs: LatencyInputs, ms: Floats, weights: Floats) -> WideNetwork:
        """See `LatencyForm`."""
        return WideNetwork._condition(self.norm, self.noise, inputs, ms, weights)

    @classmethod
    def _condition(cls, norm: Floats, noise: float, inputs: LatencyInputs, ms: Floats, weights: Floats) -> Self:
        rows, unit = _some(weights, _CONDITIONED_WIDE), float(ms.mean())
        support = inputs.averages[rows] / norm
        # Relative errors count: a slow row may be missed by more milliseconds.
        noises = noise * (ms[rows] / unit) ** 2 / weights[rows]
        coefficients = condition(tangent(support, support), noises, ms[rows] / unit - 1)
        return cls(norm, unit, noise, support, coefficients)

    def predict(self, inputs: LatencyInputs) -> Floats:
        """Milliseconds, `[n]`."""
        values = tangent(inputs.averages / self.norm, self.support) @ self.coefficients
        return self.unit * (1 + values)

    def to_json(self) -> dict[str, Any]:
        """See `LatencyForm`."""
        arrays = {name: getattr(self, name).tolist() for name in ("norm", "support", "coefficients")}
        return {"form": self.name, "unit": self.unit, "noise": self.noise, **arrays}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `LatencyForm`."""
        norm, support, coefficients = (
            np.array(value[name], dtype=np.float64) for name in ("norm", "support", "coefficients")
        )
        return cls(norm, float(value["unit"]), float(value["noise"]), support, coefficients)


def _some(weights: Floats, count: int) -> Any:
    """At most `count` rows, evenly spread over those that have a say."""
    rows = np.flatnonzero(weights > 0.1 * weights.max())
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]
