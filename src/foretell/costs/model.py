"""All costs of a population under one set of conventions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.families.timing import TimedFamily
from foretell.spaces import Population, SearchSpace

__all__ = [
    "LATENCY",
    "CostModel",
    "LatencyModel",
    "cost_name",
    "counted_costs",
    "is_latency",
    "plain_name",
    "timed_costs",
]

LATENCY = "latency_ms"

_ALIASES = {
    "memory": "memory_bytes",
    "params": "parameters",
    "params_without_embeddings": "parameters_without_embeddings",
}
# What families count: known in any case, as people write FLOPs and Params. A user's own names keep theirs.
_COUNTED = (
    *("parameters", "parameters_without_embeddings", "weight_bytes", "cache_bytes", "memory_bytes"),
    *("flops", "flops_without_output_layer", "prefill_flops", "decode_flops"),
)


def cost_name(name: str) -> str:
    """The full name of a cost; `latency`, `memory`, `params` and `params_without_embeddings` are short for theirs.

    What follows an `@`, as in "prefill_latency@512", is how much of it is meant. Those and what families count are
    known in any case.
    """
    plain, at, amount = name.partition("@")
    small = plain.lower()
    if small.endswith(("latency", "latency_ms")):
        return f"{small.removesuffix('_ms')}_ms{at}{amount}"
    full = _ALIASES.get(small, small if small in _COUNTED else plain)
    return full + at + amount


def plain_name(name: str) -> str:
    """The full name of a cost without how much of it is meant."""
    return cost_name(name).partition("@")[0]


def is_latency(name: str) -> bool:
    """Whether a cost is a time that is measured on a device."""
    return plain_name(name).endswith("latency_ms")


def timed_costs(space: SearchSpace) -> list[str]:
    """The latencies of a space, by full name: what its family times, or `latency_ms` where nobody says."""
    return list(space.family.workloads(space)) if isinstance(space.family, TimedFamily) else [LATENCY]


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
        classes: Classes that the task tells apart; None: the space's nominal number, where there are such.
        latency: Predicts latency; None where it was not measured.
        latencies: Predict others than `latency_ms`, by full name ("prefill_latency_ms@512").
    """

    space: SearchSpace
    vocabulary: int | tuple[int, int] | None = None
    sentence_length: int | None = None
    classes: int | None = None
    latency: LatencyModel | None = None
    latencies: Mapping[str, LatencyModel] = field(default_factory=dict)

    @property
    def available(self) -> tuple[str, ...]:
        """The names of the costs that can be computed."""
        return (*([LATENCY] if self.latency is not None else []), *self.latencies, *counted_costs(self.space))

    def full_name(self, name: str) -> str:
        """The full name of a cost of the space.

        Raises:
            UnknownNameError: The space has no such cost; the message names the nearest.
        """
        full, known = plain_name(name), [*timed_costs(self.space), *counted_costs(self.space)]
        if full not in known:
            alike = [each for each in known if each.lower() == full.lower()]
            if len(alike) == 1:
                return alike[0]
            short = [each.removesuffix("_ms") for each in known if is_latency(each)]
            short += [alias for alias, whole in _ALIASES.items() if whole in known]
            raise UnknownNameError("cost", name, [*short, *known], f"the space {self.space.name}")
        return cost_name(name)

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
        counted = self._counted(population, [name for name in wanted if not is_latency(name)])
        counted |= {name: self._latency(name, population, confidence) for name in wanted if is_latency(name)}
        return {name: counted[name] for name in wanted}

    def cost(self, population: Population, name: str, *, confidence: float | None = None) -> npt.NDArray[np.float64]:
        """One cost, `float64 [n]`; see `costs`."""
        return self.costs(population, [name], confidence=confidence)[self.full_name(name)]

    def _latency(self, name: str, population: Population, confidence: float | None) -> npt.NDArray[np.float64]:
        model = self.latency if name == LATENCY else self.latencies.get(name)
        if model is None:
            raise InputError(
                f"{name.replace('_ms', '')} is constrained but no latency predictor is there; "
                "measure this device first with `foretell latency measure`."
            )
        return model.predict(population, confidence=confidence)

    def _counted(self, population: Population, names: Sequence[str]) -> dict[str, npt.NDArray[np.float64]]:
        own = {cost_name(name): expression for name, expression in self.space.expressions.items()}
        found = {name: own[name](self.space, population) for name in names if name in own}
        rest = [name for name in names if name not in own]
        if rest and self.space.family is not None:
            sizes: dict[str, Any] = {"vocabulary": self.vocabulary, "length": self.sentence_length}
            sizes |= {} if self.classes is None else {"classes": self.classes}
            plain = [name for name in rest if "@" not in name]
            found |= self.space.family.count(self.space, population, plain, sizes) if plain else {}
            for name in set(rest) - set(plain):
                told = {**sizes, "length": int(name.partition("@")[2])}
                found[name] = self.space.family.count(self.space, population, [plain_name(name)], told)[
                    plain_name(name)
                ]
        return found
