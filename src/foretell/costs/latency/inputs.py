"""What latency is predicted from: HAT's ten averages, and single layers where the data has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.spaces import Population, SearchSpace

__all__ = ["PARTS", "LatencyInputs", "layer_steps"]

Floats = npt.NDArray[np.float64]

PARTS = (
    "fixed",
    "encoder_layers",
    "encoder_widths",
    "encoder_ffn",
    "encoder_heads",
    "decoder_layers",
    "decoder_widths",
    "decoder_ffn",
    "decoder_self_heads",
    "decoder_cross_heads",
    "attended",
    "attended_widths",
    "output_layer",
)
"""What a translation's time is a sum of, each the total over active layers."""


@dataclass(frozen=True)
class LatencyInputs:
    """Architectures as a latency predictor sees them.

    Attributes:
        space: The space that they are of.
        averages: HAT's ten numbers in the units of the genes, `[n, 10]`: per-layer genes averaged over
            active layers, attention as the number of attended layers, as in HAT's files.
        population: `int16 [n, columns]`; None where only the averages are known, as in HAT's files.
    """

    space: SearchSpace
    averages: Floats
    population: Population | None = None

    @classmethod
    def of(cls, space: SearchSpace, population: Population) -> LatencyInputs:
        """Of architectures that are known layer by layer."""
        return cls(space, space.features(population, "hat"), population)

    def __len__(self) -> int:
        return len(self.averages)

    def take(self, rows: npt.NDArray[Any]) -> LatencyInputs:
        """Some of the rows, by index or mask."""
        population = None if self.population is None else self.population[rows]
        return LatencyInputs(self.space, self.averages[rows], population)

    def parts(self) -> Floats:
        """How much of each part of `PARTS` an architecture has, `[n, parts]`.

        Sums over layers are depth times average, so nothing is lost where only averages are known.
        """
        de, le, fe, he, dd, ld, fd, hs, hc, k = self.averages.T
        one = np.ones(len(self))
        encoder = [le, le * de, le * fe * de, le * he]
        decoder = [ld, ld * dd, ld * fd * dd, ld * hs, ld * hc, ld * k, ld * k * de]
        return np.stack([one, *encoder, *decoder, dd], axis=1)


def layer_steps(inputs: LatencyInputs, choices: dict[str, list[int]]) -> Floats:
    """How many active layers have at least each value, and how many layers there are at each width.

    With non-negative weights this is a time for every value of every gene that never falls as the value
    grows: no straight line between the choices is assumed.

    Args:
        inputs: With `population`.
        choices: Values of each gene in ascending order; attention as the number of attended layers.

    Returns:
        `[n, features]`: a constant; for a width the steps themselves and times the depth; for a depth its
        value; for a per-layer gene the layers at or above each value but the lowest; for a feed-forward
        network also the sum of inner width times width, the size of its matrices.
    """
    assert inputs.population is not None  # noqa: S101 - for the type checker; `LayerForm.fits` has asked
    space, population = inputs.space, inputs.space.canonical(inputs.population)
    active = space.active(population)
    columns: list[npt.NDArray[Any]] = [np.ones(len(population))]
    for gene in space.genes:
        place, steps = space.columns(gene.name), choices[gene.name][1:]
        values = space.numbers(population, gene.name)
        if gene.depth is not None:
            columns += [((values >= step) & active[:, place]).sum(1) for step in steps]
        elif gene.name.endswith("layer-num"):
            columns.append(values[:, 0])
        else:
            depth = space.numbers(population, gene.name.replace("embed-dim", "layer-num"))[:, 0]
            columns += [column for step in steps for column in (values[:, 0] >= step, depth * (values[:, 0] >= step))]
    parts = inputs.parts()
    columns += [parts[:, PARTS.index("encoder_ffn")], parts[:, PARTS.index("decoder_ffn")]]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
