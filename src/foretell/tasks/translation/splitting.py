"""Train, validation and test splits that share no group and no near-copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError
from foretell.tasks.cleaning import GroupedPair, Pair, near_copy_key
from foretell.tasks.translation.amounts import FEWEST_PAIRS

__all__ = ["Splits", "deduplicate", "split_by_group", "without_copies_of_evaluation"]

_LARGEST_SHARE = 10  # neither validation nor test asks for more than one pair in ten
_MOST_HELD_OUT = 0.25  # of the pairs, for each of the two, to find sentences that train does not have

_Ints = NDArray[np.int64]


class Splits(NamedTuple):
    """The three splits, each without a repeated source."""

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]


def deduplicate(pairs: Sequence[GroupedPair]) -> list[Pair]:
    """Each source once, with the first of its targets, in order."""
    first: dict[str, str] = {}
    for pair in pairs:
        first.setdefault(pair.source, pair.target)
    return list(first.items())


def split_by_group(pairs: Sequence[GroupedPair], valid: int, test: int, seed: int) -> Splits:
    """Hold out whole groups, then drop what they have in common with the other splits.

    Groups are put in a seeded order: the first are for test, the next for validation, the rest for training.
    As few as possible are held out. A pair is kept for evaluation only if neither its source's nor its
    target's `near_copy_key` occurs in another split; so components that share strings leak none of them.

    Args:
        pairs: Clean pairs.
        valid: Validation sentences wanted; reached exactly unless it is more than a tenth of the corpus or a
            quarter of the corpus does not hold as many unseen ones.
        test: Test sentences wanted, likewise.
        seed: Of the order of the groups and of the choice when there are too many.

    Raises:
        InputError: There are fewer than 20 distinct sources, or nothing could be held out.
    """
    distinct = len({pair.source for pair in pairs})
    if distinct < FEWEST_PAIRS:
        raise InputError(
            f"the corpus has {distinct} usable sentence pairs after cleaning, at least {FEWEST_PAIRS} are "
            "needed; give more text."
        )
    rng = np.random.default_rng(seed)
    place = _places(pairs, rng)
    first, last = _reach(pairs, place)
    source_row = _first_rows(pairs)
    valid, test = min(valid, distinct // _LARGEST_SHARE), min(test, distinct // _LARGEST_SHARE)
    test_end = _cut(last, source_row, place, np.full(len(pairs), True), start=0, wanted=test)
    fresh = first >= test_end
    valid_end = _cut(last, source_row, place, fresh, start=test_end, wanted=valid)
    tested = _choose(pairs, last < test_end, test, rng)
    validated = _choose(pairs, fresh & (last < valid_end), valid, rng)
    trained = deduplicate([pairs[row] for row in np.flatnonzero(place >= valid_end).tolist()])
    if not (tested and validated and trained):
        raise InputError(
            "the corpus repeats itself so much that no unseen sentences are left to validate and test on; "
            "give more varied text or separate validation and test files."
        )
    return Splits(trained, validated, tested)


def without_copies_of_evaluation(
    train: Sequence[GroupedPair], valid: Sequence[GroupedPair], test: Sequence[GroupedPair]
) -> Splits:
    """Splits that came with the corpus: evaluation stays whole, its near-copies are dropped from train."""
    sources = {near_copy_key(pair.source) for part in (valid, test) for pair in part}
    targets = {near_copy_key(pair.target) for part in (valid, test) for pair in part}
    unseen = [
        pair
        for pair in train
        if near_copy_key(pair.source) not in sources and near_copy_key(pair.target) not in targets
    ]
    return Splits(deduplicate(unseen), [pair[1:] for pair in valid], [pair[1:] for pair in test])


def _places(pairs: Sequence[GroupedPair], rng: np.random.Generator) -> _Ints:
    """Place [n] of each pair's group in a seeded order."""
    groups = sorted({pair.group for pair in pairs})
    place = dict(zip(groups, rng.permutation(len(groups)).tolist(), strict=True))
    return np.array([place[pair.group] for pair in pairs], dtype=np.int64)


def _reach(pairs: Sequence[GroupedPair], place: _Ints) -> tuple[_Ints, _Ints]:
    """First and last place [n], [n] where either side of each pair, or a near-copy of it, occurs."""
    first = np.full(len(pairs), np.iinfo(np.int64).max)
    last = np.full(len(pairs), -1)
    for side in ("source", "target"):
        numbers: dict[str, int] = {}
        key = np.array([numbers.setdefault(near_copy_key(getattr(p, side)), len(numbers)) for p in pairs])
        low, high = np.full(len(numbers), len(pairs)), np.full(len(numbers), -1)
        np.minimum.at(low, key, place)
        np.maximum.at(high, key, place)
        first, last = np.minimum(first, low[key]), np.maximum(last, high[key])
    return first, last


def _first_rows(pairs: Sequence[GroupedPair]) -> _Ints:
    """Row [n] of the first pair with the same source: counts of it are counts of distinct sources."""
    rows: dict[str, int] = {}
    return np.array([rows.setdefault(pair.source, row) for row, pair in enumerate(pairs)], dtype=np.int64)


def _cut(last: _Ints, source_row: _Ints, place: _Ints, usable: NDArray[np.bool_], *, start: int, wanted: int) -> int:
    """Fewest groups, counted from `start`, whose pairs give `wanted` distinct unseen sources."""
    groups = int(place.max()) + 1
    needs = np.full(len(last), groups, dtype=np.int64)  # last place that has to be held out for each source
    np.minimum.at(needs, source_row[usable], last[usable])
    reached = np.cumsum(np.bincount(needs, minlength=groups + 1)[:groups])
    enough = int(np.searchsorted(reached, wanted)) + 1
    held = np.cumsum(np.bincount(place, minlength=groups))
    spent = held[start - 1] if start else 0
    affordable = int(np.searchsorted(held, spent + _MOST_HELD_OUT * len(place), side="right"))
    return max(start + 1, min(enough, affordable))


def _choose(
    pairs: Sequence[GroupedPair], usable: NDArray[np.bool_], wanted: int, rng: np.random.Generator
) -> list[Pair]:
    found = deduplicate([pairs[row] for row in np.flatnonzero(usable).tolist()])
    chosen = rng.permutation(len(found))[:wanted]
    return [found[row] for row in np.sort(chosen)]
