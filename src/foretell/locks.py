"""Locks between processes: who holds a folder or a file, and taking it over when its holder has died."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from foretell.display import shortened
from foretell.errors import RunBusyError
from foretell.parsing import parse_json
from foretell.records import hidden_beside, storage

__all__ = ["FileLock", "Holder", "Lease", "SharedLock", "lock_file", "lock_folder"]

_MOST_BYTES = 4096
_LEASE = 60.0
_FREE, _ABOUT = "free", ".holder"
_NO_FLOCK = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems that have no `flock` say."""


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


class Lease:
    """A lock of machines that share a file system: its holder renews it, and who stops is taken over from.

    The lock is a folder with one file, whose name says who holds it and how often it was renewed. All that ever happens
    to it is that the file is renamed from the name that was seen to another, which succeeds for one process alone and
    for nobody who has seen an old name. A waiting process looks for how long, by its own watch, the name stays the
    same; no clock of another machine is read. A holder that was held up for longer than a lease has lost it: its work
    and that of its successor write the same files, each whole.

    Args:
        folder: The lock.
        machine: Names this machine, and changes when it is started anew.
        seconds: A name that stays for so long is a dead holder's; it is renewed four times as often.
    """

    def __init__(self, folder: Path, *, machine: str | None = None, seconds: float = _LEASE) -> None:
        self.folder, self.seconds = folder, seconds
        self.machine = _this_machine() if machine is None else machine
        self._held: str | None = None
        self._seen: tuple[str, float] = ("", 0.0)
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    def elsewhere(self) -> bool:
        """Whether another machine holds it, and has not been silent for a lease."""
        name = self._name()
        if name is None or name == _FREE or name.startswith(f"{self.machine}~"):
            return False
        now = time.monotonic()
        if self._seen[0] != name:
            self._seen = (name, now)
        return now - self._seen[1] < self.seconds

    def take(self, *, alone: bool) -> bool:
        """Hold it if nobody alive does.

        Args:
            alone: Whether it is known that no other process of this machine holds it.

        Raises:
            StorageError: The disk refused.
        """
        with storage(self.folder):
            name = self._name() or self._make()
        own = name is not None and name.startswith(f"{self.machine}~")
        if name is None or self.elsewhere() or (own and not alone and not self._silent(name)):
            return False
        mine = f"{self.machine}~{secrets.token_hex(6)}~0"
        with storage(self.folder):
            if not self._renamed(name, mine):
                return False
            self._tell()
        self._held = mine
        self._ended.clear()
        self._renewing = threading.Thread(target=self._renew, name="foretell-lease", daemon=True)
        self._renewing.start()
        return True

    def holder(self) -> Holder | None:
        """Who holds it, or held it last; None where that cannot be read."""
        try:
            return Holder(**parse_json((self.folder / _ABOUT).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def release(self) -> None:
        """Let others have it."""
        self._ended.set()
        if self._renewing is not None:
            self._renewing.join()
        if self._held is not None:
            with suppress(OSError):  # what cannot be given back is taken over
                self._renamed(self._held, _FREE)
            self._held = None

    def _silent(self, name: str) -> bool:
        now = time.monotonic()
        if self._seen[0] != name:
            self._seen = (name, now)
        return now - self._seen[1] >= self.seconds

    def _renew(self) -> None:
        while not self._ended.wait(self.seconds / 4):
            name = self._held
            if name is None:
                return
            start, _, count = name.rpartition("~")
            later = f"{start}~{int(count) + 1}"
            try:
                if not self._renamed(name, later):
                    self._held = None  # taken over
                    return
            except OSError:  # the file server may be back before the lease is over
                continue
            self._held = later

    def _name(self) -> str | None:
        """The present name; None while there is no lock, or it is just being renamed."""
        try:
            names = [entry.name for entry in self.folder.iterdir() if not entry.name.startswith(".")]
        except FileNotFoundError:
            return None
        return names[0] if len(names) == 1 else None

    def _make(self) -> str | None:
        """Make the lock, free; a folder that is not empty can be moved nowhere, so one process alone does."""
        made = self.folder.with_name(f"{self.folder.name}-{secrets.token_hex(6)}")
        made.mkdir(parents=True)
        (made / _FREE).touch()
        try:
            made.rename(self.folder)
        except OSError as error:
            shutil.rmtree(made, ignore_errors=True)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        return self._name()

    def _renamed(self, name: str, other: str) -> bool:
        try:
            (self.folder / name).rename(self.folder / other)
        except FileNotFoundError:
            return (self.folder / other).exists()  # done, and asked again by a network that lost the answer
        return True

    def _tell(self) -> None:
        part = self.folder / f"{_ABOUT}.{secrets.token_hex(6)}"
        part.write_text(json.dumps(asdict(Holder.this())), encoding="utf-8")
        part.replace(self.folder / _ABOUT)


class SharedLock:
    """A folder's lock on this machine, by `flock`, and between machines, by a lease.

    A holder on this machine that dies is taken over from at once, one on another when its lease is over.

    Args:
        folder: Gets `.lock` and `.lease`.
        lease: In place of its own.
    """

    def __init__(self, folder: Path, lease: Lease | None = None) -> None:
        self._here, self._lease = FileLock(folder / ".lock"), lease or Lease(folder / ".lease")

    def take(self) -> bool:
        """Hold it if nobody alive does.

        Raises:
            StorageError: The disk refused.
        """
        if self._lease.elsewhere():
            return False
        try:
            if not self._here.take():
                return False
            alone = True
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise
            alone = False
        try:
            taken = self._lease.take(alone=alone)
        except BaseException:
            self._here.release()
            raise
        if not taken:
            self._here.release()
        return taken

    def holder(self) -> Holder | None:
        """Who holds it; None where that cannot be told at the moment."""
        return (self._lease.holder() if self._lease.elsewhere() else None) or self._here.holder()

    def release(self) -> None:
        """Let others have it."""
        self._lease.release()
        self._here.release()


def _this_machine() -> str:
    """Its name, and its kernel's start: what dies with it."""
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        started = "0"
    return re.sub(r"[^\w.-]", "-", platform.node())[:80].lstrip(".") + f"-{started}"


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
    with _held(FileLock(hidden_beside(path, "lock")), path):
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
