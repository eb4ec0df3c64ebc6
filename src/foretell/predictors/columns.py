"""Scores and costs that are already known of an architecture: read, never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.metrics import Metric
from foretell.observations import OWN_UNIT, Observation
from foretell.spaces import Population

__all__ = ["Columns"]


@dataclass(frozen=True)
class Columns:
    """What stands beside architectures in their records, by column and by architecture.

    Labels are no columns: what was measured after training from scratch cannot be looked up here. A score
    or a cost may be, because whoever recorded it could have computed it before training.

    Attributes:
        scores: What earlier predictors said of the metric, in its unit: column, canonical row as bytes, value.
        costs: Measured or counted costs, same form.
        own_unit: Scores in a unit of their own, which estimate no metric and only rank, higher for
            better ones, same form.
    """

    scores: Mapping[str, Mapping[bytes, float]] = field(default_factory=dict)
    costs: Mapping[str, Mapping[bytes, float]] = field(default_factory=dict)
    own_unit: Mapping[str, Mapping[bytes, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, observations: Sequence[Observation], metric: str) -> Columns:
        """The columns of some observations: all costs, and the scores that estimate `metric` or none at all.

        Raises:
            InputError: A predictor scored some architectures in the metric's unit and others in one of its own.
        """
        scores: dict[str, dict[bytes, float]] = {}
        costs: dict[str, dict[bytes, float]] = {}
        own_unit: dict[str, dict[bytes, float]] = {}
        for item in observations:
            key = item.architecture.row.tobytes()
            for name, by_metric in item.scores.items():
                if metric in by_metric:
                    scores.setdefault(name, {})[key] = float(by_metric[metric])
                elif OWN_UNIT in by_metric:
                    own_unit.setdefault(name, {})[key] = float(by_metric[OWN_UNIT])
            for name, value in item.costs.items():
                costs.setdefault(name, {})[key] = float(value)
        if both := sorted(scores.keys() & own_unit.keys()):
            raise InputError(
                f"the scores of {', '.join(both)} are of {metric} for some architectures and in a unit of their own "
                "for others; score all of them in the same way."
            )
        return cls(scores, costs, own_unit)

    @property
    def names(self) -> list[str]:
        """All columns, each once, scores first."""
        return list(dict.fromkeys([*self.scores, *self.own_unit, *self.costs]))

    def merged(self, other: Columns) -> Columns:
        """Both; where both know a value, the other's."""
        return Columns(
            _merged(self.scores, other.scores),
            _merged(self.costs, other.costs),
            _merged(self.own_unit, other.own_unit),
        )

    def lookup(self, name: str, canonical: Population) -> npt.NDArray[np.float64]:
        """One column, `float64 [n]`; NaN where it knows nothing of an architecture.

        Args:
            name: A score's or a cost's name.
            canonical: `int16 [n, columns]`, canonical.

        Raises:
            InputError: There are no columns at all.
            UnknownNameError: There is no column of that name; the message lists or suggests what is there.
        """
        if not self.names:
            raise InputError(f"the column {name!r} is asked for, but the observations hold no scores and no costs.")
        if name not in self.names:
            raise UnknownNameError("column", name, self.names, "the observations")
        values = self.scores.get(name) or self.own_unit.get(name) or self.costs[name]
        return np.array([values.get(row.tobytes(), np.nan) for row in canonical], dtype=np.float64)

    def goodness(self, name: str, canonical: Population, metric: Metric) -> npt.NDArray[np.float64]:
        """As `lookup`, what estimates the metric turned so that more is better: what learning looks at."""
        values = self.lookup(name, canonical)
        return metric.goodness(values) if name in self.scores else values


def _merged(
    first: Mapping[str, Mapping[bytes, float]], second: Mapping[str, Mapping[bytes, float]]
) -> dict[str, dict[bytes, float]]:
    names = dict.fromkeys([*first, *second])
    return {name: {**first.get(name, {}), **second.get(name, {})} for name in names}
