"""Quadratic ridge regression on HAT's averages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.ridge import fit_ridge

__all__ = ["QuadraticRidge"]

_PENALTIES = np.logspace(-6, 1, 15)


@dataclass(frozen=True)
class QuadraticRidge:
    """A quadratic polynomial of the averages, of least relative squares.

    Attributes:
        centre: Subtracted from the averages, `[10]`.
        scale: They are divided by it, `[10]`; 0 where an average never varied.
        penalty: Of the squared coefficients.
        coefficients: Of a constant, the averages, their squares and products.
    """

    centre: Floats
    scale: Floats
    penalty: float
    coefficients: Floats
    name: ClassVar[str] = "ridge"

    @staticmethod
    def fits(inputs: LatencyInputs) -> str | None:
        """See `LatencyForm`."""
        features = _expand(inputs.averages[:1], np.zeros(inputs.averages.shape[1]), inputs.averages.std(0)).shape[1]
        if len(inputs) < features // 2:
            return f"{len(inputs)} samples are too few for its {features} terms"
        return None

    @classmethod
    def fit(cls, inputs: LatencyInputs, ms: Floats, weights: Floats) -> Self:
        """Fit, with the penalty that predicts left-out rows best; weights `[n]`, 1 is full say."""
        return cls._fit(inputs, ms, weights, _PENALTIES)

    def refit(self, inputs: LatencyInputs, ms: Floats, weights: Floats) -> QuadraticRidge:
        """See `LatencyForm`."""
        return QuadraticRidge._fit(inputs, ms, weights, np.array([self.penalty]))

    @classmethod
    def _fit(cls, inputs: LatencyInputs, ms: Floats, weights: Floats, penalties: Floats) -> Self:
        centre, scale = inputs.averages.mean(0), inputs.averages.std(0)
        terms = _expand(inputs.averages, centre, scale)
        penalty, coefficients = _ridge(terms, ms, np.sqrt(weights) / ms, penalties)
        return cls(centre, scale, penalty, coefficients)

    def predict(self, inputs: LatencyInputs) -> Floats:
        """Milliseconds, `[n]`."""
        return _expand(inputs.averages, self.centre, self.scale) @ self.coefficients

    def to_json(self) -> dict[str, Any]:
        """See `LatencyForm`."""
        arrays = {name: getattr(self, name).tolist() for name in ("centre", "scale", "coefficients")}
        return {"form": self.name, "penalty": self.penalty, **arrays}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `LatencyForm`."""
        centre, scale, coefficients = (
            np.array(value[name], dtype=np.float64) for name in ("centre", "scale", "coefficients")
        )
        return cls(centre, scale, float(value["penalty"]), coefficients)


def _expand(averages: Floats, centre: Floats, scale: Floats) -> Floats:
    """A constant, the standardised averages that vary, their squares and products, `[n, terms]`."""
    varying = scale > 1e-9
    z = (averages[:, varying] - centre[varying]) / scale[varying]
    first, second = np.triu_indices(z.shape[1])
    return np.concatenate([np.ones((len(z), 1)), z, z[:, first] * z[:, second]], axis=1)


def _ridge(terms: Floats, target: Floats, root: Floats, penalties: Floats) -> tuple[float, Floats]:
    """The penalty with the least leave-one-out error, and its coefficients; `root` are roots of weights, `[n]`."""
    weighted = terms * root[:, None]
    unit = float(np.linalg.norm(weighted, 2)) ** 2 / min(weighted.shape)
    strengths = np.repeat(penalties[:, None] * unit, weighted.shape[1], axis=1)
    # The constant is a term like the others, so nothing has a mean taken out.
    fits = fit_ridge(weighted, target * root, strengths, centred=False)
    best = int(np.argmin(fits.errors))
    return float(penalties[best]), fits.coefficients[best]
