"""What a Ray task is given and what it does: several jobs where they are short, and what all jobs share but once."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foretell.objectives.executors.base import Job
from foretell.objectives.executors.remote import PROGRESS, Reports, run_here

__all__ = ["Packer", "run_packed"]

_LARGE = ("objective", "task")
"""Arguments that many jobs have and that are not small."""
_KEPT: dict[str, Any] = {}
"""What this worker has fetched of what jobs share."""


class _Shared:
    """Stands for an argument that many jobs have."""

    def __init__(self, reference: Any) -> None:
        self.reference = reference

    def value(self) -> Any:
        import ray

        key = self.reference.hex()
        if key not in _KEPT:
            _KEPT.clear()  # one objective at a time
            _KEPT[key] = ray.get(self.reference)
        return _KEPT[key]


class Packer:
    """Packs jobs for tasks, and gives their objective to Ray once.

    Args:
        ray: Connected.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._shared: dict[int, tuple[Any, _Shared]] = {}

    def pack(self, jobs: Sequence[tuple[Job, Path]], threads: int) -> bytes:
        """Jobs with their boxes, for `run_packed`."""
        import ray.cloudpickle as pickle

        light = [
            (Job(job.title, job.function, self._lightened(job.arguments), folder=job.folder), box) for job, box in jobs
        ]
        packed: bytes = pickle.dumps((light, threads, platform.node()))
        return packed

    def _lightened(self, arguments: dict[str, Any]) -> dict[str, Any]:
        light = dict(arguments)
        for name, value in arguments.items():
            if name in _LARGE:
                if id(value) not in self._shared:
                    self._shared[id(value)] = (value, _Shared(self._ray.put(value)))
                light[name] = self._shared[id(value)][1]
            elif name == "arguments" and isinstance(value, dict):  # of a job within a job
                light[name] = self._lightened(value)
        return light


def run_packed(work: bytes, errands: Sequence[dict[str, Any] | None] | None = None) -> dict[str, Any]:
    """Run jobs in this worker, one after the other.

    Args:
        work: As packed.
        errands: Of each that is not short, where some worker sees no file of the driver's.

    Returns:
        Under "said" what `run_here` returned of each.
    """
    import ray.cloudpickle as pickle

    # A task of Ray is a pickle, packed here once more so that a worker without foretell can say so. It comes from our
    # own driver through the cluster, whose members may run any code on one another; no file is read this way.
    jobs, threads, driver = pickle.loads(work)
    if errands is None:
        reports = [_unheard if _is_another() else Reports(box / PROGRESS) for _, box in jobs]
        pairs = zip(jobs, reports, strict=True)
        return {"said": [run_here(_whole(job), threads, report, driver) for (job, _), report in pairs]}
    from foretell.objectives.executors.ray_post import run_apart

    whole = [(_whole(job), errand) for (job, _), errand in zip(jobs, errands, strict=True)]
    return {
        "said": [
            run_here(job, threads, _unheard, driver)
            if errand is None
            else run_apart(job, threads, driver, errand, silent=_is_another())
            for job, errand in whole
        ]
    }


def _is_another() -> bool:
    """Whether this is not the first of processes that train together, which writes and reports for all."""
    return os.environ.get("RANK", "0") != "0"


def _unheard(title: str, share: float, note: str) -> None:
    """For jobs that are over before anybody looks."""


def _whole(job: Job) -> Job:
    return Job(job.title, job.function, _fetched(job.arguments), folder=job.folder)


def _fetched(arguments: dict[str, Any]) -> dict[str, Any]:
    whole = dict(arguments)
    for name, value in arguments.items():
        if isinstance(value, _Shared):
            whole[name] = value.value()
        elif name == "arguments" and isinstance(value, dict):
            whole[name] = _fetched(value)
    return whole
