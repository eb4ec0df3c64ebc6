"""Which architectures of a collection a table is about, and what its predictors may look up of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

from foretell.errors import UnknownNameError
from foretell.observations import Observation, ObservationSet
from foretell.predictors.labels import comparable
from foretell.predictors.sizes import size_names

__all__ = ["Sees", "as_seen", "comparable_set", "complete_set"]

Sees = Literal["genes", "size", "all"]
"""What predictors may look up of an architecture."""


def complete_set(collection: ObservationSet) -> ObservationSet:
    """Without the architectures of which a cost is not on record that others have; all where none would be left."""
    costs = {name for item in collection.observations for name in item.costs}
    complete = {item.architecture.row.tobytes() for item in collection.observations if costs <= set(item.costs)}
    return _only(collection, lambda item: item.architecture.row.tobytes() in complete) if complete else collection


def as_seen(collection: ObservationSet, sees: Sees) -> ObservationSet:
    """With what a predictor may look up, and nothing more.

    Raises:
        UnknownNameError: There is no such view.
    """
    if sees not in get_args(Sees):
        raise UnknownNameError("view", sees, get_args(Sees))
    if sees == "all":
        return collection
    shown = {
        id(item): replace(item, scores={}, costs={n: item.costs[n] for n in size_names(item.costs) if sees == "size"})
        for item in collection.observations
    }
    splits = tuple(
        replace(split, train=tuple(shown[id(o)] for o in split.train), test=tuple(shown[id(o)] for o in split.test))
        for split in collection.splits
    )
    return replace(collection, observations=tuple(shown.values()), splits=splits)


def comparable_set(collection: ObservationSet) -> ObservationSet:
    """Without the trainings that did not go as far as the others."""
    kept = comparable(collection.observations)
    if len(kept) == len(collection.observations):
        return collection
    counted = set(map(id, kept))
    return _only(collection, lambda item: id(item) in counted)


def _only(collection: ObservationSet, wanted: Callable[[Observation], bool]) -> ObservationSet:
    def of(items: Sequence[Observation]) -> tuple[Observation, ...]:
        return tuple(filter(wanted, items))

    splits = tuple(replace(split, train=of(split.train), test=of(split.test)) for split in collection.splits)
    return replace(collection, observations=of(collection.observations), splits=splits)
