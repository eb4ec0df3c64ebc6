"""Pareto dominance among many rows at once; small values are good."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["crowding", "dominance_ranks", "non_dominated"]

Values = npt.NDArray[np.float64]
_BLOCK = 256


def non_dominated(values: Values) -> npt.NDArray[np.bool_]:
    """Which rows of `values` [n, objectives] no other row dominates, `bool [n]`.

    A row dominates another if it is nowhere larger and somewhere smaller; equal rows do not.
    """
    kept = np.ones(len(values), dtype=bool)
    for at in range(0, len(values), _BLOCK):
        kept[at : at + _BLOCK] = ~_dominates(values, values[at : at + _BLOCK]).any(axis=0)
    return kept


def _dominates(a: Values, b: Values) -> npt.NDArray[np.bool_]:
    """Whether row i of `a` dominates row j of `b`, `bool [len(a), len(b)]`; one objective at a time."""
    no_larger = np.ones((len(a), len(b)), dtype=bool)
    smaller = np.zeros_like(no_larger)
    for left, right in zip(a.T, b.T, strict=True):
        no_larger &= left[:, None] <= right
        smaller |= left[:, None] < right
    return no_larger & smaller


def dominance_ranks(values: Values, enough: int | None = None) -> npt.NDArray[np.intp]:
    """The number of the front that each row stands on, `[n]`: 0 where nothing dominates it.

    Args:
        values: `[n, objectives]`.
        enough: Once the fronts found hold so many rows, the rest are put on the next one together.
    """
    dominates = _dominates(values, values)
    above = dominates.sum(axis=0)
    ranks = np.full(len(values), -1, dtype=np.intp)
    front = 0
    while (ranks < 0).any() and (enough is None or np.count_nonzero(ranks >= 0) < enough):
        now = (above == 0) & (ranks < 0)
        ranks[now] = front
        above = above - dominates[now].sum(axis=0)
        front += 1
    ranks[ranks < 0] = front
    return ranks


def crowding(values: Values, ranks: npt.NDArray[np.intp]) -> Values:
    """How far each row's neighbours on its front are, summed over objectives, `[n]`; infinite at the ends."""
    distance = np.zeros(len(values))
    for rank in np.unique(ranks):
        rows = np.flatnonzero(ranks == rank)
        for column in np.where(np.isfinite(values[rows]), values[rows], 1e300).T:
            order = np.argsort(column, kind="stable")
            ordered = column[order]
            span = (ordered[-1] - ordered[0]) or 1.0
            gaps = np.full(len(rows), np.inf)
            gaps[1:-1] = (ordered[2:] - ordered[:-2]) / span
            distance[rows[order]] += gaps
    return distance
