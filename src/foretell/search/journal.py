"""Scores on disk the moment they exist, so that none is ever computed twice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, IntegrityError
from foretell.records import append_jsonl, read_jsonl, storage
from foretell.search.keys import row_keys
from foretell.spaces import Population, SearchSpace

__all__ = ["ScoreJournal", "open_journal"]

_FORMAT = 1


class ScoreJournal:
    """A growing file of scored architectures; a search replays from it after a crash.

    A search is a pure function of its seed and its scores. The journal therefore holds scores only: a
    resumed search runs from its beginning, finds every score it had, and goes on where it was. What is
    lost at a crash is the batch of architectures that was being scored.

    Args:
        path: The file, made if it does not exist.
        space: The space of the architectures.
        others: Journals of other searches of the space, as far as they are there, which are read only.

    Attributes:
        scores: Those in the file, by predictor and architecture.
        lent: Those in the others'.

    Raises:
        IntegrityError: The file was written for another space, or a line of it is damaged.
        StorageError: The file cannot be written.
    """

    def __init__(self, path: Path, space: SearchSpace, others: Sequence[Path] = ()) -> None:
        self.path, self.space = path, space
        self._file: IO[str] | None = None
        self.scores = self._read(path, repair=True)
        self.lent: dict[str, dict[bytes, float]] = {}
        for other in filter(Path.exists, others):
            for predictor, known in self._read(other, repair=False).items():
                self.lent.setdefault(predictor, {}).update(known)
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not path.exists() or path.stat().st_size == 0
            self._file = path.open("a", encoding="utf-8")
        if fresh:
            append_jsonl(self._file, [self._header])

    @property
    def _header(self) -> dict[str, object]:
        return {"format": _FORMAT, "space": self.space.fingerprint}

    def _read(self, path: Path, *, repair: bool) -> dict[str, dict[bytes, float]]:
        """The scores of a file, by predictor; none where there is no file."""
        found: dict[str, dict[bytes, float]] = {}
        rows = read_jsonl(path, repair=repair)
        if rows and rows[0] != self._header:
            raise IntegrityError(
                f"{path} was written for another space or version; choose another folder with --out or delete it."
            )
        for number, row in enumerate(rows[1:], 2):
            try:
                self._take(row, found)
            except (InputError, KeyError, TypeError, ValueError, OverflowError) as error:
                raise IntegrityError(
                    f"{path}, record {number} holds no scores of this search ({error!r}); delete that line."
                ) from error
        return found

    def _take(self, line: dict[str, object], found: dict[str, dict[bytes, float]]) -> None:
        known = found.setdefault(str(line["predictor"]), {})
        rows = self.space.read(line["rows"])  # type: ignore[arg-type]
        for key, score in zip(row_keys(rows), line["scores"], strict=True):  # type: ignore[call-overload]
            known[key] = float("nan") if score is None else float(score)

    def append(self, predictor: str, population: Population, scores: npt.NDArray[np.float64]) -> None:
        """Record the scores [n] of canonical rows [n, columns]; they are on the disk when this returns.

        Raises:
            StorageError: The disk is full or read-only.
        """
        if self._file is None:
            raise ValueError("the journal is closed")
        values = [None if math.isnan(score) else score for score in scores.tolist()]
        append_jsonl(self._file, [{"predictor": predictor, "rows": self.space.spelled(population), "scores": values}])

    def close(self) -> None:
        """Close the file; nothing is pending."""
        if self._file is not None:
            self._file.close()
            self._file = None


@contextmanager
def open_journal(path: Path | None, space: SearchSpace, others: Sequence[Path] = ()) -> Iterator[ScoreJournal | None]:
    """A journal for the time of a block; None for no path."""
    if path is None:
        yield None
        return
    journal = ScoreJournal(path, space, others)
    try:
        yield journal
    finally:
        journal.close()
