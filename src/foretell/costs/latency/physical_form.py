"""Latency as a sum of non-negative parts.

One layer waits for the other, so times add up. That no part is negative makes a bigger network never
faster, so extremes are where they should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from foretell.costs.latency.inputs import Floats, LatencyInputs, layer_steps

__all__ = ["LayerForm", "PhysicalForm", "robust_weights"]

_ROUNDS = 5
_HUBER = 1.6
"""Errors beyond so many robust deviations lose their say. A lower limit helps the median error and harms the
mean square where noise is skewed, as on HAT's Xeon; between 1.3 and 3 the two trade 1 % for 2 %."""


@dataclass(frozen=True)
class PhysicalForm:
    """A time for every unit of every part of a family's work.

    Attributes:
        milliseconds: Of one unit of each part, non-negative.
        parts: Their names (`LatencyInputs.part_names`).
    """

    milliseconds: tuple[float, ...]
    parts: tuple[str, ...]
    name: ClassVar[str] = "physical"

    @staticmethod
    def fits(inputs: LatencyInputs) -> str | None:
        """See `LatencyForm`."""
        return _too_few(len(inputs), len(inputs.part_names))

    @classmethod
    def fit(cls, inputs: LatencyInputs, ms: Floats, weights: Floats) -> Self:
        """Least relative squares; weights `[n]`, 1 is full say."""
        return cls(tuple(_solve(inputs.parts(), ms, weights).tolist()), inputs.part_names)

    def refit(self, inputs: LatencyInputs, ms: Floats, weights: Floats) -> PhysicalForm:
        """See `LatencyForm`."""
        return PhysicalForm.fit(inputs, ms, weights)

    def predict(self, inputs: LatencyInputs) -> Floats:
        """Milliseconds, `[n]`."""
        return inputs.parts() @ np.array(self.milliseconds)

    def to_json(self) -> dict[str, Any]:
        """See `LatencyForm`."""
        return {"form": self.name, "milliseconds": dict(zip(self.parts, self.milliseconds, strict=True))}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `LatencyForm`."""
        told = value["milliseconds"]
        return cls(tuple(float(each) for each in told.values()), tuple(map(str, told)))


@dataclass(frozen=True)
class LayerForm:
    """A time for every value of every layer; see `layer_steps`.

    Attributes:
        choices: The values of each gene that it was fitted on, ascending.
        milliseconds: Of one unit of each feature, non-negative.
    """

    choices: dict[str, list[int]]
    milliseconds: tuple[float, ...]
    name: ClassVar[str] = "layers"

    @staticmethod
    def fits(inputs: LatencyInputs) -> str | None:
        """See `LatencyForm`."""
        if inputs.population is None:
            return "only averages over layers are known"
        return _too_few(len(inputs), layer_steps(inputs.take(np.arange(1)), _choices(inputs)).shape[1])

    @classmethod
    def fit(cls, inputs: LatencyInputs, ms: Floats, weights: Floats) -> Self:
        """Least relative squares; weights `[n]`, 1 is full say."""
        choices = _choices(inputs)
        return cls(choices, tuple(_solve(layer_steps(inputs, choices), ms, weights).tolist()))

    def refit(self, inputs: LatencyInputs, ms: Floats, weights: Floats) -> LayerForm:
        """See `LatencyForm`."""
        return LayerForm.fit(inputs, ms, weights)

    def predict(self, inputs: LatencyInputs) -> Floats:
        """Milliseconds, `[n]`."""
        return layer_steps(inputs, self.choices) @ np.array(self.milliseconds)

    def to_json(self) -> dict[str, Any]:
        """See `LatencyForm`."""
        return {"form": self.name, "choices": self.choices, "milliseconds": list(self.milliseconds)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `LatencyForm`."""
        choices = {str(name): [int(item) for item in items] for name, items in value["choices"].items()}
        return cls(choices, tuple(float(item) for item in value["milliseconds"]))


def robust_weights(inputs: LatencyInputs, ms: Floats, weights: Floats) -> Floats:
    """The weights times how far each row is trusted by the physical form, `[n]`: outliers lose their say (Huber)."""
    parts = inputs.parts()
    trusted = weights
    for _ in range(_ROUNDS):
        errors = np.abs(ms / np.maximum(parts @ _solve(parts, ms, trusted), 1e-12) - 1)
        deviation = 1.4826 * float(np.median(errors)) + 1e-9
        trusted = weights * np.minimum(1.0, _HUBER * deviation / np.maximum(errors, 1e-12))
    return trusted


def _choices(inputs: LatencyInputs) -> dict[str, list[int]]:
    choices = {}
    for gene in inputs.space.genes:
        choices[gene.name] = np.unique(gene.numbers).astype(int).tolist()
    return choices


def _too_few(rows: int, features: int) -> str | None:
    return f"{rows} samples are fewer than its {features} parts" if rows < features else None


def _solve(parts: Floats, ms: Floats, weights: Floats) -> Floats:
    """Non-negative costs `[parts]` with the least squares of relative errors."""
    from scipy.optimize import nnls

    scale = np.maximum(np.abs(parts).max(0), 1e-12)
    root = np.sqrt(weights) / ms
    solution: Floats = nnls(parts / scale * root[:, None], ms * root)[0]
    return solution / scale
