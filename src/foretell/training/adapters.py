"""Low-rank adapters: a large network learns by small matrices beside its own, which are added to them in the end."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

__all__ = ["attach_adapters", "merge_adapters"]


class _LowRank(nn.Module):
    """A matrix [out, in] with the product of two thin ones added; the product is 0 at first."""

    def __init__(self, matrix: Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        outputs, inputs = matrix.shape
        down = torch.randn(rank, inputs, generator=generator) / inputs**0.5
        self.down = nn.Parameter(down.to(matrix))
        self.up = nn.Parameter(torch.zeros(outputs, rank).to(matrix))

    def forward(self, matrix: Tensor) -> Tensor:
        return matrix + self.up @ self.down


def attach_adapters(network: nn.Module, layers: nn.Module, rank: int, seed: int) -> None:
    """Let only adapters of the matrices of some layers learn (LoRA, arXiv 2106.09685).

    Parts of the network use the same parts of a matrix with its adapter in it.

    Args:
        network: Changed: its own weights do not learn any more.
        layers: Of it; every two-dimensional `weight` in them gets an adapter.
        rank: Of the adapters.
        seed: Of their first weights.
    """
    network.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for module in list(layers.modules()):
        matrix = getattr(module, "weight", None)
        if isinstance(matrix, nn.Parameter) and matrix.ndim == 2:
            parametrize.register_parametrization(module, "weight", _LowRank(matrix, rank, generator))


def merge_adapters(layers: nn.Module) -> None:
    """Add what adapters have learnt to the matrices, and take the adapters away."""
    for module in list(layers.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
