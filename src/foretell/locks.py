"""Locks between processes: who holds a folder or a file, and taking it over when its holder has died."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from foretell.display import shortened
from foretell.errors import RunBusyError
from foretell.parsing import parse_json
from foretell.records import storage

__all__ = ["FileLock", "Holder", "lock_file", "lock_folder"]

_MOST_BYTES = 4096


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as it has written itself into it.

    Attributes:
        process: Its number.
        host: Its machine; empty where an older version holds the lock.
        command: What it was started as.
        since: When it took the lock, local time to the second with its offset (ISO 8601).
    """

    process: int
    host: str = ""
    command: str = ""
    since: str = ""

    @classmethod
    def this(cls) -> Holder:
        """This process, now."""
        command = shortened(" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]), 200)
        return cls(os.getpid(), platform.node(), command, datetime.now().astimezone().isoformat(timespec="seconds"))


class FileLock:
    """A lock on one machine by `flock`: the kernel releases it when its holder dies, however it dies.

    Args:
        path: The lock's file, which stays. Its first line is the holder's process number, its second the holder as
            a JSON object.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Hold the lock if nobody else does.

        Raises:
            StorageError: The disk refused.
        """
        import fcntl

        with storage(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            told = f"{os.getpid()}\n{json.dumps(asdict(Holder.this()))}\n".encode()
            with storage(self.path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, told, 0)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def holder(self) -> Holder | None:
        """Who holds the lock, or held it last; None where that cannot be read."""
        try:
            with self.path.open("rb") as file:
                number, _, about = file.read(_MOST_BYTES).partition(b"\n")
            return Holder(**parse_json(about)) if about.strip() else Holder(int(number))
        except (OSError, ValueError, TypeError):  # in the middle of being written
            return None

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; a lock whose process has died is taken over.

    Raises:
        RunBusyError: Another live process holds it; the message names its process number.
        StorageError: The disk refused.
    """
    with _held(FileLock(folder / ".lock"), folder):
        yield


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold a file for this process, as `lock_folder` does a folder; the lock is a hidden file beside it.

    Raises:
        RunBusyError: Another live process holds it; the message names its process number.
        StorageError: The disk refused.
    """
    with _held(FileLock(path.with_name(f".{path.name}.lock")), path):
        yield


@contextmanager
def _held(lock: FileLock, what: Path) -> Iterator[None]:
    if not lock.take():
        holder = lock.holder()
        owner = "unknown" if holder is None else holder.process
        raise RunBusyError(
            f"{what} is in use by process {owner}; wait for it to end or choose another place with --out."
        )
    try:
        yield
    finally:
        lock.release()
