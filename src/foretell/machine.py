"""What of this machine the process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["available_memory", "blas_threads", "keep_to_share", "torch_threads", "usable_cores"]

_CGROUP = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_MEMORY = Path("/proc/meminfo")


def usable_cores() -> int:
    """Cores that this process may use, at least 1: its affinity, and its cgroup's share of time where there is one.

    Source of the files' meaning: the Linux kernel's documentation of cgroup v2 (`cpu.max`) and v1 (`cpu.cfs_*`).
    """
    return max(1, math.ceil(min(float(_affinity()), _quota())))


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


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Inside the block NumPy and SciPy compute each matrix operation on so many threads.

    On matrices of a few hundred rows a second thread gains little, and beside trainings that use every core it waits
    for its turn at each of them: thirty times the time of one thread was seen.
    """
    with _blas().limit(limits=count, user_api="blas"):
        yield


@cache
def _blas() -> ThreadpoolController:
    """The libraries that are loaded; to look for them takes a millisecond, to limit them then next to nothing."""
    import scipy.linalg  # noqa: F401 - it brings a library of its own, which shall be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def keep_to_share() -> None:
    """Let numerical libraries that are imported from now on use no more threads than the cgroup has time for.

    They see the affinity by themselves, but not a share of time. What the user has set is left as it is.
    """
    cores = usable_cores()
    if cores < _affinity():
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, str(cores))


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota() -> float:
    """Cores' worth of time that the cgroup and those above it grant; infinite where none sets a limit."""
    return min(map(_granted, _groups()))


def _groups() -> list[Path]:
    """Folders of the process's own cgroup and of all above it; in a container only the topmost may be there."""
    found = [_CGROUP, _CGROUP / "cpu"]
    try:
        lines = _OWN.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        roots = [_CGROUP / "cpu", _CGROUP / controllers] if controllers else [_CGROUP, _CGROUP / "unified"]
        own = Path(path.lstrip("/"))
        found += [root / each for root in roots for each in (own, *own.parents)]
    return list(dict.fromkeys(found))


def _granted(group: Path) -> float:
    """Cores' worth of time that one cgroup grants, of the second or the first version."""
    try:
        v2 = group / "cpu.max"
        if v2.exists():
            granted, period = v2.read_text(encoding="ascii").split()[:2]
        else:
            granted = (group / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (group / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        share = math.inf if granted == "max" else float(granted) / float(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf
    return share if share > 0 else math.inf
