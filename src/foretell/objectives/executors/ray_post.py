"""Jobs of Ray workers that see no file of the driver's: what they read goes to them, and what they write comes back.

Both go through Ray's object store. A worker tells by itself that it sees nothing: files that the driver has written are
not there. Its job then works in a folder of its own, whose checkpoints it sends to a mailbox as they are written; the
driver takes them from there and keeps them where the job would have, so that whoever goes on with the job, on whatever
machine, goes on from the last of them.
"""

from __future__ import annotations

import platform
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foretell.errors import IntegrityError
from foretell.locks import FileLock, SharedLock
from foretell.objectives.executors.base import Job
from foretell.objectives.executors.parcels import Outbox, Parcel, pack, unpack
from foretell.objectives.executors.ray_cluster import actor_beside, told
from foretell.objectives.executors.ray_entry import Mailbox
from foretell.objectives.executors.remote import PROGRESS, Running, run_here
from foretell.records import write_atomic, write_json
from foretell.tasks.translation import cache_folder

__all__ = ["Post", "run_apart"]

_LOOK_EVERY = 1.0
_NEW = 60.0
"""Seconds in which a folder's owner has surely come to hold it."""


# ---- the driver's side


@dataclass
class _Held:
    """A job that was given to a worker apart.

    Attributes:
        job: As it runs there.
        lock: Of its folder, which nobody else may write while it runs.
        start: Which of its starts counts; what others send is dropped.
        names: What its folder holds.
        wrong: Why what came of this start cannot be used.
    """

    job: Job
    lock: SharedLock | None = None
    start: int = 0
    names: dict[str, str] = field(default_factory=dict)
    wrong: str = ""


class Post:
    """Sends what jobs read, and keeps what they write.

    Args:
        ray: Connected.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._mailbox = actor_beside(ray, Mailbox)
        self._jobs: dict[int, _Held] = {}

    def job(self, running: Running) -> Job | None:
        """A job as it runs apart; None where another process is at work in its folder."""
        number, job = running.handle.number, running.handle.job
        if number in self._jobs:
            return self._jobs[number].job
        held = _Held(job.away(**job.arguments) if job.away is not None else job)
        if held.job.folder is not None:
            held.lock = SharedLock(held.job.folder)
            if not held.lock.take():
                return None
        self._jobs[number] = held
        return held.job

    def errand(self, running: Running) -> dict[str, Any] | None:
        """What a start of it takes to its machine; None where it is too short to take anything.

        Raises:
            ForetellError: Its folder is too large.
        """
        held = self._jobs[running.handle.number]
        if held.job.short:
            return None
        held.start, held.wrong = held.start + 1, ""
        found = Parcel() if held.job.folder is None else pack(held.job.folder)
        held.names = found.names
        return {
            "mailbox": self._mailbox,
            "sender": (running.handle.number, held.start),
            "names": found.names,
            "contents": {digest: self._ray.put(data) for digest, data in found.contents.items()},
            "reads": {path: self._ray.put(path.read_bytes()) for path in held.job.reads},
        }

    def deliver(self, jobs: Mapping[int, Running]) -> None:
        """Keep what has come from these jobs.

        Raises:
            StorageError: The disk refused.
        """
        while (found := self._ray.get(self._mailbox.take.remote())) is not None:
            (number, start), (names, contents, report) = found
            held = self._jobs.get(number)
            if held is None or held.job.folder is None or number not in jobs or held.start != start or held.wrong:
                continue
            try:
                unpack(held.job.folder, held.names, Parcel(names, contents))
            except IntegrityError as error:
                held.wrong = str(error)
                continue
            held.names = names
            if report is not None:
                write_json(jobs[number].box / PROGRESS, report)

    def wrong(self, running: Running) -> str:
        """Why what came of the last start of a job cannot be used; empty where it can."""
        held = self._jobs.get(running.handle.number)
        return held.wrong if held else ""

    def end(self, running: Running) -> None:
        """Nothing more comes of a job."""
        held = self._jobs.pop(running.handle.number, None)
        if held is not None and held.lock is not None:
            held.lock.release()


# ---- the worker's side


def run_apart(job: Job, threads: int, driver: str, errand: dict[str, Any], *, silent: bool = False) -> dict[str, Any]:
    """Run a job in a folder of this machine's own, and send what it writes; see `run_here`.

    Args:
        job: What to run.
        threads: That it computes with.
        driver: The driver's machine.
        errand: See `Post.errand`.
        silent: Send nothing: another process does so for all that train together.
    """
    import ray

    def post(parcel: Parcel) -> None:
        if silent:
            return
        try:
            sent = errand["mailbox"].post.remote(errand["sender"], parcel.names, parcel.contents, parcel.report)
            ray.get(sent)
        except Exception as error:
            raise told(error) from error

    with _own_folder() as here:
        work = here / "job"
        outbox = Outbox(work, errand["names"], post)
        local = {path: here / "reads" / str(number) / path.name for number, path in enumerate(errand["reads"])}

        def run() -> Any:
            contents = dict(zip(errand["contents"], ray.get(list(errand["contents"].values())), strict=True))
            work.mkdir()
            unpack(work, {}, Parcel(errand["names"], contents))
            for path, data in errand["reads"].items():
                write_atomic(local[path], ray.get(data))
            moved = local if job.folder is None else {**local, job.folder: work}
            try:
                with _watched(outbox):
                    value = job.function(**_moved(job.arguments, moved))
            except Exception:
                with suppress(Exception):  # the first error is the one to tell
                    outbox.finish()
                raise
            outbox.finish()
            return value

        return run_here(Job(job.title, run), threads, outbox, driver)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A new folder that goes when the block ends; those of workers that were killed here go, too."""
    base, name = cache_folder() / "ray", platform.node()
    folder = base / f"{name}-{secrets.token_hex(8)}"
    lock = FileLock(folder / ".lock")
    lock.take()
    for other in base.glob(f"{name}-*/.lock"):
        with suppress(OSError):
            left = FileLock(other)
            if time.time() - other.stat().st_mtime > _NEW and left.take():
                shutil.rmtree(other.parent, ignore_errors=True)
                left.release()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


@contextmanager
def _watched(outbox: Outbox) -> Iterator[None]:
    """Send what changes while the block runs, though it says nothing."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_EVERY):
            outbox.look()

    watcher = threading.Thread(target=watch, name="foretell-outbox", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _moved(arguments: dict[str, Any], local: Mapping[Path, Path]) -> dict[str, Any]:
    """Arguments with this machine's paths in place of the driver's."""
    found = {name: local.get(value, value) if isinstance(value, Path) else value for name, value in arguments.items()}
    if isinstance(inner := found.get("arguments"), dict):  # of a job within a job
        found["arguments"] = _moved(inner, local)
    return found
