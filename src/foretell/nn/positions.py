"""Sinusoidal positions that a narrow network shares with the wide one it is cut from."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from foretell.nn.tokens import PAD

__all__ = ["SinusoidalPositions"]

_FIRST = PAD + 1  # fairseq numbers positions from here


class SinusoidalPositions(nn.Module):
    """A table of sines and cosines, interleaved, whose frequencies are those of a reference width.

    The published table is [all sines | all cosines], so that its first d columns hold every sine but only
    some cosines. Here column 2i is the sine and 2i + 1 the cosine of frequency
    10000^(-i / (reference / 2 - 1)): any leading slice has whole pairs, and a stand-alone network has the
    slice of its supernet. The table grows with the longest sentence seen; it is not saved.

    Args:
        width: Columns kept.
        reference: Width of the supernet, which fixes the frequencies; at least `width`.
    """

    def __init__(self, width: int, reference: int) -> None:
        super().__init__()
        self.width = width
        self.reference = reference
        self.register_buffer("table", self._build(256), persistent=False)

    table: Tensor

    def _build(self, length: int) -> Tensor:
        pairs = (self.width + 1) // 2
        step = math.log(10000.0) / max(self.reference / 2 - 1, 1)
        frequency = torch.exp(torch.arange(pairs, dtype=torch.float64) * -step)
        angle = torch.arange(_FIRST, _FIRST + length, dtype=torch.float64)[:, None] * frequency
        table = torch.stack((angle.sin(), angle.cos()), dim=2).view(length, 2 * pairs)
        return table[:, : self.width].float()

    def forward(self, start: int, length: int, width: int) -> Tensor:
        """The rows of positions `start` to `start + length`, first `width` columns: [length, width]."""
        end = start + length
        if end > len(self.table):
            self.table = self._build(max(end, 2 * len(self.table))).to(self.table)
        return self.table[start:end, :width]
