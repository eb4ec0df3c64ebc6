"""One architecture and what is known of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foretell.errors import InputError, UnknownNameError
from foretell.metrics import PRIMARY_METRIC
from foretell.observations.spaces_in_lines import check_space_of_line, space_in_line
from foretell.spaces import Architecture, SearchSpace

__all__ = ["FORMAT", "GROUP", "OWN_UNIT", "Observation"]

FORMAT = 1
"""Version of one line of an observations file (docs/formats.md)."""

OWN_UNIT = "own_unit"
"""In place of a metric: the score estimates none, it only ranks; higher is better."""

GROUP = "group"
"""In the provenance: what it shares with observations that must not stand on the other side of a split."""

_LARGEST = 1e30
"""Squares of sums of larger numbers leave the range of floating point."""

_MAPPINGS = ("architecture", "metrics", "costs", "scores", "provenance")
_KEYS = ("format", "space", "space_fingerprint", *_MAPPINGS, "fidelity", "failed")


@dataclass(frozen=True)
class Observation:
    """An architecture with its measured metrics, its costs, and what predictors said of it.

    Attributes:
        architecture: What was observed.
        metrics: Measured quality by name: `valid_bleu`, `test_bleu`, `valid_loss`, ...
        costs: Costs by name, the convention spelled out in each: `latency_ms`, `flops`,
            `flops_without_output_layer`, `parameters_without_embeddings`, ... (docs/formats.md).
        scores: What predictors said, by predictor and then by metric: `{"HAT": {"valid_bleu": 23.5}}`.
        provenance: Where the numbers come from: seed, steps, corpus, software, device, wall time; any JSON.
        fidelity: How far it was trained, as a share of the full training, above 0 and at most 1.
        failed: Why there is no label: it crashed, or its metric was no number. Empty where there is one.

    Raises:
        InputError: A metric, cost or score that is not a finite number, or a fidelity outside its range.
    """

    architecture: Architecture
    metrics: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    fidelity: float = 1.0
    failed: str = ""

    def __post_init__(self) -> None:
        _check_numbers(self.metrics, "metric")
        _check_numbers(self.costs, "cost")
        for name, values in self.scores.items():
            _check_numbers(values, f"score of {name} for")
        _check_numbers({"share": self.fidelity}, "fidelity's")
        if not 0 < self.fidelity <= 1:
            raise InputError(f"the fidelity is {self.fidelity!r}; expected a share above 0 and at most 1.")
        if not isinstance(self.failed, str):
            raise InputError(f"failed is {self.failed!r}; expected a reason in words, or nothing.")

    def metric(self, name: str = PRIMARY_METRIC) -> float:
        """The measured value of a metric.

        Raises:
            UnknownNameError: It was not measured; the message names the nearest that was.
        """
        return _get(self.metrics, name, "metric")

    def cost(self, name: str) -> float:
        """The value of a cost.

        Raises:
            UnknownNameError: It is not recorded; the message names the nearest that is.
        """
        return _get(self.costs, name, "cost")

    def score(self, predictor: str, metric: str = PRIMARY_METRIC) -> float:
        """What a predictor said of a metric.

        Raises:
            UnknownNameError: It said nothing; the message names the nearest that did.
        """
        if predictor not in self.scores:
            raise UnknownNameError("score", predictor, self.scores, "the observation")
        return _get(self.scores[predictor], metric, f"score of {predictor} for the metric")

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of one line of an observations file."""
        space = self.architecture.space
        line: dict[str, Any] = {
            "format": FORMAT,
            **space_in_line(space),
            "architecture": self.architecture.to_dict(),
            "metrics": dict(self.metrics),
            "costs": dict(self.costs),
            "scores": {name: dict(values) for name, values in self.scores.items()},
            "provenance": dict(self.provenance),
        }
        # What almost every line would say alike is left out, so that files of the first version stay as they are.
        return (
            line
            | ({"fidelity": self.fidelity} if self.fidelity != 1 else {})
            | ({"failed": self.failed} if self.failed else {})
        )

    @classmethod
    def from_dict(cls, space: SearchSpace, line: Mapping[str, Any]) -> Observation:
        """Read the JSON object of one line.

        Args:
            space: The space to read the architecture in; the line must name it.
            line: `to_dict`'s form. Only `format`, `space` (a name, or a whole space of the user's) and
                `architecture` are required, and a score may be a plain number, which then is a score for
                `PRIMARY_METRIC`.

        Raises:
            UnknownNameError: A key, gene or space that is not known.
            InputError: A key is missing, or a value makes no sense.
        """
        for key in line:
            if key not in _KEYS:
                raise UnknownNameError("key", key, _KEYS, "an observation")
        for key in ("format", "space", "architecture"):
            if key not in line:
                raise InputError(f"the key {key!r} is missing; an observation needs format, space and architecture.")
        if line["format"] != FORMAT:
            raise InputError(f"the observation has format {line['format']!r}; this version reads format {FORMAT}.")
        check_space_of_line(space, line)
        given = {key: _mapping(line, key) for key in _MAPPINGS}
        scores = {
            name: value if isinstance(value, dict) else {PRIMARY_METRIC: value}
            for name, value in given["scores"].items()
        }
        architecture = Architecture.from_dict(space, given["architecture"])
        about = {key: line[key] for key in ("fidelity", "failed") if key in line}
        return cls(architecture, given["metrics"], given["costs"], scores, given["provenance"], **about)


def _mapping(line: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = line.get(key, {})
    if not isinstance(value, dict):
        raise InputError(f"{key} is {value!r}; expected an object of names and values.")
    return value


def _get(values: Mapping[str, float], name: str, kind: str) -> float:
    if name not in values:
        raise UnknownNameError(kind, name, values, "the observation")
    return values[name]


def _check_numbers(values: Mapping[str, object], kind: str) -> None:
    for name, value in values.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value):  # type: ignore[arg-type]
            raise InputError(f"the {kind} {name} is {value!r}; expected a finite number.")
        if abs(value) > _LARGEST:  # type: ignore[arg-type]
            raise InputError(f"the {kind} {name} is {value!r}; expected a number below {_LARGEST:g}.")
