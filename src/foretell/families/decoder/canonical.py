"""Which rows mean the same decoder: layers that do nothing are none, and heads share at most as many as there are."""

from __future__ import annotations

import numpy as np

from foretell.spaces import Population, SearchSpace

__all__ = ["canonical", "size"]


def canonical(space: SearchSpace, population: Population) -> Population:
    """See `foretell.spaces.RuledFamily.canonical`.

    Key-value heads become the least choice that means the same; layers that do nothing go to the end, with all
    genes at their least spelling, and the depth becomes the least choice that holds the others.
    """
    rows = population.copy()
    heads, shared, ffn = (space.columns(name) for name in ("heads", "kv-heads", "ffn"))
    clip = np.array([space.gene("kv-heads").meanings(count) for count in space.gene("heads").numbers], dtype=np.int16)
    rows[:, shared] = clip[rows[:, heads], rows[:, shared]]
    numbers = space.gene("layers").numbers.astype(np.int64)
    by_size, depth = np.argsort(numbers, kind="stable"), space.columns("layers").start
    works = (space.numbers(rows, "heads") > 0) | (space.numbers(rows, "ffn") > 0)
    if space.gene("heads").depth is None:
        rows[~works[:, 0], depth] = by_size[0]
        return rows
    active = np.arange(heads.stop - heads.start) < numbers[rows[:, depth]][:, None]
    rows[:, shared] = np.where(active, rows[:, shared], np.int16(0))
    working = active & works
    if (working == active).all():
        return rows
    order = np.argsort(~working, axis=1, kind="stable")
    kept = working.sum(1)
    idle = np.arange(working.shape[1]) >= kept[:, None]
    rows[:, depth] = by_size[np.searchsorted(numbers[by_size], kept)]
    within = np.arange(working.shape[1]) < numbers[rows[:, depth]][:, None]
    for columns, nothing in ((heads, _zero(space, "heads")), (shared, np.int16(0)), (ffn, _zero(space, "ffn"))):
        moved = np.take_along_axis(rows[:, columns], order, axis=1)
        rows[:, columns] = np.where(idle, np.where(within, nothing, np.int16(0)), moved)
    # What a layer without heads shares means nothing.
    rows[:, shared] = clip[rows[:, heads], rows[:, shared]]
    rows[:, shared] = np.where(within, rows[:, shared], np.int16(0))
    return rows


def _zero(space: SearchSpace, name: str) -> np.int16:
    """The place of 0 among a gene's choices; 0 where it is none, which then stands for no layer."""
    places = np.flatnonzero(space.gene(name).numbers == 0)
    return np.int16(places[0] if len(places) else 0)


def size(space: SearchSpace) -> int:
    """See `foretell.spaces.RuledFamily.size`."""
    shared, ffn = space.gene("kv-heads"), space.gene("ffn")
    kinds, idle = 0, False
    for heads in space.gene("heads").numbers:
        spellings = len(set(shared.meanings(heads))) if heads else 1
        kinds += spellings * len(ffn.choices)
        idle = idle or (heads == 0 and bool((ffn.numbers == 0).any()))
    depths = sorted(int(number) for number in space.gene("layers").numbers)
    widths = len(space.gene("width").choices)
    if space.gene("heads").depth is None:
        return widths * (len(depths) * (kinds - idle) + idle)
    if not idle:
        return widths * sum(kinds**depth for depth in depths)
    return widths * sum((kinds - 1) ** depth for depth in range(depths[-1] + 1))
