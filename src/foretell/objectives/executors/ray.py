"""Jobs on a Ray cluster."""

from __future__ import annotations

import math
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import compress
from pathlib import Path
from typing import Any

from foretell import __version__
from foretell.objectives.executors.base import Handle, Job
from foretell.objectives.executors.ray_cluster import brief, connect, logs, remote_task, room, told
from foretell.objectives.executors.ray_group import Group
from foretell.objectives.executors.ray_post import Post
from foretell.objectives.executors.ray_work import Packer
from foretell.objectives.executors.remote import Outcome, RemoteExecutor, Running
from foretell.objectives.executors.settings import ExecutorSettings
from foretell.records import fingerprint, write_atomic
from foretell.tasks.translation import cache_folder

__all__ = ["RayExecutor"]

_LOOK_EVERY = 1.0
_PATIENCE = 10.0
"""Seconds that workers may take to end when they are told to."""
_MOST_TOGETHER = 100
"""Short jobs in a task."""


class RayExecutor(RemoteExecutor):
    """Jobs of a Ray cluster. They end with the driver; their trainings' checkpoints stay where the driver sees them.

    Short ones are handed over together where more wait than there are places. Workers look for two files that the
    driver has written, in its folder and in the cache folder. From when the first of them does not see these, all are
    sent what they read, and send what they write (`Post`).

    Args:
        folder: Of the driver's.
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
            self._resources, self._threads = settings.resources, settings.resources.cpu
            shutil.rmtree(self.folder, ignore_errors=True)  # reports of jobs that ended with an earlier driver
            token, name = secrets.token_hex(8), f".seen-{fingerprint([platform.node(), str(self.folder)])}"
            self._seen = [path / name for path in (self.folder, cache_folder().absolute())]
            for path in self._seen:
                write_atomic(path, token)
            self._task = remote_task(self._ray, settings.resources)
            self._packer = Packer(self._ray)
            self._tasks: dict[Any, list[Running]] = {}
            self._groups: dict[Any, Group] = {}
            self._post: Post | None = None
            self._postponed: list[Running] = []
            self._shared = {
                "seen": {str(path): token for path in self._seen},
                "cwd": str(Path.cwd()),
                "environment": {"FORETELL_CACHE": str(cache_folder().absolute()), **_present("HF_HOME")},
            }
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
        if self._post is not None:
            with suppress(Exception):  # of a cluster that may be gone
                self._post.deliver(self._running)
        super().close()
        self._disconnect()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give(self, jobs: Sequence[Running]) -> None:
        given = [(each, self._as_it_runs(each)) for each in jobs]
        self._postponed += [each for each, job in given if job is None]
        ready = [(each, job) for each, job in given if job is not None]
        if not ready:
            return
        try:
            work = self._packer.pack([(job, each.box) for each, job in ready], self._threads)
            errands = None if self._post is None else [self._post.errand(each) for each, _ in ready]
            tasks = self._begun(ready[0][1].together, work, errands)
        except Exception as error:
            raise told(error) from error
        self._tasks |= {task: [each for each, _ in ready] for task in tasks}

    def _begun(self, together: int, work: bytes, errands: list[dict[str, Any] | None] | None) -> list[Any]:
        """The tasks that do a piece of work."""
        arguments = (__version__, _present("HF_TOKEN"), self._shared, work, errands)
        if together == 1:
            return [self._task.remote(*arguments)]
        group = Group(self._ray, together, self._resources, self._places, *arguments)
        self._groups |= dict.fromkeys(group.tasks, group)
        return group.tasks

    def _as_it_runs(self, running: Running) -> Job | None:
        """A job, for workers apart where there are some; None where another process is at work in its folder."""
        return running.handle.job if self._post is None else self._post.job(running)

    def _ended(self) -> Iterator[tuple[Running, Outcome]]:
        again, self._postponed = self._postponed, []
        if again:
            self._give(again)
        tasks = list(self._tasks)
        if not tasks:
            time.sleep(_LOOK_EVERY)
            return
        ended, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
        if not ended:
            ended, _ = self._ray.wait(tasks, num_returns=1, timeout=_LOOK_EVERY)
        outcomes = []
        for task in ended:
            batch, group = self._tasks.pop(task), self._groups.pop(task, None)
            found = self._outcomes(task, len(batch))
            if group is None or group.take(task, found):
                outcomes.append((batch, found if group is None else group.outcome()))
        if self._post is not None:
            self._post.deliver(self._running)
        for batch, found in outcomes:
            if found is None:  # by a worker that sees no file of the driver's, the first of them
                self._post = self._post or Post(self._ray)
                self._give([each for each in batch if each.handle.number in self._running])
                continue
            for running, outcome in zip(batch, found, strict=True):
                yield running, self._kept(running, outcome)

    def _kept(self, running: Running, outcome: Outcome) -> Outcome:
        """An outcome, where all that comes with it is kept."""
        if self._post is None:
            return outcome
        if wrong := self._post.wrong(running):
            return Outcome(lost=f"because {wrong}")
        if not outcome.lost:
            self._post.end(running)
        return outcome

    def _outcomes(self, task: Any, count: int) -> list[Outcome] | None:
        errors = self._ray.exceptions
        try:
            said = self._ray.get(task)
        except (errors.RayTaskError, errors.TaskUnschedulableError) as error:
            return [Outcome({"error": [str(told(error)), 1, str(error)]})] * count
        except errors.RayError as error:  # with its worker, its node, its memory
            return [Outcome(lost=f"because {brief(error)}; Ray's logs are in {logs(self._ray)}.")] * count
        if "apart" in said:
            return None
        if "refused" in said:
            return [Outcome({"error": [said["refused"], 2, ""]})] * count
        return [Outcome(each) for each in said["said"]]

    def _stop(self, jobs: Sequence[Running]) -> None:
        unwanted = [not any(each.handle.number in self._running for each in batch) for batch in self._tasks.values()]
        tasks = list(compress(self._tasks, unwanted))
        for task in tasks:
            del self._tasks[task]
            if group := self._groups.pop(task, None):
                group.end()
                continue
            with suppress(Exception):  # it may have ended, and the cluster may be gone
                self._ray.cancel(task, force=True)
        with suppress(Exception):
            self._ray.wait(tasks, num_returns=len(tasks), timeout=_PATIENCE)
        self._postponed = [each for each in self._postponed if each not in jobs]
        if self._post is not None:
            for each in jobs:
                self._post.end(each)

    def _disconnect(self) -> None:
        for path in getattr(self, "_seen", ()):
            path.unlink(missing_ok=True)
        if self._ours:
            self._ours = False
            self._ray.shutdown()


def _present(name: str) -> dict[str, str]:
    """A variable of this process, where it is set."""
    return {name: os.environ[name]} if name in os.environ else {}
