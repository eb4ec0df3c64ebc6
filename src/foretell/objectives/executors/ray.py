"""Jobs on a Ray cluster."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import compress
from pathlib import Path
from typing import Any

from foretell import __version__
from foretell.objectives.executors.base import Handle, Job
from foretell.objectives.executors.ray_cluster import brief, connect, logs, remote_task, room, told
from foretell.objectives.executors.ray_work import Packer
from foretell.objectives.executors.remote import Outcome, RemoteExecutor, Running
from foretell.objectives.executors.settings import ExecutorSettings
from foretell.records import write_atomic
from foretell.tasks.translation import cache_folder

__all__ = ["RayExecutor"]

_LOOK_EVERY = 1.0
_PATIENCE = 10.0
"""Seconds that workers may take to end when they are told to."""
_HANDED_ON = ("HF_HOME", "HF_TOKEN")
_MOST_TOGETHER = 100
"""Short jobs in a task."""


class RayExecutor(RemoteExecutor):
    """Jobs of a Ray cluster. They end with the driver; their trainings' checkpoints, in the shared folder, stay.

    Short ones are handed over together where more wait than there are places.

    Args:
        folder: Seen by all machines under the same path.
        settings: Of Ray.

    Raises:
        InputError: Ray is not installed, no cluster is at the address or one of another version, or no node has the
            resources of one job.
    """

    def __init__(self, folder: Path, settings: ExecutorSettings) -> None:
        self._ray, self._ours = connect(settings.address)
        try:
            self._places = room(self._ray, settings.resources)
            super().__init__(folder, settings.slots or self._places, settings.retries)
            self._threads = settings.resources.cpu
            shutil.rmtree(self.folder, ignore_errors=True)  # reports of jobs that ended with an earlier driver
            self._seen = self.folder / "seen"
            write_atomic(self._seen, "Workers look whether they see this file.\n")
            self._task = remote_task(self._ray, settings.resources)
            self._packer = Packer(self._ray)
            self._tasks: dict[Any, list[Running]] = {}
            self._environment = {"FORETELL_CACHE": str(cache_folder().absolute())}
            self._environment |= {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        except BaseException:
            self._disconnect()
            raise

    def submit(self, job: Job) -> Handle:
        """See `Executor.submit`."""
        handle = super().submit(job)
        if not job.short:  # which waits for company
            self.start()
        return handle

    def start(self) -> None:
        """See `RemoteExecutor.start`."""
        while self._waiting:
            short = self._waiting[0].job.short
            # Of short ones so many that the next task is there when one ends, however many places are asked for.
            if len(self._tasks) >= (min(self._slots, 2 * self._places) if short else self._slots):
                return
            batch = [self._next()]
            together = min(_MOST_TOGETHER, math.ceil(len(self._waiting) / (2 * self._places))) if short else 1
            while len(batch) < together and self._waiting and self._waiting[0].job.short:
                batch.append(self._next())
            self._give(batch)

    def close(self) -> None:
        """See `Executor.close`."""
        super().close()
        self._disconnect()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give(self, jobs: Sequence[Running]) -> None:
        try:
            work = self._packer.pack([(each.handle.job, each.box) for each in jobs], self._threads)
            task = self._task.remote(__version__, self._environment, str(Path.cwd()), str(self._seen), work)
        except Exception as error:
            raise told(error) from error
        self._tasks[task] = list(jobs)

    def _ended(self) -> Iterator[tuple[Running, Outcome]]:
        tasks = list(self._tasks)
        ended, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
        if not ended:
            ended, _ = self._ray.wait(tasks, num_returns=1, timeout=_LOOK_EVERY)
        for task in ended:
            batch = self._tasks.pop(task)
            yield from zip(batch, self._outcomes(task, len(batch)), strict=True)

    def _outcomes(self, task: Any, count: int) -> list[Outcome]:
        errors = self._ray.exceptions
        try:
            said = self._ray.get(task)
        except (errors.RayTaskError, errors.TaskUnschedulableError) as error:
            return [Outcome({"error": [str(told(error)), 1, str(error)]})] * count
        except errors.RayError as error:  # with its worker, its node, its memory
            return [Outcome(lost=f"because {brief(error)}; Ray's logs are in {logs(self._ray)}.")] * count
        if "refused" in said:
            return [Outcome({"error": [said["refused"], 2, ""]})] * count
        return [Outcome(each) for each in said["said"]]

    def _stop(self, jobs: Sequence[Running]) -> None:
        unwanted = [not any(each.handle.number in self._running for each in batch) for batch in self._tasks.values()]
        tasks = list(compress(self._tasks, unwanted))
        for task in tasks:
            del self._tasks[task]
            with suppress(Exception):  # it may have ended, and the cluster may be gone
                self._ray.cancel(task, force=True)
        with suppress(Exception):
            self._ray.wait(tasks, num_returns=len(tasks), timeout=_PATIENCE)

    def _disconnect(self) -> None:
        if self._ours:
            self._ours = False
            self._ray.shutdown()
