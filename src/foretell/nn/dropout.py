"""Dropout for one pass through a stack of layers, cheap where torch's own is not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Dropout"]

_LEVELS = 65536  # values of the 16 random bits that decide about one entry


class Dropout:
    """Inverted dropout at `sites` places of one stack, all on tensors of one shape.

    On the CPU torch draws each Bernoulli variable at about 5 ns, which in a small network is a fifth of a
    training step. Here 64 random bits decide about four entries and all sites draw at once, from torch's
    default generator, so seeding and resuming work as usual. The probability is rounded to 1/65536 and
    the scale is the exact inverse of the rounded value: the expectation is unbiased.

    Args:
        probability: Chance that an entry is zeroed; 0 makes every method the identity (no dropout).
        sites: How often the object will be used.
        like: A tensor of the shape [B, T, d], device and type that all sites have.
    """

    def __init__(self, probability: float, sites: int, like: Tensor) -> None:
        self._probability = probability
        self._masks: list[Tensor] = []
        if probability > 0.0 and like.device.type == "cpu":
            self._masks = list(_scaled_masks(probability, sites, like).unbind())

    def __call__(self, x: Tensor) -> Tensor:
        """`x` with entries dropped."""
        if self._masks:
            return x * self._masks.pop()
        return F.dropout(x, self._probability) if self._probability else x

    def add(self, x: Tensor, residual: Tensor) -> Tensor:
        """`residual` + `x` with entries dropped."""
        if self._masks:
            return torch.addcmul(residual, x, self._masks.pop())
        return residual + (F.dropout(x, self._probability) if self._probability else x)


def _scaled_masks(probability: float, sites: int, like: Tensor) -> Tensor:
    """Masks [sites, *like.shape] of zeros and 1 / (1 - p)."""
    kept = min(max(1, round((1.0 - probability) * _LEVELS)), _LEVELS - 1)
    count = sites * like.numel()
    bits = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    keep = bits.view(torch.int16)[:count] < kept - _LEVELS // 2
    return keep.to(like.dtype).mul_(_LEVELS / kept).view(sites, *like.shape)
