"""What of this machine the process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["available_memory", "torch_threads", "usable_cores"]

_CGROUP = Path("/sys/fs/cgroup")
_MEMORY = Path("/proc/meminfo")


def usable_cores() -> int:
    """Cores that this process may use, at least 1: its affinity, and its cgroup's share of time where there is one.

    Source of the files' meaning: the Linux kernel's documentation of cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_*`).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(float(cores), _quota())))


def available_memory() -> int | None:
    """Bytes that this process may still take: what Linux calls available, within its cgroup; None: nobody says."""
    found: list[int] = []
    try:
        lines = _MEMORY.read_text(encoding="ascii").splitlines()
        found += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
        most = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        if most != "max":
            found.append(int(most) - int((_CGROUP / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError, IndexError):
        pass
    return max(0, min(found)) if found else None


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Inside the block torch computes each operation on so many threads.

    With one thread sums come out the same on every machine, and for small networks it is no slower.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _quota() -> float:
    """Cores' worth of time that the cgroup grants; infinite where it sets no limit or there is none."""
    try:
        v2 = _CGROUP / "cpu.max"
        if v2.exists():
            granted, period = v2.read_text(encoding="ascii").split()[:2]
        else:
            granted = (_CGROUP / "cpu/cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (_CGROUP / "cpu/cpu.cfs_period_us").read_text(encoding="ascii").strip()
        share = math.inf if granted == "max" else float(granted) / float(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf
    return share if share > 0 else math.inf
