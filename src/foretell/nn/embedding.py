"""Token embeddings of both languages and the output layer, in one matrix or in three."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from foretell.nn.elastic import leading
from foretell.nn.tokens import PAD

__all__ = ["TokenMatrices"]


class TokenMatrices(nn.Module):
    """The matrices with a row for each token: source, target input, output.

    Shared, all three are one matrix, as wide as the wider side needs (REFERENCE 7: a true shared table
    needs max(de, dd) columns). Drawn from N(0, 1 / width), the row of padding zero (REFERENCE 2.2).

    Args:
        sizes: Vocabulary sizes of source and target.
        widths: Largest widths of encoder and decoder.
        kind: "shared" or "separate".
    """

    def __init__(self, sizes: tuple[int, int], widths: tuple[int, int], kind: Literal["shared", "separate"]) -> None:
        super().__init__()
        self.is_shared = kind == "shared"
        if self.is_shared:
            self.shared = _matrix(sizes[0], max(widths))
        else:
            self.source_rows = _matrix(sizes[0], widths[0])
            self.target_rows = _matrix(sizes[1], widths[1])
            self.output_rows = _matrix(sizes[1], widths[1])

    def source(self, width: int) -> Tensor:
        """Source embeddings, [V source, width]."""
        return _columns(self.shared if self.is_shared else self.source_rows, width)

    def target(self, width: int) -> Tensor:
        """Embeddings of the decoder's input, [V target, width]."""
        return _columns(self.shared if self.is_shared else self.target_rows, width)

    def output(self, width: int) -> Tensor:
        """The output layer, [V target, width]."""
        return _columns(self.shared if self.is_shared else self.output_rows, width)


def _matrix(size: int, width: int) -> nn.Parameter:
    weight = torch.empty(size, width).normal_(0.0, width**-0.5)
    weight[PAD] = 0.0
    return nn.Parameter(weight)


def _columns(weight: Tensor, width: int) -> Tensor:
    return leading(weight, weight.shape[0], width)
