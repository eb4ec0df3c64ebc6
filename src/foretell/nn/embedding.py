"""Token embeddings of both languages and the output layer, in one matrix or in three."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.nn.elastic import leading
from foretell.nn.tokens import PAD

__all__ = ["TokenMatrices", "TokenRows", "embed_tokens"]


class TokenRows(NamedTuple):
    """The matrices as one architecture sees them.

    Attributes:
        source: Source embeddings, [V source, de].
        target: Embeddings of the decoder's input, [V target, dd].
        output: The output layer, [V target, dd].
    """

    source: Tensor
    target: Tensor
    output: Tensor


class TokenMatrices(nn.Module):
    """The matrices with a row for each token: source, target input, output.

    Shared, all three are one matrix, as wide as the wider side needs (a true shared table
    needs max(de, dd) columns). Drawn from N(0, 1 / width), the row of padding zero, as in HAT.

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

    def slices(self, encoder_width: int, decoder_width: int) -> TokenRows:
        """The leading columns that a network of these widths uses.

        Cut once for a whole pass and, where they coincide, a single tensor: its gradients are then summed
        at the small size and spread over the full matrix once.
        """
        if not self.is_shared:
            target = _columns(self.target_rows, decoder_width)
            output = _columns(self.output_rows, decoder_width)
            return TokenRows(_columns(self.source_rows, encoder_width), target, output)
        wide = _columns(self.shared, max(encoder_width, decoder_width))
        target = _columns(wide, decoder_width)
        return TokenRows(_columns(wide, encoder_width), target, target)


def _matrix(size: int, width: int) -> nn.Parameter:
    weight = torch.empty(size, width).normal_(0.0, width**-0.5)
    weight[PAD] = 0.0
    return nn.Parameter(weight)


def _columns(weight: Tensor, width: int) -> Tensor:
    return leading(weight, weight.shape[0], width)


def embed_tokens(tokens: Tensor, weight: Tensor, positions: Tensor) -> Tensor:
    """Embeddings times the square root of their width, plus positions: [B, T, d]."""
    return torch.add(positions, F.embedding(tokens, weight), alpha=math.sqrt(weight.shape[1]))
