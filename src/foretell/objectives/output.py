"""What a program prints: the beginning and the end of it kept, and the JSON objects found, in bounded memory."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

from foretell.display import one_line
from foretell.records import storage

__all__ = ["JsonLines", "Log", "last_object"]

_LONGEST_LINE = 1 << 20
_CANDIDATES = 16  # lines that look like an object; the last that is one counts


class Log:
    """A growing file of which the first and the last half of a limit are kept.

    The first half is on the disk at once, the last when the log is closed.

    Args:
        path: Appended to: an earlier run's log stays.
        limit: Bytes to keep of this one.

    Raises:
        StorageError: The disk refused.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path, self._half = path, limit // 2
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
        self._written = 0
        self._dropped = 0
        self._tail = bytearray()

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            StorageError: The disk refused.
        """
        if room := self._half - self._written:
            self._write(data[:room])
            self._written += len(data[:room])
        self._tail += data[room:]
        if len(self._tail) > 2 * self._half:
            self._cut()

    def close(self) -> None:
        """Write the end, and how much is left out before it.

        Raises:
            StorageError: The disk refused.
        """
        self._cut()
        if self._dropped:
            self._write(f"\n... {self._dropped:,} bytes are left out here ...\n".encode())
        self._write(bytes(self._tail))
        self._file.close()

    def _cut(self) -> None:
        beyond = max(0, len(self._tail) - self._half)
        self._dropped += beyond
        del self._tail[:beyond]

    def _write(self, data: bytes) -> None:
        with storage(self._path):
            while data:
                data = data[self._file.write(data) or 0 :]


class JsonLines:
    """The last line of a stream that is not blank, and the last that is a JSON object."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._last = b""
        self._objects: deque[bytes] = deque(maxlen=_CANDIDATES)
        self.silent = True

    def write(self, data: bytes) -> None:
        """Take the next piece of the stream."""
        self.silent = self.silent and not data
        *complete, rest = data.split(b"\n")
        if complete:
            self._line += complete[0][:_LONGEST_LINE]
            self._end()
            # Whoever prints a gigabyte is not to wait for us: most lines are passed over.
            for line in [line for line in complete[1:] if b"{" in line][-_CANDIDATES:]:
                self._take(line)
            self._last = next((line[-1000:] for line in reversed(complete[1:]) if line.strip()), self._last)
        self._line += rest[: max(0, _LONGEST_LINE + 1 - len(self._line))]

    def _end(self) -> None:
        """The line that has been collected is whole."""
        line = bytes(self._line)
        self._line.clear()
        if line.strip():
            self._last = line[-1000:]
            self._take(line)

    def _take(self, line: bytes) -> None:
        line = _seen(line)
        if line.startswith(b"{") and line.endswith(b"}") and len(line) <= _LONGEST_LINE:
            self._objects.append(line)

    @property
    def last_line(self) -> str:
        """The last line that is not blank."""
        self._end()
        return one_line(_seen(self._last).decode(errors="replace"))

    def last_object(self) -> dict[str, Any] | None:
        """The last line that is a JSON object; None where none is."""
        self._end()
        for line in reversed(self._objects):
            found = _object(line)
            if found is not None:
                return found
        return None


def last_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object that a file holds, or the last line of it that is one; None where none is."""
    whole = _object(data)
    if whole is not None:
        return whole
    lines = JsonLines()
    lines.write(data)
    return lines.last_object()


def _seen(line: bytes) -> bytes:
    """A line without what a progress bar has drawn over."""
    return line.rstrip().rpartition(b"\r")[2].strip()


def _object(data: bytes) -> dict[str, Any] | None:
    """A JSON object, in which NaN and infinity may stand: what is wrong with them is said by name."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
