"""Feed-forward networks without biases: gated by SiLU (arXiv 2002.05202), or with GELU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from foretell.nn.elastic import ElasticProjection

__all__ = ["GatedFeedForward"]


class GatedFeedForward(nn.Module):
    """A feed-forward network of which the first inner neurons can be used alone.

    Args:
        width: Largest width of input and output.
        inner: Largest number of inner neurons.
        gated: SwiGLU, with three matrices; else GELU, with two.
        scale: Standard deviation of the initial weights.
        output_scale: The same of the last matrix.
    """

    def __init__(self, width: int, inner: int, *, gated: bool, scale: float, output_scale: float) -> None:
        super().__init__()
        self.gate_proj = ElasticProjection(width, inner, scale) if gated else None
        self.up_proj = ElasticProjection(width, inner, scale)
        self.down_proj = ElasticProjection(inner, width, output_scale)

    def inner(self, x: Tensor, neurons: int) -> Tensor:
        """What the inner neurons say of `x` [..., d], before the last matrix: [..., neurons]."""
        up: Tensor = self.up_proj(x, neurons)
        return F.gelu(up) if self.gate_proj is None else F.silu(self.gate_proj(x, neurons)) * up

    def forward(self, x: Tensor, neurons: int) -> Tensor:
        """Map `x` [..., d] to [..., d]."""
        mapped: Tensor = self.down_proj(self.inner(x, neurons), x.shape[-1])
        return mapped
