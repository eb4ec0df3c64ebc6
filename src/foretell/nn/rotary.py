"""Rotary positions (arXiv 2104.09864), in the layout of Hugging Face's Llama."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["RotaryPositions", "rotate"]

Rotation = tuple[Tensor, Tensor]


class RotaryPositions(nn.Module):
    """Cosines and sines of every position's angles; the table grows with the longest text seen and is not saved.

    Args:
        head_size: Channels of a head, an even number: channel i turns with channel i + head_size / 2.
        theta: Base of the frequencies, theta^(-2 i / head_size).
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, head_size: int, theta: float) -> None:
        super().__init__()
        self.head_size, self.theta = head_size, theta
        cosines, sines = self._table(256)
        self.register_buffer("cosines", cosines, persistent=False)
        self.register_buffer("sines", sines, persistent=False)

    def reset(self) -> None:
        """Fill the table again, of the length and on the device that it has."""
        cosines, sines = self._table(len(self.cosines))
        self.cosines.copy_(cosines)
        self.sines.copy_(sines)

    def _table(self, length: int) -> Rotation:
        frequencies = self.theta ** -(torch.arange(0, self.head_size, 2, dtype=torch.float64) / self.head_size)
        angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
        cosines, sines = angles.cos(), angles.sin()
        return torch.cat((cosines, cosines), dim=1).float(), torch.cat((-sines, sines), dim=1).float()

    def forward(self, start: int, length: int) -> Rotation:
        """Of positions `start` to `start + length`: cosines, sines (negative first half), both [length, head_size]."""
        end = start + length
        if end > len(self.cosines):
            cosines, sines = self._table(max(end, 2 * len(self.cosines)))
            self.cosines, self.sines = cosines.to(self.cosines), sines.to(self.sines)
        return self.cosines[start:end], self.sines[start:end]


def rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn the heads `x` [B, H, T, D] to their positions; the tables are single precision, the result is as `x` is."""
    cosines, sines = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.addcmul(x * cosines, torch.cat((second, first), dim=-1), sines).to(x.dtype)
