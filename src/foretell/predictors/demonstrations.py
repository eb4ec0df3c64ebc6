"""Labelled architectures of other tasks, for a language model to which the task itself has shown few or none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from foretell.observations import Observation
from foretell.predictors.context import Context
from foretell.predictors.experience import Experience
from foretell.predictors.records import Record, merged_records, shipped_records, task_marks
from foretell.spaces import Population, SearchSpace

__all__ = ["Others", "other_tasks", "others_shown", "shuffled_orders", "spread_evenly"]

Vector = npt.NDArray[np.float64]

_EACH = 5
"""Architectures of a task below which its lines tell little: fewer tasks are shown rather than fewer of each."""


@dataclass(frozen=True, eq=False)
class Others:
    """What a prompt shows of other tasks.

    Attributes:
        population: `int16 [n, columns]`, the architectures of one task after those of another.
        values: Their labels, moved and stretched to what is believed of the task that is asked about, `[n]`.
        names: The tasks, as their records spell them.
        task: Which of `names` each is of, `[n]`.
    """

    population: Population
    values: Vector
    names: tuple[str, ...]
    task: npt.NDArray[np.intp]

    @classmethod
    def none(cls, space: SearchSpace) -> Self:
        """Nothing of any other task."""
        return cls(np.empty((0, space.width), dtype=np.int16), np.empty(0), (), np.empty(0, dtype=np.intp))


def other_tasks(context: Context, space: SearchSpace, own: Sequence[Observation]) -> list[Record]:
    """Records of other tasks on the same genes that have the metric, the largest first.

    Args:
        context: Its `records` (None: those that come with foretell), less what shares a fingerprint with `judged`.
        space: Of the architectures that are asked about.
        own: Labels of the task itself: what shares a fingerprint with them is no other task.
    """
    marks = task_marks(own) | context.judged
    known = shipped_records(space) if context.records is None else context.records
    usable = [
        record
        for record in merged_records(known)
        if not record.marks & marks and _same_genes(record.space, space) and record.labels(context.quality) is not None
    ]
    return sorted(usable, key=lambda record: (-len(record.observations), record.name))


def others_shown(
    context: Context, space: SearchSpace, own: Sequence[Observation], count: int, asked: Population
) -> Others:
    """Choose labelled architectures of other tasks, and say their labels as the task's own would be.

    No label of the task that is asked about decides which: the tasks with the most labels are shown, of each as many,
    evenly spread from the worst to the best. Levels of tasks differ more than architectures do, so that a model that
    reads raw labels mostly learns the level; here each task's labels have the mean and the spread that `Experience`
    gives these architectures on the new task, with as many labels of it as there are.

    Args:
        context: The surroundings; under `disjoint` no architecture is shown that is asked about.
        space: Of the architectures.
        own: Labels of the task.
        count: How many are wanted.
        asked: Who is asked about, `int16 [m, columns]`, canonical.
    """
    records = other_tasks(context, space, own)
    if context.disjoint:
        rows = {row.tobytes() for row in asked}
        records = [record.without(rows) for record in records]
    labelled = [(record, labels) for record in records if (labels := record.labels(context.quality)) is not None]
    labelled = labelled[: max(1, count // _EACH)]
    if count < 1 or not labelled:
        return Others.none(space)
    informed = replace(context, records=tuple(records), disjoint=False)
    believed = Experience(informed).fit(own)
    populations, values = [], []
    for number, (_, labels) in enumerate(labelled):
        share = count // len(labelled) + (number < count % len(labelled))
        said = believed.predict(labels.population).mean
        scale = float(said.std()) / float(labels.values.std())
        shown = spread_evenly(labels.values, share)
        populations.append(labels.population[shown])
        moved = said.mean() + scale * (labels.values[shown] - labels.values.mean())
        values.append(moved.clip(context.quality.low, context.quality.high))
    task = np.repeat(np.arange(len(labelled)), [len(each) for each in values])
    names = tuple(_spelling(record) for record, _ in labelled)
    return Others(np.concatenate(populations), np.concatenate(values), names, task)


def _same_genes(one: SearchSpace, other: SearchSpace) -> bool:
    """Whether rows of one are rows of the other; tasks of one kind may differ in constants, as the vocabulary."""
    first, second = ([(g.name, g.choices, g.depth, g.bound) for g in each.genes] for each in (one, other))
    return first == second


def _spelling(record: Record) -> str:
    """The task as its observations call it."""
    return next((str(item.provenance["task"]) for item in record.observations if "task" in item.provenance), "")


def spread_evenly(values: Vector, most: int) -> npt.NDArray[np.intp]:
    """Which labels stand for all, at most so many: indices in the labels' own order, the extremes among them.

    Args:
        values: Labels `[n]`.
        most: How many may stay; 0 is all.
    """
    if not 0 < most < len(values):
        return np.arange(len(values))
    ranks = np.linspace(0, len(values) - 1, most).round().astype(np.intp)
    return np.sort(np.argsort(values, kind="stable")[ranks])


def shuffled_orders(
    base: npt.NDArray[np.intp], count: int, seed: int, *, first: bool = False, distinct: bool = True
) -> list[npt.NDArray[np.intp]]:
    """Orders of the demonstrations, drawn with a seed.

    Args:
        base: What is to be ordered, `[n]`.
        count: How many orders; distinct ones cannot be more than there are.
        seed: Of the draws.
        first: Whether `base` itself is the first.
        distinct: Whether no order is to be given twice.
    """
    if not distinct:
        return [np.random.default_rng([seed, draw]).permutation(base) for draw in range(count)]
    count = min(count, math.factorial(min(len(base), 8)))
    found: dict[bytes, npt.NDArray[np.intp]] = {base.tobytes(): base} if first else {}
    draw = 0
    while len(found) < count:
        order = base[np.random.default_rng([seed, draw]).permutation(len(base))]
        found.setdefault(order.tobytes(), order)
        draw += 1
    return list(found.values())
