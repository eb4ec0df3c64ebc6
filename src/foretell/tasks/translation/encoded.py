"""Sentences as numbers: many sequences of different lengths in one flat array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EncodedPairs", "Sequences"]


@dataclass(frozen=True, eq=False)
class Sequences:
    """`n` sequences of token ids, end to end.

    Attributes:
        values: int32 [sum of lengths], the ids.
        offsets: int64 [n + 1], sequence `i` is `values[offsets[i]:offsets[i + 1]]`.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> Sequences:
        """Pack lists of ids."""
        lengths = np.fromiter((len(ids) for ids in lists), dtype=np.int64, count=len(lists))
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        flat = (token for ids in lists for token in ids)
        return cls(np.fromiter(flat, dtype=np.int32, count=int(offsets[-1])), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length [n] of each sequence, without end marks."""
        return np.diff(self.offsets)

    def padded(self, rows: NDArray[np.int64], *, first: int | None, last: int | None, pad: int) -> NDArray[np.int64]:
        """Right-padded matrix of some sequences.

        Args:
            rows: Which sequences, [b].
            first: Id put before each, or None.
            last: Id put after each, or None.
            pad: Id that fills the rest.

        Returns:
            int64 [b, longest + number of marks].
        """
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        lead, tail = int(first is not None), int(last is not None)
        longest = int(lengths.max(initial=0))
        matrix = np.full((len(rows), longest + lead + tail), pad, dtype=np.int64)
        inside = np.arange(longest) < lengths[:, None]
        where = (self.offsets[rows][:, None] + np.arange(longest))[inside]
        matrix[:, lead : lead + longest][inside] = self.values[where]
        if first is not None:
            matrix[:, 0] = first
        if last is not None:
            matrix[np.arange(len(rows)), lead + lengths] = last
        return matrix


@dataclass(frozen=True, eq=False)
class EncodedPairs:
    """Encoded source and target sentences, row by row the same pairs."""

    source: Sequences
    target: Sequences

    def __len__(self) -> int:
        return len(self.source)
