"""All costs of a population under one set of conventions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.spaces import Population, SearchSpace

__all__ = ["LATENCY", "CostModel", "LatencyModel", "cost_name", "counted_costs"]

LATENCY = "latency_ms"

_ALIASES = {
    "latency": "latency_ms",
    "params": "parameters",
    "params_without_embeddings": "parameters_without_embeddings",
}


def cost_name(name: str) -> str:
    """The full name of a cost; `latency`, `params` and `params_without_embeddings` are short for theirs."""
    return _ALIASES.get(name, name)


def counted_costs(space: SearchSpace) -> dict[str, str]:
    """The costs that a space's genes decide, by full name, and what exactly each counts."""
    own = {cost_name(name): expression.text for name, expression in space.expressions.items()}
    return own if space.family is None else {**space.family.costs, **own}


class LatencyModel(Protocol):
    """Whatever predicts latency: `foretell.costs.LatencyPredictor`, or a stand-in in a test."""

    def predict(self, population: Population, *, confidence: float | None = None) -> npt.NDArray[np.float64]:
        """Milliseconds, `float64 [n]`: the best guess, or what `confidence` of the latencies stay below."""
        ...


@dataclass(frozen=True)
class CostModel:
    """Computes the costs that are asked for, and no others, for whole populations.

    Attributes:
        space: The space.
        vocabulary: Size of the task's vocabulary, or of source's and target's; None: the space's nominal one.
        sentence_length: Tokens a side for FLOPs; None: the space's nominal length.
        latency: Predicts latency; None where it was not measured.
    """

    space: SearchSpace
    vocabulary: int | tuple[int, int] | None = None
    sentence_length: int | None = None
    latency: LatencyModel | None = None

    @property
    def available(self) -> tuple[str, ...]:
        """The names of the costs that can be computed."""
        return (*([LATENCY] if self.latency is not None else []), *counted_costs(self.space))

    def full_name(self, name: str) -> str:
        """The full name of a cost of the space.

        Raises:
            UnknownNameError: The space has no such cost; the message names the nearest.
        """
        full, known = cost_name(name), counted_costs(self.space)
        if full != LATENCY and full not in known:
            short = [alias for alias, whole in _ALIASES.items() if whole in known or whole == LATENCY]
            raise UnknownNameError("cost", name, [*short, LATENCY, *known], f"the space {self.space.name}")
        return full

    def costs(
        self, population: Population, names: Sequence[str] | None = None, *, confidence: float | None = None
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Costs by full name, each `float64 [n]` (whole numbers below 2**53 are exact).

        Args:
            population: `int16 [n, columns]`, canonical or not.
            names: Which costs, by full or short name; None: all that are available.
            confidence: For latency, what share of the latencies shall stay below the number.

        Raises:
            UnknownNameError: A name that is not a cost.
            InputError: Latency is asked for and no predictor is there.
        """
        wanted = [self.full_name(name) for name in (self.available if names is None else names)]
        counted = self._counted(population, [name for name in wanted if name != LATENCY])
        if LATENCY in wanted:
            counted[LATENCY] = self._latency(population, confidence)
        return {name: counted[name] for name in wanted}

    def cost(self, population: Population, name: str, *, confidence: float | None = None) -> npt.NDArray[np.float64]:
        """One cost, `float64 [n]`; see `costs`."""
        return self.costs(population, [name], confidence=confidence)[self.full_name(name)]

    def _latency(self, population: Population, confidence: float | None) -> npt.NDArray[np.float64]:
        if self.latency is None:
            raise InputError(
                "latency is constrained but no latency predictor is there; "
                "measure this device first with `foretell latency measure`."
            )
        return self.latency.predict(population, confidence=confidence)

    def _counted(self, population: Population, names: Sequence[str]) -> dict[str, npt.NDArray[np.float64]]:
        own = {cost_name(name): expression for name, expression in self.space.expressions.items()}
        found = {name: own[name](self.space, population) for name in names if name in own}
        rest = [name for name in names if name not in own]
        if rest and self.space.family is not None:
            sizes = {"vocabulary": self.vocabulary, "length": self.sentence_length}
            found |= self.space.family.count(self.space, population, rest, sizes)
        return found
