"""Labelled architectures, each once, ready to learn from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.metrics import Metric, metric_from
from foretell.observations import Observation
from foretell.spaces import Population, SearchSpace

__all__ = [
    "AbsurdLabelWarning",
    "EqualLabelsError",
    "Labels",
    "TooFewLabelsError",
    "comparable",
    "distinct_trainings",
    "label_noise",
]

_ABSURD = 1e5
"""So many times further from all others than those are apart: a unit mistaken or a placeholder, not a tail. A diverged
loss, or a network that learns nothing among good ones, is hundreds of times further, and says something."""

_MOST_ABSURD = 0.25

Floats = npt.NDArray[np.float64]


class AbsurdLabelWarning(UserWarning):
    """Labels that cannot be of the same metric as the others."""


class TooFewLabelsError(InputError):
    """A predictor needs more labelled architectures than it was given."""


class EqualLabelsError(InputError):
    """All labels are equal, where a predictor learns from their differences."""


@dataclass(frozen=True)
class Labels:
    """Distinct architectures with one label each.

    Attributes:
        population: `int16 [n, columns]`, canonical.
        values: The labels, `float64 [n]`; an architecture observed several times has the mean.
        observations: One for each row, its metric replaced by the label, in the metric's own unit.
        metric: The name of the metric.
        noise: Standard deviation of repeated labels of one architecture (see `label_noise`), in the metric's
            unit; None where nothing repeats.
    """

    population: Population
    values: Floats
    observations: tuple[Observation, ...]
    metric: str
    noise: float | None = None

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, observations: Sequence[Observation], metric: str | Metric, space: SearchSpace) -> Labels:
        """Collect the labels of some observations, in the metric's own unit.

        Only trainings of the highest fidelity that is there count. An architecture that failed and has no label
        gets the worst one of the others: it is known to be no good. A label that lies absurdly far from all others
        counts as the nearest of them, with a warning: taken at its word it would be all that is learnt.

        Raises:
            InputError: An architecture of another space, one without the metric (the message lists what it has),
                or nothing but failed ones.
        """
        quality = metric_from(metric)
        groups: dict[bytes, list[Observation]] = {}
        counted = comparable(observations)
        for item in counted:
            groups.setdefault(item.architecture.row.tobytes(), []).append(item)
            _check_metric(item, quality.key)
        fidelity = max((item.fidelity for item in counted if not item.failed), default=1.0)
        firsts = [group[0] for group in groups.values()]
        population = space.population([item.architecture for item in firsts])
        repeats = _believable([_labels(group, quality.key) for group in groups.values()], quality, firsts)
        values = _filled([float(each.mean()) if len(each) else None for each in repeats], quality, firsts)
        merged = tuple(
            replace(item, metrics={**item.metrics, quality.key: value}, fidelity=fidelity, failed="")
            for item, value in zip(firsts, values, strict=True)
        )
        return cls(population, np.array(values, dtype=np.float64), merged, quality.key, label_noise(repeats))

    def require(self, minimum: int, name: str, *, spread: bool) -> None:
        """Refuse labels that a predictor cannot learn from.

        Args:
            minimum: How many distinct architectures it needs.
            name: The predictor.
            spread: Whether labels must differ.

        Raises:
            TooFewLabelsError: Fewer than `minimum`; the message says how many.
            EqualLabelsError: All labels are equal although they must differ.
        """
        n = len(self)
        if n < minimum:
            raise TooFewLabelsError(
                f"{name} needs at least {minimum} labelled architectures, found {n}: label more of them."
            )
        if spread and n > 0 and float(np.ptp(self.values)) == 0.0:
            raise EqualLabelsError(
                f"all {n} labels ({self.metric}) are {self.values[0]:g}, so {name} has nothing to learn; "
                "check the metric, or label architectures that differ more."
            )


def comparable(observations: Iterable[Observation]) -> list[Observation]:
    """Those whose labels can be compared: of the highest fidelity that is there, and what failed at any."""
    items = list(observations)
    highest = max((item.fidelity for item in items if not item.failed), default=1.0)
    return [item for item in items if item.failed or item.fidelity == highest]


def distinct_trainings(observations: Iterable[Observation]) -> list[Observation]:
    """One record for each architecture and seed: a training that stands there twice adds nothing.

    Records that tell no seed are trainings of their own.
    """
    found: dict[tuple[bytes, str], Observation] = {}
    for number, item in enumerate(observations):
        seed = item.provenance.get("seed")
        name = f"record {number}" if seed is None else f"seed {seed}"
        found.setdefault((item.architecture.row.tobytes(), name), item)
    return list(found.values())


def label_noise(repeats: Sequence[Floats]) -> float | None:
    """How much labels vary from seed to seed: the mean of the standard deviations of repeated labels.

    Args:
        repeats: The labels of each architecture.

    Returns:
        None where nothing repeats, or where no repetition made a difference, from which no noise can be told.
    """
    several = [each for each in repeats if len(each) > 1]
    return (float(np.mean([each.std(ddof=1) for each in several])) or None) if several else None


def _check_metric(item: Observation, metric: str) -> None:
    if not item.failed and metric not in item.metrics:
        there = ", ".join(item.metrics) or "none"
        raise InputError(
            f"the architecture {item.architecture.key} has no metric {metric!r}; it has {there}: choose one of "
            "those with --metric, or leave the architecture out."
        )


def _labels(group: Sequence[Observation], metric: str) -> Floats:
    """The labels of one architecture, `[k]`; none where every training of it failed."""
    return np.array([item.metric(metric) for item in distinct_trainings(group) if not item.failed], dtype=np.float64)


def _believable(repeats: Sequence[Floats], metric: Metric, items: Sequence[Observation]) -> list[Floats]:
    """The labels of each architecture, absurd ones as the nearest of the others."""
    values = np.sort(np.concatenate(repeats)) if repeats else np.empty(0)
    if len(values) == 0:
        return list(repeats)
    low, high = _lowest(values), -_lowest(-values[::-1])
    for each, item in zip(repeats, items, strict=True):
        for value in each[(each < low) | (each > high)]:
            nearest = low if value < low else high
            warnings.warn(
                f"the label {value:g} ({metric.key}) of the architecture {item.architecture.key} is absurdly far from "
                f"the others, which are {low:g} to {high:g}; it counts as {nearest:g}: correct or remove it.",
                AbsurdLabelWarning,
                stacklevel=3,
            )
    return [each.clip(low, high) for each in repeats]


def _lowest(values: Floats) -> float:
    """The lowest of sorted labels `[n]` that is not absurd."""
    most = int(_MOST_ABSURD * len(values))
    gaps = np.diff(values)[:most]
    spread = values[-1:] - values[1 : most + 1]
    absurd = np.flatnonzero((spread > 0) & (gaps > _ABSURD * spread))
    return float(values[absurd[-1] + 1 if len(absurd) else 0])


def _filled(labels: Sequence[float | None], metric: Metric, items: Sequence[Observation]) -> list[float]:
    """The labels, with the worst of them where there is none."""
    known = [value for value in labels if value is not None]
    if labels and not known:
        raise InputError(
            f"all {len(labels)} architectures failed, the first with {items[0].failed!r}, so there is no "
            f"{metric.key} to learn from; mend what trains them."
        )
    return [metric.worst(known) if value is None else value for value in labels]
