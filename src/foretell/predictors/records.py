"""Labels of other tasks: those that come with foretell, sorted by task, and what a predictor may take of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretell import spaces
from foretell.metrics import Metric
from foretell.observations import Observation, load
from foretell.observations.reference import (
    PUBLISHED_PREFIX,
    REFERENCE_PREFIX,
    published_names,
    reference_names,
    shipped_path,
)
from foretell.observations.tables import is_table, unpacked
from foretell.predictors.labels import Labels
from foretell.spaces import Population, SearchSpace

__all__ = ["LOSS", "Record", "loss_at", "merged_records", "records_of", "shipped_records", "task_marks"]

Array = npt.NDArray[np.float64]

LOSS = "valid_loss"
"""The metric of learning curves (`history` in the provenance of a training)."""

_LEAST, _MOST = 5, 120
"""Architectures that are taken of one task: fewer do not tell its level and scale, more cost time and add little."""


@dataclass(frozen=True)
class Record:
    """What was observed on one task.

    Attributes:
        name: Whence it is, for people: "reference:en-de".
        space: Of the architectures.
        observations: All of one task.
        marks: Fingerprints by which others may know the task.
    """

    name: str
    space: SearchSpace
    observations: tuple[Observation, ...]
    marks: frozenset[str]

    def labels(self, metric: Metric) -> Labels | None:
        """At most so many labels, in the metric's own unit; None where there are too few, or all are equal."""
        having = [item for item in self.observations if item.fidelity == 1 and metric.key in item.metrics]
        if not having:
            return None
        labels = Labels.of(having, metric, self.space)
        if len(labels) > _MOST:
            kept = np.sort(np.random.default_rng(0).permutation(len(labels))[:_MOST])
            picked = tuple(labels.observations[at] for at in kept)
            labels = replace(
                labels, population=labels.population[kept], values=labels.values[kept], observations=picked
            )
        return labels if len(labels) >= _LEAST and float(np.ptp(labels.values)) > 0 else None

    def without(self, rows: set[bytes]) -> Record:
        """The record without some architectures."""
        kept = tuple(item for item in self.observations if item.architecture.row.tobytes() not in rows)
        return replace(self, observations=kept)

    def losses(self, population: Population, share: float) -> Array:
        """Validation losses after a share of the training, `[n]`; NaN where the curve does not tell it."""
        found: dict[bytes, list[float]] = {}
        for item in self.observations:
            if (loss := loss_at(item, share)) is not None:
                found.setdefault(item.architecture.row.tobytes(), []).append(loss)
        return np.array([np.mean(found.get(row.tobytes(), [np.nan])) for row in population], dtype=np.float64)


def loss_at(item: Observation, share: float) -> float | None:
    """The validation loss of a training after a share of it, between the points of its curve; None if nobody knows."""
    if item.fidelity == share and LOSS in item.metrics:
        return float(item.metrics[LOSS])
    ended, history = item.provenance.get("updates"), item.provenance.get("history")
    total = item.provenance.get("recipe_updates", ended)  # more, where early stopping has ended it
    if not isinstance(total, int) or not isinstance(history, list) or item.fidelity != 1:
        return None
    points = [(point["update"] / total, point[LOSS]) for point in history if LOSS in point and "update" in point]
    if not points or share < 0.99 * points[0][0]:
        return None
    if share > points[-1][0]:  # after its end a training is what it was then
        return float(item.metrics[LOSS]) if ended != total and LOSS in item.metrics else None
    places, losses = np.array(points, dtype=np.float64).T
    return float(np.interp(np.log(share), np.log(places), losses))


def task_marks(observations: Iterable[Observation]) -> frozenset[str]:
    """Fingerprints of the tasks and corpora of observations: who shares one has seen the same task."""
    marks = (item.provenance.get(key) for item in observations for key in ("task", "corpus"))
    return frozenset(mark for mark in marks if isinstance(mark, str))


def records_of(name: str, observations: Sequence[Observation]) -> list[Record]:
    """Observations sorted by task."""
    by_task: dict[str, list[Observation]] = {}
    for item in observations:
        by_task.setdefault(str(item.provenance.get("task", "")), []).append(item)
    return [
        Record(name, items[0].architecture.space, tuple(items), task_marks(items))
        for items in by_task.values()
        if items
    ]


def merged_records(records: Iterable[Record]) -> list[Record]:
    """Records of the very same task as one, in the order in which the first of each stands."""
    found: dict[tuple[frozenset[str], str], Record] = {}
    for number, record in enumerate(records):
        key = (record.marks or frozenset({f"record {number}"}), record.space.fingerprint)
        other = found.get(key)
        if other is None:
            found[key] = record
        else:
            name = other.name if record.name in other.name.split(" + ") else f"{other.name} + {record.name}"
            found[key] = replace(other, name=name, observations=(*other.observations, *record.observations))
    return list(found.values())


def shipped_records(space: SearchSpace) -> list[Record]:
    """What comes with foretell of the family of a space, by name; none for a space without a family."""
    return [] if space.family is None else list(_shipped(space.family.name))


@cache
def _shipped(family: str) -> tuple[Record, ...]:
    names = [
        *(f"{REFERENCE_PREFIX}{name}" for name in reference_names()),
        *(f"{PUBLISHED_PREFIX}{name}" for name in published_names()),
    ]
    found: list[Record] = []
    for name in names:
        if _family_of(shipped_path(name)) == family:
            found += records_of(name, load(name).observations)
    return tuple(merged_records(found))


def _family_of(path: Path | None) -> str | None:
    """The family of a file's space by its first line; None where it has none."""
    if path is None:
        return None
    data = unpacked(path.read_bytes(), path) if is_table(path) else path.read_bytes()
    first = data.partition(b"\n")[0]
    named = json.loads(first[first.index(b"{") :]).get("space")
    if not isinstance(named, str) or named not in spaces.names():
        return None
    own = spaces.create(named).family
    return None if own is None else own.name
