"""Observations on disk: JSON lines, one observation each (docs/formats.md)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.locks import lock_file
from foretell.observations.observation import Observation
from foretell.observations.spaces_in_lines import space_of_line
from foretell.parsing import check_kind, read_bytes
from foretell.records import TornLineWarning, append_jsonl, read_jsonl, storage, write_atomic
from foretell.spaces import SearchSpace

__all__ = ["ObservationWriter", "numbered_lines", "read_observations", "write_observations"]


def read_observations(path: Path | str, space: SearchSpace | None = None) -> list[Observation]:
    """Read a file of observations, all of one space.

    Args:
        path: The JSON-lines file.
        space: The space that they must be of; None: the one that the first line names or describes.

    Raises:
        InputError: No such file, no line in it, or a line that makes no sense; the message has its number.

    Warns:
        TornLineWarning: The last line was cut by a crash and has been dropped.
    """
    path = Path(path)
    lines = numbered_lines(path)
    if not lines:
        raise InputError(f"{path} holds no observation; expected one JSON object a line (docs/formats.md).")
    observations = []
    for number, line in lines:
        try:
            space = space or space_of_line(line)
            observations.append(Observation.from_dict(space, line))
        except ForetellError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    return observations


def write_observations(path: Path | str, observations: Iterable[Observation]) -> None:
    """Replace `path` by these observations, atomically.

    Raises:
        StorageError: The disk refused.
    """
    lines = (json.dumps(item.to_dict(), ensure_ascii=False, allow_nan=False) for item in observations)
    write_atomic(Path(path), "".join(f"{line}\n" for line in lines))


class ObservationWriter:
    """Appends observations to a file; each is on the disk when `write` returns.

    A line that a crash has cut is removed when the file is opened again. Used as a context manager, for whose
    time no other process may write.

    Args:
        path: The file, made with its folders where it does not exist.

    Raises:
        RunBusyError: Another process writes to it; raised by the `with` statement.
        StorageError: The disk refused.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: IO[str] | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(lock_file(self.path))
            with storage(self.path):
                read_jsonl(self.path, repair=True)
                self._file = opened.enter_context(self.path.open("a", encoding="utf-8"))
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file = None
        self._open.close()

    def written(self, space: SearchSpace) -> list[Observation]:
        """What the file holds so far; nothing if a crash came before its first line.

        Raises:
            InputError: A line makes no sense, or is of another space.
        """
        return read_observations(self.path, space) if self.path.stat().st_size else []

    def write(self, *observations: Observation, sync: bool = True) -> None:
        """Append and fsync; without `sync` a kill loses nothing either, but a power failure may.

        Raises:
            InputError: The writer is not open.
            StorageError: The disk refused; earlier lines are intact.
        """
        if self._file is None:
            raise InputError(f"the writer of {self.path} is closed; use it in a with statement.")
        append_jsonl(self._file, (item.to_dict() for item in observations), sync=sync)


def numbered_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The JSON objects of a file of observations, each with its line number, blank lines left out.

    Raises:
        InputError: The file does not exist, is a folder, or holds a line that is not a JSON object.
    """
    data = read_bytes(path)
    check_kind(data, path, "a JSON object a line")
    numbers = [number for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    with warnings.catch_warnings():
        # A last line that was ended is not torn but wrong: somebody wrote it so.
        if data.endswith(b"\n"):
            warnings.simplefilter("error", TornLineWarning)
        try:
            rows = read_jsonl(path)
        except TornLineWarning as torn:
            raise IntegrityError(
                f"{path}, line {numbers[-1]} is not a JSON object ({torn.__context__}); restore or delete that line."
            ) from None
    return list(zip(numbers, rows, strict=False))
