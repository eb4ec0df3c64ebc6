"""Which architectures of a space are trained at which update: pure functions of a seed and the update."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from foretell.errors import UnknownNameError
from foretell.spaces import Architecture, SearchSpace

__all__ = ["Fixed", "SamplingRule", "Sandwich", "SinglePath", "SupernetKind", "sampling_rule"]

SupernetKind = Literal["spos", "sandwich"]


class SamplingRule(Protocol):
    """Which architectures take part in an update, and which stand for the supernet in validation."""

    def at(self, update: int) -> list[Architecture | None]:
        """Architectures whose gradients are averaged at this update; None is the whole network."""
        ...

    @property
    def validated(self) -> list[Architecture | None]:
        """Architectures whose mean validation loss chooses the best checkpoint."""
        ...


class Fixed:
    """Always the whole network: training from scratch."""

    def at(self, update: int) -> list[Architecture | None]:
        """The whole network."""
        return [None]

    @property
    def validated(self) -> list[Architecture | None]:
        """The whole network."""
        return [None]


class SinglePath:
    """Single-path one-shot, as HAT trains: one random architecture an update (REFERENCE 2.4).

    The random stream belongs to the rule alone; an update's draw does not depend on the ones before.

    Args:
        space: What to draw from; every gene uniformly, so that depths are equally likely.
        seed: Of the draws.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.space, self.seed = space, seed

    def at(self, update: int) -> list[Architecture | None]:
        """One random architecture."""
        rng = np.random.default_rng([self.seed, update])
        return [self.space.architecture(self.space.sample(1, rng)[0])]

    @property
    def validated(self) -> list[Architecture | None]:
        """The true largest and smallest; published code let the smallest alone decide (REFERENCE 12)."""
        return [self.space.largest(), self.space.smallest()]


class Sandwich(SinglePath):
    """A random architecture, the true largest and the true smallest at every update.

    Published code fixed the attention gene at 1, so that its "largest" and "smallest" were neither.
    """

    def at(self, update: int) -> list[Architecture | None]:
        """A random architecture and both extremes."""
        return [*super().at(update), self.space.largest(), self.space.smallest()]


def sampling_rule(kind: str, space: SearchSpace, seed: int) -> SamplingRule:
    """The rule of a supernet kind.

    Raises:
        UnknownNameError: There is no such kind.
    """
    rules = {"spos": SinglePath, "sandwich": Sandwich}
    if kind not in rules:
        raise UnknownNameError("supernet kind", kind, rules)
    return rules[kind](space, seed)
