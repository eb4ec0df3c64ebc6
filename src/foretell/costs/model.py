"""All costs of a population under one set of conventions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from foretell.costs.closed_forms import Totals, Vocabulary, flops, parameters
from foretell.errors import InputError, UnknownNameError
from foretell.spaces import Population, SearchSpace

__all__ = ["COSTS", "CostModel", "LatencyModel", "cost_name"]

COSTS: Mapping[str, str] = MappingProxyType(
    {
        "latency_ms": "milliseconds to translate one sentence on the measured device",
        "flops": "FLOPs of one sentence pair, the output layer included",
        "flops_without_output_layer": "FLOPs of one sentence pair, the projection to the vocabulary left out",
        "parameters": "every number that is stored, embeddings of the task's vocabulary included",
        "parameters_without_embeddings": "parameters of the encoder's and decoder's layers only",
    }
)
"""The costs by name, and what exactly each counts."""

_ALIASES = {
    "latency": "latency_ms",
    "params": "parameters",
    "params_without_embeddings": "parameters_without_embeddings",
}


def cost_name(name: str) -> str:
    """The full name of a cost; `latency`, `params` and `params_without_embeddings` are short for theirs.

    Raises:
        UnknownNameError: There is no such cost; the message names the nearest.
    """
    full = _ALIASES.get(name, name)
    if full not in COSTS:
        raise UnknownNameError("cost", name, dict.fromkeys([*_ALIASES, *COSTS]))
    return full


class LatencyModel(Protocol):
    """Whatever predicts latency: `foretell.costs.LatencyPredictor`, or a stand-in in a test."""

    def predict(self, population: Population, *, confidence: float | None = None) -> npt.NDArray[np.float64]:
        """Milliseconds, `float64 [n]`: the best guess, or what `confidence` of the latencies stay below."""
        ...


@dataclass(frozen=True)
class CostModel:
    """Computes the costs that are asked for, and no others, for whole populations.

    Attributes:
        space: A space of the Transformer family.
        vocabulary: Size of the task's vocabulary, or of source's and target's; None: the space's nominal one.
        sentence_length: Tokens a side for FLOPs; None: the space's nominal length.
        latency: Predicts latency; None where it was not measured.
    """

    space: SearchSpace
    vocabulary: Vocabulary | None = None
    sentence_length: int | None = None
    latency: LatencyModel | None = None

    @property
    def available(self) -> tuple[str, ...]:
        """The names of the costs that can be computed."""
        return tuple(name for name in COSTS if name != "latency_ms" or self.latency is not None)

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
        wanted = [cost_name(name) for name in (self.available if names is None else names)]
        totals = Totals.of(self.space, population) if set(wanted) - {"latency_ms"} else None
        return {name: self._cost(name, population, totals, confidence) for name in wanted}

    def cost(self, population: Population, name: str, *, confidence: float | None = None) -> npt.NDArray[np.float64]:
        """One cost, `float64 [n]`; see `costs`."""
        return self.costs(population, [name], confidence=confidence)[cost_name(name)]

    def _cost(
        self, name: str, population: Population, totals: Totals | None, confidence: float | None
    ) -> npt.NDArray[np.float64]:
        if name == "latency_ms":
            if self.latency is None:
                raise InputError(
                    "latency is constrained but no latency predictor is there; "
                    "measure this device first with `foretell latency measure`."
                )
            return self.latency.predict(population, confidence=confidence)
        common: dict[str, Any] = {"vocabulary": self.vocabulary, "totals": totals}
        if name.startswith("flops"):
            length = self.sentence_length
            counted = flops(self.space, population, output_layer=name == "flops", sentence_length=length, **common)
        else:
            counted = parameters(self.space, population, embeddings=name == "parameters", **common)
        return counted.astype(np.float64)
