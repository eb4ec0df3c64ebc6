"""Which architectures of a space are trained at which update: pure functions of a seed and the update."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from foretell.errors import InputError, known_name
from foretell.spaces import Architecture, SearchSpace
from foretell.training.options import KINDS, SupernetOptions

__all__ = ["Fixed", "SamplingRule", "Sandwich", "SinglePath", "sampling_rule"]


class SamplingRule(Protocol):
    """Which architectures take part in an update, and which stand for the supernet in validation.

    Attributes:
        distillation: How much of the other architectures' targets is what the first one says.
    """

    distillation: float

    def at(self, update: int) -> list[Architecture | None]:
        """Architectures whose gradients are averaged at this update; None is the whole network."""
        ...

    @property
    def validated(self) -> list[Architecture | None]:
        """Architectures whose mean validation loss chooses the best checkpoint."""
        ...


class Fixed:
    """Always the whole network: training from scratch."""

    distillation = 0.0

    def at(self, update: int) -> list[Architecture | None]:
        """The whole network."""
        return [None]

    @property
    def validated(self) -> list[Architecture | None]:
        """The whole network."""
        return [None]


class SinglePath:
    """Single-path one-shot, as HAT trains: one random architecture an update.

    The random stream belongs to the rule alone; an update's draw does not depend on the ones before.

    Args:
        space: What to draw from.
        seed: Of the draws.
        uniform_over: "genes", so that depths are equally likely, or "architectures" (`SearchSpace.sample`).
    """

    distillation = 0.0

    def __init__(
        self, space: SearchSpace, seed: int, uniform_over: Literal["genes", "architectures"] = "genes"
    ) -> None:
        self.space, self.seed, self.uniform_over = space, seed, uniform_over

    def at(self, update: int) -> list[Architecture | None]:
        """One random architecture."""
        rng = np.random.default_rng([self.seed, update])
        return [self.space.architecture(self.space.sample(1, rng, uniform_over=self.uniform_over)[0])]

    @property
    def validated(self) -> list[Architecture | None]:
        """The true largest and smallest; published code let the smallest alone decide."""
        return [self.space.largest(), self.space.smallest()]


class Sandwich(SinglePath):
    """A random architecture, the true largest and the true smallest at every update.

    Published code fixed the attention gene at 1, so that its "largest" and "smallest" were neither.

    Args:
        space: What to draw from.
        seed: Of the draws.
        uniform_over: As for `SinglePath`.
        distillation: Let the other two learn from the largest as well; it then comes first.
    """

    def __init__(
        self,
        space: SearchSpace,
        seed: int,
        uniform_over: Literal["genes", "architectures"] = "genes",
        distillation: float = 0.0,
    ) -> None:
        super().__init__(space, seed, uniform_over)
        self.distillation = distillation

    def at(self, update: int) -> list[Architecture | None]:
        """A random architecture and both extremes."""
        drawn, largest, smallest = super().at(update), self.space.largest(), self.space.smallest()
        return [largest, *drawn, smallest] if self.distillation else [*drawn, largest, smallest]


def sampling_rule(kind: str, space: SearchSpace, seed: int, options: SupernetOptions | None = None) -> SamplingRule:
    """The rule of a supernet kind.

    Raises:
        UnknownNameError: There is no such kind.
        InputError: In-place distillation without a largest network to learn from.
    """
    options = options or SupernetOptions()
    kind = known_name("supernet kind", kind, KINDS)
    if kind != "spos":
        return Sandwich(space, seed, options.sampler, options.distillation)
    if options.distillation:
        raise InputError(
            f"distillation {options.distillation:g} was asked for, but spos trains one architecture an update; "
            "choose a kind with a sandwich, or leave distillation out."
        )
    return SinglePath(space, seed, options.sampler)
