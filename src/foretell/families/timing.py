"""What latency asks of a family: what is timed, and what its time is made up of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.spaces import Architecture, Population, SearchSpace

__all__ = [
    "ELSE_TORCH",
    "LLAMA_CPP",
    "TORCH",
    "Step",
    "TimedFamily",
    "TimedSetting",
    "Workload",
    "layer_steps",
    "timed_family",
]

Floats = npt.NDArray[np.float64]

TORCH, LLAMA_CPP = "torch", "llama.cpp"
"""Where networks are timed."""
ELSE_TORCH = "leave the latency's runtime out, and it is measured in torch"
"""What can be done where it is not possible elsewhere."""

Step = Callable[[], tuple[float, float] | None]
"""Does what is timed. One that takes its own time returns milliseconds: what is compared, and the wall's."""


@dataclass(frozen=True)
class Workload:
    """One thing that users wait for.

    Attributes:
        about: What it is, in a phrase.
        sizes: How much of it is timed, where nobody says otherwise.
        at: The size that a number in a limit sets ("prefill_latency@512"); empty where none does.
        runtimes: Where it can be timed.
        version: Raised when torch does the same in another time, so that measurements of before are not mixed in.
    """

    about: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    at: str = ""
    runtimes: tuple[str, ...] = (TORCH,)
    version: int = 1


class TimedSetting(Protocol):
    """What a family is told of a measurement (`foretell.costs.LatencySetting`)."""

    @property
    def space(self) -> SearchSpace:
        """Of the architectures."""
        ...

    @property
    def cost(self) -> str:
        """Which workload, by the name of its cost."""
        ...

    @property
    def vocabulary(self) -> int:
        """Pieces of the task's vocabulary."""
        ...

    @property
    def sizes(self) -> Mapping[str, int]:
        """Of the workload."""
        ...

    @property
    def batch(self) -> int:
        """How many go through together."""
        ...

    @property
    def runtime(self) -> str:
        """What runs the networks, one of the workload's."""
        ...

    @property
    def device(self) -> str:
        """Where."""
        ...

    @property
    def threads(self) -> int:
        """Of the CPU."""
        ...

    @property
    def precision(self) -> str:
        """Of weights and activations, by torch's name; "q8_0" in llama.cpp alone."""
        ...


@runtime_checkable
class TimedFamily(Protocol):
    """A family whose networks can be timed.

    Attributes:
        latency_features: The encoding whose columns latency is predicted from.
        latency_parts: Names of what a time is a sum of, each the total over active layers.
    """

    latency_features: str
    latency_parts: tuple[str, ...]

    def workloads(self, space: SearchSpace) -> dict[str, Workload]:
        """What can be timed, by the name of the cost that it is."""
        ...

    def timed_network(self, setting: TimedSetting, architecture: Architecture) -> Any:
        """A network with random weights on the setting's device, in its precision and evaluation mode."""
        ...

    def timed_step(self, setting: TimedSetting, network: Any) -> Step:
        """A call that does the setting's workload once."""
        ...

    def parts(self, space: SearchSpace, encoded: Floats, population: Population | None) -> Floats:
        """How much of each of `latency_parts` an architecture has, `[n, parts]`.

        Args:
            space: Of the architectures.
            encoded: Their `latency_features`, `[n, p]`.
            population: `int16 [n, columns]`, canonical or not; None where only the encoding is known.
        """
        ...

    def steps(self, space: SearchSpace, population: Population, choices: Mapping[str, Sequence[int]]) -> Floats:
        """How much of each value of each gene an architecture has, `[n, features]`; see `layer_steps`.

        Args:
            space: Of the architectures.
            population: Canonical rows, `int16 [n, columns]`.
            choices: Values of each gene, ascending.
        """
        ...


def timed_family(space: SearchSpace) -> TimedFamily:
    """The family that says what latency times in a space.

    Raises:
        InputError: The space has no family, or one that times nothing.
    """
    if not isinstance(space.family, TimedFamily):
        raise InputError(
            f"the space {space.name} is of the family {space.family_name or '(none)'}, of which nothing can be timed; "
            "choose another space, or let the objective tell its latency."
        )
    return space.family


def layer_steps(
    space: SearchSpace,
    population: Population,
    choices: Mapping[str, Sequence[int]],
    depths: Mapping[str, str],
    products: Sequence[Floats],
) -> Floats:
    """How many active layers have at least each value, and how many layers there are at each width.

    With non-negative weights this is a time for every value of every gene that never falls as the value
    grows: no straight line between the choices is assumed.

    Args:
        space: Of the architectures.
        population: Canonical rows, `int16 [n, columns]`.
        choices: Values of each gene in ascending order.
        depths: For each width, the gene that says how many layers have it.
        products: What is added: sizes of matrices, each `[n]`.

    Returns:
        `[n, features]`: a constant; for a width the steps themselves and times the depth; for a depth its
        value; for a per-layer gene the layers at or above each value but the lowest; the products.
    """
    active = space.active(population)
    columns: list[npt.NDArray[Any]] = [np.ones(len(population))]
    for gene in space.genes:
        place, steps = space.columns(gene.name), choices[gene.name][1:]
        values = space.numbers(population, gene.name)
        if gene.depth is not None:
            columns += [((values >= step) & active[:, place]).sum(1) for step in steps]
        elif gene.name in depths:
            depth = space.numbers(population, depths[gene.name])[:, 0]
            columns += [column for step in steps for column in (values[:, 0] >= step, depth * (values[:, 0] >= step))]
        else:
            columns.append(values[:, 0])
    return np.stack([np.asarray(column, dtype=np.float64) for column in [*columns, *products]], axis=1)
