"""Jobs on a Slurm cluster, through submitit."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell import __version__
from foretell.errors import InputError
from foretell.objectives.executors.base import Handle, Job
from foretell.objectives.executors.remote import (
    PROGRESS,
    Outcome,
    RemoteExecutor,
    Reports,
    Running,
    read_report,
    run_here,
    version_refusal,
)
from foretell.objectives.executors.settings import ExecutorSettings
from foretell.objectives.executors.submission import cancel, has_ended, last_line, submitit_executor
from foretell.objectives.store import claim
from foretell.parsing import parse_json
from foretell.records import fingerprint, read_object, write_json

__all__ = ["SlurmExecutor"]

_LOOK_EVERY = {"slurm": 2.0, "local": 0.2}
_SLOTS = 16
_RESULT, _JOB, _LOGS = "result.json", "job.json", "logs"
_BREATHS = (2.0, 10.0, 60.0, 300.0)
"""Seconds to wait where Slurm refuses what it took before."""
_PATIENCE = 10.0
"""Seconds that jobs of the stand-in may take to end when they are told to."""


@dataclass
class _Errand:
    """What a Slurm job does; submitit calls it, and `checkpoint` when the job's time is nearly up."""

    job: Job
    threads: int
    box: Path
    version: str
    driver: str
    began: float = 0.0
    ends: bool = False

    def __call__(self) -> None:
        refused = version_refusal(self.version, platform.node())
        self.began = _share(self.box)
        with claim(self.box):  # a driver that was opened again may have sent a second one
            if (self.box / _RESULT).exists() or not (self.box / _JOB).exists():
                return  # done, or nobody wants it any more
            report = Reports(self.box / PROGRESS)
            said = {"error": [refused, 2, ""]} if refused else run_here(self.job, self.threads, report, self.driver)
            if self.ends:  # by an exception that looks like a failure to whoever was interrupted
                raise SystemExit(-1)
            write_json(self.box / _RESULT, said)

    def checkpoint(self) -> Any:
        """Whether another job goes on with it: where this one got any further."""
        from submitit.helpers import DelayedSubmission

        self.ends = True
        return DelayedSubmission(self) if _share(self.box) > self.began else None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "began": 0.0, "ends": False}


class SlurmExecutor(RemoteExecutor):
    """Jobs of a Slurm cluster, in arrays where several begin together.

    They outlive the driver: whoever makes an executor of the same folder again and submits a job of the same key finds
    it running, or its result. Only leaving the block ends them. A training whose time limit is nearly up is queued
    again and goes on from its checkpoint, for as long as it gets any further.

    Args:
        folder: For boxes and log files; on a file system that all nodes share.
        settings: Of Slurm.

    Raises:
        InputError: There is no Slurm here, or an option that `sbatch` does not have.
    """

    def __init__(self, folder: Path, settings: ExecutorSettings) -> None:
        super().__init__(folder, settings.slots or _SLOTS, settings.retries)
        self.settings = settings
        self._taken: list[Path] = []
        self._accepted = False
        self._submitit = submitit_executor(self.folder / _LOGS, settings, _SLOTS)

    def __exit__(self, *raised: object) -> None:
        self.close()
        if raised[0] is None:
            self._forget()

    def _box(self, handle: Handle) -> Path:
        key = handle.job.key
        return self.folder / (fingerprint(key) if key else f"{os.getpid()}-{time.time_ns()}-{handle.number}")

    def _give(self, jobs: Sequence[Running]) -> None:
        new = [each for each in jobs if each.losses or not self._again(each)]
        if not new:
            return
        for each in new:
            each.box.mkdir(parents=True, exist_ok=True)
            (each.box / "log").unlink(missing_ok=True)
            write_json(each.box / _JOB, _about(each))
        threads = self.settings.resources.cpu
        machine = platform.node()
        errands = [_Errand(each.handle.job, threads, each.box, __version__, machine) for each in new]
        for each, task in zip(new, self._send(errands), strict=True):
            each.task = task
            write_json(each.box / _JOB, {**_about(each), "job": task.job_id})
            (each.box / "log").symlink_to(task.paths.stderr)

    def _send(self, errands: list[_Errand]) -> Sequence[Any]:
        """Submit one job, or an array; where Slurm has taken jobs before, it may be out of breath for a while."""
        for wait in (*_BREATHS, None):
            try:
                tasks: Sequence[Any] = self._submitit.submit_array(errands)
            except Exception as error:  # sbatch says what it likes, submitit raises what it likes
                if wait is None or not self._accepted:
                    why = f"Slurm took no job ({last_line(error)}); correct the study's executor, or try again later."
                    raise InputError(why) from error
                time.sleep(wait)
            else:
                self._accepted = True
                return tasks
        raise AssertionError

    def _again(self, running: Running) -> bool:
        """Find a job that an earlier driver has sent."""
        try:
            job = str(read_object(running.box / _JOB, "job")["job"])
        except InputError:
            return False
        running.task = self._submitit.job_class(self._submitit.folder, job)
        return True

    def _ended(self) -> Iterator[tuple[Running, Outcome]]:
        self._forget()
        found = [each for each in self._running.values() if (each.box / _RESULT).exists() or has_ended(each.task)]
        for running in found:
            outcome = self._outcome(running)
            if "value" in outcome.said:
                self._taken.append(running.box)
            elif outcome.said:  # it is not to be found when the same is tried again
                shutil.rmtree(running.box, ignore_errors=True)
            yield running, outcome
            self._forget()
        if not found:
            time.sleep(_LOOK_EVERY[self.settings.cluster])

    def _outcome(self, running: Running) -> Outcome:
        path = running.box / _RESULT
        if path.exists():
            return Outcome(parse_json(path.read_bytes()))
        log = running.task.paths.stderr
        return Outcome(lost=f"as job {running.task.job_id} in the state {running.task.state}; read its log {log}.")

    def _stop(self, jobs: Sequence[Running]) -> None:
        for each in jobs:
            with suppress(Exception):  # it may have ended by itself
                cancel(each.task)
            (each.box / _JOB).unlink(missing_ok=True)
        if self.settings.cluster == "local":
            until = time.monotonic() + _PATIENCE
            while not all(has_ended(each.task) for each in jobs if each.task) and time.monotonic() < until:
                time.sleep(0.02)

    def _forget(self) -> None:
        """Clear away results that the driver has kept by now: it asks for the next, or leaves without an error.

        A question that is asked again later, of a program that was corrected, say, is then a new one.
        """
        for box in self._taken:
            shutil.rmtree(box, ignore_errors=True)
        self._taken.clear()


def _about(running: Running) -> dict[str, Any]:
    return {"format": 1, "title": running.handle.job.title}


def _share(box: Path) -> float:
    return (read_report(box) or ("", 0.0, ""))[1]
