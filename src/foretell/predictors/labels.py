"""Labelled architectures, each once, ready to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.observations import Observation
from foretell.spaces import Population, SearchSpace

__all__ = ["Labels", "TooFewLabelsError"]


class TooFewLabelsError(InputError):
    """A predictor needs more labelled architectures than it was given."""


@dataclass(frozen=True)
class Labels:
    """Distinct architectures with one label each.

    Attributes:
        population: `int16 [n, columns]`, canonical.
        values: The labels, `float64 [n]`; an architecture observed several times has the mean.
        observations: One for each row, its metric replaced by the label.
        metric: The name of the metric.
        noise: Standard deviation of repeated labels of one architecture (pooled over all that repeat), in
            the metric's unit; None where nothing repeats.
    """

    population: Population
    values: npt.NDArray[np.float64]
    observations: tuple[Observation, ...]
    metric: str
    noise: float | None = None

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, observations: Sequence[Observation], metric: str, space: SearchSpace) -> Labels:
        """Collect the labels of some observations.

        Raises:
            InputError: An architecture of another space, or one without the metric (the message lists what
                it has).
        """
        groups: dict[bytes, list[Observation]] = {}
        for item in observations:
            groups.setdefault(item.architecture.row.tobytes(), []).append(item)
            _check_metric(item, metric)
        firsts = [group[0] for group in groups.values()]
        population = space.population([item.architecture for item in firsts])
        repeats = [np.array([item.metric(metric) for item in group]) for group in groups.values()]
        values = np.array([each.mean() for each in repeats], dtype=np.float64)
        merged = tuple(
            replace(item, metrics={**item.metrics, metric: float(value)})
            for item, value in zip(firsts, values, strict=True)
        )
        return cls(population, values, merged, metric, _noise(repeats))

    def require(self, minimum: int, name: str, *, spread: bool) -> None:
        """Refuse labels that a predictor cannot learn from.

        Args:
            minimum: How many distinct architectures it needs.
            name: The predictor.
            spread: Whether labels must differ.

        Raises:
            TooFewLabelsError: Fewer than `minimum`; the message says how many.
            InputError: All labels are equal although they must differ.
        """
        n = len(self)
        if n < minimum:
            raise TooFewLabelsError(
                f"{name} needs at least {minimum} labelled architectures, found {n}: label more of them."
            )
        if spread and n > 0 and float(np.ptp(self.values)) == 0.0:
            raise InputError(
                f"all {n} labels ({self.metric}) are {self.values[0]:g}, so {name} has nothing to learn; "
                "check the metric, or label architectures that differ more."
            )


def _check_metric(item: Observation, metric: str) -> None:
    if metric not in item.metrics:
        there = ", ".join(item.metrics) or "none"
        raise InputError(
            f"the architecture {item.architecture.key} has no metric {metric!r}; it has {there}: choose one of "
            "those with --metric, or leave the architecture out."
        )


def _noise(repeats: Sequence[npt.NDArray[np.float64]]) -> float | None:
    degrees = sum(len(each) - 1 for each in repeats)
    if degrees == 0:
        return None
    return float(np.sqrt(sum(((each - each.mean()) ** 2).sum() for each in repeats) / degrees))
