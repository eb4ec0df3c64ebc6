"""Two pieces of work timed in turns, as other benchmarks do it: the machine's slow minutes meet both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Turns", "alternated"]


@dataclass(frozen=True)
class Turns:
    """What came of it.

    Attributes:
        seconds: Median of the first.
        theirs: Median of the second.
        ratio: Median of the second over the first of neighbouring turns: how many times faster the first is.
        quartiles: Of these ratios.
    """

    seconds: float
    theirs: float
    ratio: float
    quartiles: tuple[float, float]


def alternated(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    repeats: int,
    clock: Callable[[], float] = time.process_time,
) -> Turns:
    """Time both, each first in every other round, after one round that warms up."""
    ours(), theirs()
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 else (1, 0):
            start = clock()
            (ours, theirs)[side]()
            seconds[side].append(clock() - start)
    ratios = [b / a for a, b in zip(*seconds, strict=True)]
    low, high = (float(each) for each in np.quantile(ratios, (0.25, 0.75)))
    return Turns(statistics.median(seconds[0]), statistics.median(seconds[1]), statistics.median(ratios), (low, high))
