"""Clocks, and how often one looks at them: until the median is known well enough."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from foretell.costs.latency.inputs import Floats
from foretell.costs.latency.setting import LatencySetting
from foretell.families.timing import Step

__all__ = ["Repeats", "clock", "median_interval", "time_pairs"]

_LEAST_REPEATS = 6
"""Below six values, not even the whole range is a 95 % interval of the median."""
_Z = 1.96


@dataclass(frozen=True)
class Repeats:
    """When to stop timing one architecture.

    Attributes:
        most: Most timed translations; at least six are made in any case.
        relative_width: Enough once the 95 % interval of the median is no wider than this share of it.
        seconds: Most time for one architecture.
        warm_up: Translations before them that are not timed.
    """

    most: int = 40
    relative_width: float = 0.05
    seconds: float = 0.3
    warm_up: int = 3


def time_pairs(setting: LatencySetting, translate: Step, probe: Step, repeats: Repeats) -> dict[str, object]:
    """Time a translation and, just before it each time, the probe's, so that both see the same machine.

    Returns:
        `measured_ms` and `interval_ms` by the clock of `clock`, `wall_ms` (median), `probe_ms` (median),
        `ratio`, `ratio_interval`, `relative_width` (of that interval) and `repeats`.
    """
    for _ in range(repeats.warm_up):
        translate()
    pairs: list[tuple[float, float, float]] = []
    end = time.perf_counter() + repeats.seconds
    while len(pairs) < _LEAST_REPEATS or not _is_enough(pairs, repeats, end):
        pairs.append((clock(setting, probe)[0], *clock(setting, translate)))
    probed, timed, wall = np.array(pairs).T
    ratio = timed / probed
    low, high = median_interval(ratio)
    return {
        "measured_ms": float(np.median(timed)),
        "interval_ms": list(median_interval(timed)),
        "wall_ms": float(np.median(wall)),
        "probe_ms": float(np.median(probed)),
        "ratio": float(np.median(ratio)),
        "ratio_interval": [low, high],
        "relative_width": (high - low) / float(np.median(ratio)),
        "repeats": len(pairs),
    }


def _is_enough(pairs: list[tuple[float, float, float]], repeats: Repeats, end: float) -> bool:
    if len(pairs) >= repeats.most or time.perf_counter() >= end:
        return True
    probed, timed, _ = np.array(pairs).T
    low, high = median_interval(timed / probed)
    return high - low <= repeats.relative_width * float(np.median(timed / probed))


def median_interval(values: Floats) -> tuple[float, float]:
    """A 95 % interval of the median from the ordered values alone, whatever their distribution.

    The number of values below the median is binomial; its normal approximation names the two ranks. With
    fewer than six values it is their whole range.
    """
    ordered, n = np.sort(values), len(values)
    reach = _Z * math.sqrt(n) / 2
    low = max(math.floor(n / 2 - reach), 0)
    return float(ordered[low]), float(ordered[n - 1 - low])


def clock(setting: LatencySetting, call: Step) -> tuple[float, float]:
    """Milliseconds of a call: by the clock that is compared, and on the wall.

    With one thread on a CPU the first is that thread's own time, which leaves out when other processes had
    the processor; on an idle machine the two are equal. Several threads have no such clock. On a GPU both
    are the time between two of its events. A step that takes its own time is believed.
    """
    if setting.on_gpu:
        milliseconds = _gpu_clock(call)
        return milliseconds, milliseconds
    thread, wall = time.thread_time(), time.perf_counter()
    own = call()
    thread, wall = time.thread_time() - thread, time.perf_counter() - wall
    return own or ((thread if setting.threads == 1 else wall) * 1000, wall * 1000)


def _gpu_clock(call: Step) -> float:
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end))
