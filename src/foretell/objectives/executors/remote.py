"""Jobs on other machines: what their executors have in common, and what a worker does there.

The driver keeps a folder that every machine sees. A job has a box in it, where its worker says how far it is, and where
an executor whose jobs outlive the driver finds its result.
"""

from __future__ import annotations

import json
import platform
import time
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from foretell import __version__
from foretell.errors import ForetellError, sentence
from foretell.objectives.executors.base import Completed, Handle, Job, told_error
from foretell.objectives.executors.processes import use_threads
from foretell.objectives.executors.rows import JobRow
from foretell.progress import forward_progress

__all__ = ["PROGRESS", "Outcome", "RemoteExecutor", "Reports", "Running", "read_report", "run_here", "version_refusal"]

_TOLD_EVERY = 2.0
"""Seconds between two reports of a worker; one that is quicker sends none."""
_ROWS = 20
"""Workers that the display has room for."""
PROGRESS = "progress.json"


# ---- the worker's side


def run_here(job: Job, threads: int, report: Callable[[str, float, str], None], driver: str) -> dict[str, Any]:
    """Run a job in this process: its result under "value", or under "error" what `told_error` is told.

    An error on another machine than the driver's names that one: what is missing there may be there on the driver's.

    Args:
        job: What to run.
        threads: That it computes with.
        report: Told how far it is: title, share, note.
        driver: The driver's machine.
    """
    use_threads(threads)
    forward_progress(report)
    try:
        return {"value": job.function(**job.arguments)}
    except Exception as error:
        exit_code = error.exit_code if isinstance(error, ForetellError) else 1
        where = "" if platform.node() == driver else f"on the worker {platform.node()}: "
        return {"error": [f"{where}{sentence(error)}", exit_code, traceback.format_exc()]}


def version_refusal(version: str, machine: str) -> str:
    """Why this machine, with its version of foretell, may not work for a driver of that one; empty if it may."""
    if __version__ == version:
        return ""
    return (
        f"the worker on {machine} has foretell {__version__} and the driver has {version}; install the same version on "
        "both."
    )


class Reports:
    """Writes how far a job is, now and then; nobody reads half a report, and one that is lost is no harm."""

    def __init__(self, path: Path) -> None:
        self.path, self.last = path, time.monotonic()

    def __call__(self, title: str, share: float, note: str) -> None:
        """Take a report."""
        now = time.monotonic()
        if now - self.last >= _TOLD_EVERY:
            self.last = now
            part = self.path.with_suffix(".part")
            with suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                part.write_text(json.dumps([title, share, note]), encoding="utf-8")
                part.replace(self.path)


def read_report(box: Path) -> tuple[str, float, str] | None:
    """What the worker of a box said last."""
    try:
        title, share, note = json.loads((box / PROGRESS).read_text(encoding="utf-8"))
        return str(title), float(share), str(note)
    except (OSError, ValueError, TypeError):
        return None


# ---- the driver's side


@dataclass(frozen=True)
class Outcome:
    """What became of one start of a job.

    Attributes:
        said: What `run_here` returned.
        lost: Where it never returned: how that is told ("its node died"), with the log to read.
    """

    said: dict[str, Any] = field(default_factory=dict)
    lost: str = ""


@dataclass
class Running:
    """A job that was given away.

    Attributes:
        handle: Which.
        box: Its folder.
        task: What the executor knows it by.
        row: In the display.
        losses: How often it was lost since it last got any further.
        furthest: How far it was when it was lost last.
    """

    handle: Handle
    box: Path
    task: Any = None
    row: JobRow = field(default_factory=lambda: JobRow(""))
    losses: int = 0
    furthest: float = 0.0


class RemoteExecutor(ABC):
    """Gives jobs to other machines, no more than have room there, and begins those anew that were lost with theirs.

    A job that is lost again and again without getting any further is given up; one that goes on from a checkpoint may
    be lost as often as its machines like.

    Args:
        folder: Seen by every machine under the same path.
        slots: Jobs at the same time.
        retries: See `ExecutorSettings`.
    """

    def __init__(self, folder: Path, slots: int, retries: int) -> None:
        self.folder, self._slots, self.retries = folder.resolve(), slots, retries
        self._submitted = 0
        self._waiting: deque[Handle] = deque()
        self._running: dict[int, Running] = {}
        self._looked = 0.0

    @property
    def slots(self) -> int:
        """See `Executor.slots`."""
        return self._slots

    def submit(self, job: Job) -> Handle:
        """See `Executor.submit`."""
        handle = Handle(self._submitted, job)
        self._submitted += 1
        self._waiting.append(handle)
        return handle

    def start(self) -> None:
        """Give away what there is room for; `completed` does so by itself."""
        new = [self._next() for _ in range(min(len(self._waiting), self._slots - len(self._running)))]
        if new:
            self._give(new)

    def completed(self) -> Iterator[Completed]:
        """See `Executor.completed`."""
        while self._waiting or self._running:
            self.start()
            for running, outcome in self._ended():
                if running.handle.number not in self._running:  # cancelled in between
                    continue
                done = self._settled(running, outcome)
                if done is not None:
                    running.row.close()
                    del self._running[running.handle.number]
                    yield done
            self._show()

    def cancel(self, handle: Handle) -> None:
        """See `Executor.cancel`."""
        if handle in self._waiting:
            self._waiting.remove(handle)
        running = self._running.pop(handle.number, None)
        if running is not None:
            running.row.close()
            self._stop([running])

    def close(self) -> None:
        """See `Executor.close`."""
        self._waiting.clear()
        running, self._running = list(self._running.values()), {}
        for each in running:
            each.row.close()
        self._stop(running)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self) -> Running:
        """Take the job that has waited longest."""
        handle = self._waiting.popleft()
        running = self._running[handle.number] = Running(handle, self._box(handle), row=JobRow(handle.job.title))
        return running

    @abstractmethod
    def _give(self, jobs: Sequence[Running]) -> None:
        """Start jobs, and note the `task` of each."""

    @abstractmethod
    def _ended(self) -> Iterator[tuple[Running, Outcome]]:
        """Those that have ended, after waiting a moment for one."""

    @abstractmethod
    def _stop(self, jobs: Sequence[Running]) -> None:
        """End jobs that run."""

    def _box(self, handle: Handle) -> Path:
        return self.folder / str(handle.number)

    def _settled(self, running: Running, outcome: Outcome) -> Completed | None:
        """What to tell of a job that has ended; None where it was begun again."""
        if outcome.lost:
            share = (read_report(running.box) or ("", 0.0, ""))[1]
            further = share > running.furthest
            running.furthest = max(running.furthest, share)
            running.losses = 1 if further else running.losses + 1
            if running.losses <= self.retries:
                self._give([running])
                return None
            times = "once" if running.losses == 1 else f"{running.losses} times"
            title = running.handle.job.title
            why = ForetellError(f"{title!r} was lost {times} without getting any further, the last time {outcome.lost}")
            return Completed(running.handle, error=why)
        if "error" in outcome.said:
            return Completed(running.handle, error=told_error(*outcome.said["error"]))
        return Completed(running.handle, outcome.said["value"])

    def _show(self) -> None:
        """Look at what some of the workers have reported, now and then."""
        now = time.monotonic()
        if now - self._looked < _TOLD_EVERY:
            return
        self._looked = now
        for running in list(self._running.values())[:_ROWS]:
            report = read_report(running.box)
            if report is not None:
                running.row.show(*report)
