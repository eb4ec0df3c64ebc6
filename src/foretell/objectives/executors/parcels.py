"""A job's folder on its way between machines that share none: parcels of what is new in it, with checksums.

What is in a folder is named by the SHA-256 of every file; a parcel has the contents that the other side lacks. A folder
is only ever unpacked to what it was at one moment where it came from, in the order in which it was written there.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from foretell.errors import ForetellError, IntegrityError
from foretell.records import storage, write_atomic

__all__ = ["Outbox", "Parcel", "pack", "unpack"]

_MOST_BYTES = 8 << 30
"""Of a folder: the training state of half a billion parameters."""
_TOLD_EVERY, _BREATH = 2.0, 10.0
"""Seconds between two reports alone, and until the next try where a parcel was not taken."""

_TRIES, _MOMENT = 50, 0.1

_Mark = tuple[int, int, int]


@dataclass
class Parcel:
    """What a folder holds.

    Attributes:
        names: The SHA-256 of every file by its path in the folder, in the order in which they were written.
        contents: Files by their SHA-256: those that the other side lacks.
        report: Title, share and note: how far the job is.
    """

    names: dict[str, str] = field(default_factory=dict)
    contents: dict[str, Any] = field(default_factory=dict)
    report: tuple[str, float, str] | None = None


def pack(folder: Path) -> Parcel:
    """All that a folder holds, nothing where there is none; hidden files, such as locks, stay.

    Raises:
        ForetellError: It is too large.
    """
    parcel = Parcel()
    for name, data in _read(folder, list(_marks(folder)), {}):
        parcel.names[name] = digest = _sha256(data)
        parcel.contents[digest] = data
    return parcel


def unpack(folder: Path, before: Mapping[str, str], parcel: Parcel) -> None:
    """Make a folder what a parcel says.

    Args:
        folder: Holds `before`.
        before: Names and hashes that it has.
        parcel: With the contents that it lacks.

    Raises:
        IntegrityError: A file is missing from the parcel, does not match its checksum, or lies outside the folder.
        StorageError: The disk refused.
    """
    held = {digest: name for name, digest in before.items()}
    new = {name: digest for name, digest in parcel.names.items() if before.get(name) != digest}
    found = {}
    for name, digest in new.items():
        path = PurePosixPath(name)
        if path.is_absolute() or any(part.startswith(".") for part in path.parts):
            raise IntegrityError(f"a worker sent a file named {name!r}, which lies outside its job's folder; refused.")
        data = parcel.contents.get(digest)
        if data is None and digest in held:
            data = (folder / held[digest]).read_bytes()
        if data is None or _sha256(data) != digest:
            raise IntegrityError(
                f"{folder / name} came with other contents than were sent; run the same command with "
                "--resume to go on from what is kept."
            )
        found[digest] = data
    for name, digest in new.items():
        write_atomic(folder / name, found[digest])
    for name in before:
        if name not in parcel.names:
            with storage(folder / name):
                (folder / name).unlink(missing_ok=True)


class Outbox:
    """Sends what changes in the folder of a running job, as it changes.

    Args:
        folder: Of the job.
        names: What the other side has.
        post: Sends a parcel.
    """

    def __init__(self, folder: Path, names: Mapping[str, str], post: Callable[[Parcel], None]) -> None:
        self.folder, self._post = folder, post
        self._there = dict(names)
        self._hashes: dict[_Mark, str] = {}
        self._sent: dict[str, _Mark] = {}
        self._told, self._not_before = time.monotonic(), 0.0
        self._lock = threading.Lock()

    def __call__(self, title: str, share: float, note: str) -> None:
        """Take a report of the job, and send what it has written; a worker that trains waits for it to be sent."""
        self._look((title, share, note))

    def look(self) -> None:
        """Send what is new, unless that is just changing, or cannot be sent at present."""
        self._look(None)

    def finish(self) -> None:
        """Send what is new after the job has ended.

        Raises:
            ForetellError: The folder is too large.
            Exception: It cannot be sent.
        """
        with self._lock:
            for _ in range(_TRIES):
                if self._send(_marks(self.folder), None):
                    return
                time.sleep(_MOMENT)
        raise ForetellError(
            f"{self.folder} goes on changing after its job has ended; let the job wait for what it starts."
        )

    def _look(self, report: tuple[str, float, str] | None) -> None:
        with self._lock:
            now = time.monotonic()
            report = report if now - self._told >= _TOLD_EVERY else None
            marks = _marks(self.folder)
            if now < self._not_before or (marks == self._sent and report is None):
                return
            try:
                self._send(marks, report)
            except Exception:  # what can never be sent is told in the end
                self._not_before = now + _BREATH

    def _send(self, marks: dict[str, _Mark], report: tuple[str, float, str] | None) -> bool:
        """Whether the folder stood still and was sent."""
        parcel = Parcel(report=report)
        hashes = {mark: self._hashes[mark] for mark in marks.values() if mark in self._hashes}
        there = set(self._there.values())
        try:
            unknown = [name for name, mark in marks.items() if mark not in hashes]
            for name, data in _read(self.folder, unknown, marks):
                digest = hashes[marks[name]] = _sha256(data)
                if digest not in there:
                    parcel.contents[digest] = data
        except FileNotFoundError:  # replaced just now
            return False
        if _marks(self.folder) != marks:  # no moment's state; the next look finds one
            return False
        parcel.names = {name: hashes[mark] for name, mark in marks.items()}
        self._post(parcel)
        self._there, self._hashes, self._sent = parcel.names, hashes, marks
        if report is not None:
            self._told = time.monotonic()
        return True


def _marks(folder: Path) -> dict[str, _Mark]:
    """What changes when a file does, by its path in the folder, in the order in which they were written."""
    found: dict[str, _Mark] = {}
    for path in folder.rglob("*") if folder.is_dir() else ():
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") for part in PurePosixPath(name).parts):
            continue
        try:
            told = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            found[name] = (told.st_mtime_ns, told.st_size, told.st_ino)
    return dict(sorted(found.items(), key=lambda each: (each[1][0], each[0])))


def _read(folder: Path, names: list[str], marks: Mapping[str, _Mark]) -> Iterator[tuple[str, bytes]]:
    sizes = [marks[name][1] if name in marks else (folder / name).stat().st_size for name in names]
    if sum(sizes) > _MOST_BYTES:
        raise ForetellError(
            f"{folder} holds {sum(sizes) / 2**30:.1f} GB and at most {_MOST_BYTES >> 30} GB go through Ray's object "
            "store; put the run and FORETELL_CACHE on a file system that all machines share under the same path."
        )
    for name in names:
        yield name, (folder / name).read_bytes()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
