"""Observations on disk: JSON lines, one observation each (docs/formats.md)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from foretell import spaces
from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.observations.observation import Observation
from foretell.parsing import read_bytes
from foretell.records import TornLineWarning, append_jsonl, read_jsonl, storage, write_atomic
from foretell.spaces import SearchSpace

__all__ = ["ObservationWriter", "numbered_lines", "read_observations", "write_observations"]


def read_observations(path: Path | str, space: SearchSpace | None = None) -> list[Observation]:
    """Read a file of observations, all of one space.

    Args:
        path: The JSON-lines file.
        space: The space that they must be of; None: the known space that the first line names.

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
            space = space or _named_space(line)
            observations.append(Observation.from_dict(space, line))
        except ForetellError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    return observations


def _named_space(line: dict[str, Any]) -> SearchSpace:
    if not isinstance(line.get("space"), str):
        raise InputError("the key 'space' is missing; an observation needs format, space and architecture.")
    return spaces.create(line["space"])


def write_observations(path: Path | str, observations: Iterable[Observation]) -> None:
    """Replace `path` by these observations, atomically.

    Raises:
        StorageError: The disk refused.
    """
    lines = (json.dumps(item.to_dict(), ensure_ascii=False, allow_nan=False) for item in observations)
    write_atomic(Path(path), "".join(f"{line}\n" for line in lines))


class ObservationWriter:
    """Appends observations to a file; each is on the disk when `write` returns.

    A line that a crash has cut is removed when the file is opened again. Used as a context manager.

    Args:
        path: The file, made with its folders where it does not exist.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        with storage(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            read_jsonl(self.path, repair=True)
            self._file = self.path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, *observations: Observation) -> None:
        """Append and fsync.

        Raises:
            InputError: The writer is not open.
            StorageError: The disk refused; earlier lines are intact.
        """
        if self._file is None:
            raise InputError(f"the writer of {self.path} is closed; use it in a with statement.")
        append_jsonl(self._file, (item.to_dict() for item in observations))


def numbered_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The JSON objects of a file of observations, each with its line number, blank lines left out.

    Raises:
        InputError: The file does not exist, is a folder, or holds a line that is not a JSON object.
    """
    data = read_bytes(path)
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
