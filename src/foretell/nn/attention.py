"""Attention whose total width is fixed while its inputs' width varies, as in HAT."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.nn.elastic import ElasticLinear
from foretell.nn.tokens import PAD

__all__ = ["CrossAttention", "Past", "SelfAttention", "padding_mask"]


@dataclass(eq=False)
class Past:
    """Keys and values of the tokens that one decoder layer has already seen: [N, t, 2Q], or None at first."""

    keys_values: Tensor | None = None

    def append(self, new: Tensor) -> Tensor:
        """Add `new` [N, n, 2Q] at the end and return the whole."""
        past = new if self.keys_values is None else torch.cat((self.keys_values, new), dim=1)
        self.keys_values = past
        return past

    def select(self, rows: Tensor) -> None:
        """Keep the sentences `rows` [M], in that order; a row may come more than once."""
        if self.keys_values is not None:
            self.keys_values = self.keys_values.index_select(0, rows)


class _Attention(nn.Module):
    """What both kinds share: total width, dropout of the weights, the output projection."""

    def __init__(self, qkv_dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.qkv_dim = qkv_dim
        self.dropout = dropout
        self.output = ElasticLinear(qkv_dim, width)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """Attention of q [B, T, H, D] over k and v [B, M, H, D] -> [B, T, H, D]."""
        mixed = F.scaled_dot_product_attention(
            q.transpose(1, 2),
            k.transpose(1, 2),
            v.transpose(1, 2),
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=causal,
        )
        return mixed.transpose(1, 2)


class SelfAttention(_Attention):
    """Attention of a sequence to itself, with one fused projection for queries, keys and values.

    Args:
        width: Largest width of the sequence.
        qkv_dim: Total width of queries, of keys and of values; the heads split it.
        dropout: Dropout of the attention weights, never rescaled.
    """

    def __init__(self, width: int, qkv_dim: int, dropout: float) -> None:
        super().__init__(qkv_dim, width, dropout)
        self.input = ElasticLinear(width, 3 * qkv_dim)

    def forward(
        self,
        x: Tensor,
        heads: int,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
        past: Past | None = None,
    ) -> Tensor:
        """Attend.

        Args:
            x: [B, T, d].
            heads: Number of heads.
            mask: Added to the attention's logits, broadcastable to [B, heads, T, T].
            causal: Let a position see only itself and earlier ones.
            past: What this layer saw before `x`; grows by `x`. With it, T must be 1.

        Returns:
            [B, T, d].
        """
        batch, length, width = x.shape
        fused = self.input(x, 3 * self.qkv_dim)
        if past is None:
            q, k, v = fused.view(batch, length, 3, heads, -1).unbind(2)
        else:
            q = fused[..., : self.qkv_dim].view(batch, length, heads, -1)
            k, v = past.append(fused[..., self.qkv_dim :]).view(batch, -1, 2, heads, q.shape[-1]).unbind(2)
        mixed = self._attend(q, k, v, mask, causal)
        return self.output(mixed.reshape(batch, length, self.qkv_dim), width)


class CrossAttention(_Attention):
    """Attention of the decoder to encoder layers.

    Args:
        width: Largest width of the decoder.
        memory_width: Largest width of the encoder.
        qkv_dim: Total width of queries, of keys and of values; the heads split it.
        dropout: Dropout of the attention weights, never rescaled.
    """

    def __init__(self, width: int, memory_width: int, qkv_dim: int, dropout: float) -> None:
        super().__init__(qkv_dim, width, dropout)
        # Published as one matrix of 3Q rows, of which all three parts were drawn together.
        self.query = ElasticLinear(width, qkv_dim, fan_out=3 * qkv_dim)
        self.key_value = ElasticLinear(memory_width, 2 * qkv_dim, fan_out=3 * qkv_dim)

    def keys_values(self, memory: Tensor) -> Tensor:
        """Project encoder outputs [B, M, de] to keys and values [B, M, 2Q]."""
        return self.key_value(memory, 2 * self.qkv_dim)

    def forward(self, x: Tensor, keys_values: Tensor, heads: int, mask: Tensor | None) -> Tensor:
        """Attend.

        Args:
            x: [B, T, d], or [B·n, 1, d] where n hypotheses share a sentence's memory.
            keys_values: From `keys_values`, [B, M, 2Q].
            heads: Number of heads.
            mask: Added to the attention's logits, [B, 1, 1, M], or None.

        Returns:
            As `x`.
        """
        batch, length, width = x.shape
        sentences = keys_values.shape[0]
        # Hypotheses of one sentence are treated as its query positions: its keys are never copied.
        q = self.query(x, self.qkv_dim).view(sentences, -1, heads, self.qkv_dim // heads)
        k, v = keys_values.view(sentences, -1, 2, heads, self.qkv_dim // heads).unbind(2)
        mixed = self._attend(q, k, v, mask)
        return self.output(mixed.reshape(batch, length, self.qkv_dim), width)


def padding_mask(tokens: Tensor, dtype: torch.dtype) -> Tensor | None:
    """0 at tokens and minus infinity at padding, [B, 1, 1, S]; None when nothing is padded."""
    padding = tokens == PAD
    if not padding.any():
        return None
    zeros = torch.zeros(padding.shape, dtype=dtype, device=tokens.device)
    return zeros.masked_fill_(padding, -math.inf)[:, None, None, :]
