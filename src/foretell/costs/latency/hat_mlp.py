"""HAT's latency predictor by its published recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.perceptron import PUBLISHED, Perceptron

__all__ = ["HatNetwork"]

_RECIPE = PUBLISHED
_LATENCY_NORMS = {"gpu_titanxp": 200.0, "cpu_xeon": 300.0, "cpu_raspberrypi": 5000.0}


@dataclass(frozen=True)
class HatNetwork:
    """Four hidden layers of 400 ReLUs on ten normalised averages; Adam at 1e-5, 5,000 steps of 128 rows.

    Weights of rows are ignored, as published: there is no notion of a slow block in it.

    Attributes:
        norm: Divisors of the ten averages.
        unit: Milliseconds of one unit of the target: published by device, else the mean rounded to one digit.
        network: From normalised averages to units of the target.
    """

    norm: Floats
    unit: float
    network: Perceptron
    name: ClassVar[str] = "hat-mlp"

    @staticmethod
    def fits(inputs: LatencyInputs) -> str | None:
        """See `LatencyForm`."""
        least = _RECIPE.batch
        return f"{len(inputs)} samples are fewer than one batch of {least}" if len(inputs) < least else None

    @classmethod
    def fit(cls, inputs: LatencyInputs, ms: Floats, weights: Floats) -> Self:
        """Train, seeded; about a minute on one core."""
        norm = inputs.norms()
        unit = _unit(ms)
        network, _ = Perceptron.fit((inputs.averages / norm).astype(np.float32), ms / unit, _RECIPE, seed=0)
        return cls(norm, unit, network)

    def refit(self, inputs: LatencyInputs, ms: Floats, weights: Floats) -> HatNetwork:
        """See `LatencyForm`."""
        return HatNetwork.fit(inputs, ms, weights)

    def predict(self, inputs: LatencyInputs) -> Floats:
        """Milliseconds, `[n]`."""
        return self.network.predict((inputs.averages / self.norm).astype(np.float32)) * self.unit

    def to_json(self) -> dict[str, Any]:
        """See `LatencyForm`; weights `[outputs, inputs]` to the digits that matter."""
        layers = zip(self.network.weights, self.network.biases, strict=True)
        short = [[np.round(part.astype(np.float64), 7).tolist() for part in (w.T, b)] for w, b in layers]
        return {"form": self.name, "norm": self.norm.tolist(), "unit": self.unit, "layers": short}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `LatencyForm`."""
        parts = [[np.array(part, np.float32) for part in layer] for layer in value["layers"]]
        network = Perceptron([np.ascontiguousarray(w.T) for w, _ in parts], [b for _, b in parts])
        return cls(np.array(value["norm"], np.float64), float(value["unit"]), network)


def _unit(ms: Floats) -> float:
    """The published divisor that is nearest the mean, where one is within a factor of two."""
    mean = float(ms.mean())
    published = min(_LATENCY_NORMS.values(), key=lambda norm: abs(np.log(norm / mean)))
    return published if 0.5 <= published / mean <= 2 else mean
