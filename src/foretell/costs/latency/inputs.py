"""What latency is predicted from: a family's averages over layers, and single layers where the data has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.families.encoder_decoder.genes import Backbone
from foretell.families.timing import timed_family
from foretell.spaces import Population, SearchSpace

__all__ = ["LatencyInputs", "layer_steps"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LatencyInputs:
    """Architectures as a latency predictor sees them.

    Attributes:
        space: The space that they are of.
        averages: The family's `latency_features`, `[n, p]`; of an encoder-decoder HAT's ten numbers in the units of
            the genes: per-layer genes averaged over active layers, attention as the number of attended layers, as in
            HAT's files.
        population: `int16 [n, columns]`; None where only the averages are known, as in HAT's files.
    """

    space: SearchSpace
    averages: Floats
    population: Population | None = None

    @classmethod
    def of(cls, space: SearchSpace, population: Population) -> LatencyInputs:
        """Of architectures that are known layer by layer."""
        return cls(space, space.features(population, timed_family(space).latency_features), population)

    def __len__(self) -> int:
        return len(self.averages)

    def take(self, rows: npt.NDArray[Any]) -> LatencyInputs:
        """Some of the rows, by index or mask."""
        population = None if self.population is None else self.population[rows]
        return LatencyInputs(self.space, self.averages[rows], population)

    def norms(self) -> Floats:
        """What each average is divided by, `[p]`: HAT's published norms where the space has them, else its largest."""
        shared = self.space.constants
        published = shared.latency_norm if isinstance(shared, Backbone) else None
        return np.array(published or np.maximum(self.averages.max(0), 1e-9))

    @property
    def part_names(self) -> tuple[str, ...]:
        """What a time is a sum of, each the total over active layers."""
        return timed_family(self.space).latency_parts

    def parts(self) -> Floats:
        """How much of each part an architecture has, `[n, parts]`."""
        return timed_family(self.space).parts(self.space, self.averages, self.population)


def layer_steps(inputs: LatencyInputs, choices: dict[str, list[int]]) -> Floats:
    """How much of each value of each gene an architecture has; see `foretell.families.timing.layer_steps`.

    Args:
        inputs: With `population`.
        choices: Values of each gene in ascending order.

    Returns:
        `[n, features]`.
    """
    assert inputs.population is not None  # noqa: S101 - for the type checker; `LayerForm.fits` has asked
    space = inputs.space
    return timed_family(space).steps(space, space.canonical(inputs.population), choices)
