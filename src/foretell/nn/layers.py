"""Encoder and decoder layers, pre-norm and post-norm."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from foretell.nn.attention import CrossAttention, Past, SelfAttention
from foretell.nn.dropout import Dropout
from foretell.nn.elastic import ElasticLayerNorm, ElasticLinear
from foretell.nn.mixture import MixedWeights

__all__ = ["DecoderLayer", "EncoderLayer", "FeedForward", "Inner"]

Inner = int | MixedWeights
"""What a layer's feed-forward network is told: how many neurons to use, or the architecture's own weights."""


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between them, of which the first inner neurons can be used alone.

    Args:
        width: Largest width of input and output.
        inner: Largest number of inner neurons.
    """

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.expand = ElasticLinear(width, inner)
        self.contract = ElasticLinear(inner, width)

    def forward(self, x: Tensor, inner: int) -> Tensor:
        """Map `x` [..., d] to [..., d] through `inner` neurons."""
        return self.contract(F.relu(self.expand(x, inner)), x.shape[-1])


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward network, each with a residual connection and a layer norm.

    Args:
        width: Largest width.
        inner: Largest number of inner feed-forward neurons.
        qkv_dim: Total attention width.
        attention_dropout: Dropout of the attention weights.
        pre_norm: Normalise each part's input (pre-norm) instead of each sum (post-norm).
        feed_forward: Makes the feed-forward network from its width and inner size.
    """

    def __init__(
        self,
        width: int,
        inner: int,
        qkv_dim: int,
        attention_dropout: float,
        *,
        pre_norm: bool,
        feed_forward: Callable[[int, int], nn.Module] = FeedForward,
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.attention = SelfAttention(width, qkv_dim, attention_dropout)
        self.attention_norm = ElasticLayerNorm(width)
        self.feed_forward = feed_forward(width, inner)
        self.feed_forward_norm = ElasticLayerNorm(width)

    def forward(self, x: Tensor, heads: int, inner: Inner, mask: Tensor | None, drop: Dropout) -> Tensor:
        """Run the layer.

        Args:
            x: [B, S, d].
            heads: Number of self-attention heads.
            inner: Feed-forward neurons to use, or in a mixture the weights.
            mask: Added to the attention's logits, [B, 1, 1, S], or None.
            drop: Dropout for this pass; used twice.

        Returns:
            [B, S, d].
        """
        if self.pre_norm:
            x = drop.add(self.attention(self.attention_norm(x), heads, mask), x)
            return drop.add(self.feed_forward(self.feed_forward_norm(x), inner), x)
        x = self.attention_norm(drop.add(self.attention(x, heads, mask), x))
        return self.feed_forward_norm(drop.add(self.feed_forward(x, inner), x))


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the encoder, and a feed-forward network.

    Args:
        width: Largest width.
        memory_width: Largest width of the encoder.
        inner: Largest number of inner feed-forward neurons.
        qkv_dim: Total attention width.
        attention_dropout: Dropout of the attention weights.
        pre_norm: Normalise each part's input (pre-norm) instead of each sum (post-norm).
        feed_forward: Makes the feed-forward network from its width and inner size.
    """

    def __init__(
        self,
        width: int,
        memory_width: int,
        inner: int,
        qkv_dim: int,
        attention_dropout: float,
        *,
        pre_norm: bool,
        feed_forward: Callable[[int, int], nn.Module] = FeedForward,
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.attention = SelfAttention(width, qkv_dim, attention_dropout)
        self.attention_norm = ElasticLayerNorm(width)
        self.cross_attention = CrossAttention(width, memory_width, qkv_dim, attention_dropout)
        self.cross_attention_norm = ElasticLayerNorm(width)
        self.feed_forward = feed_forward(width, inner)
        self.feed_forward_norm = ElasticLayerNorm(width)

    def forward(
        self,
        x: Tensor,
        keys_values: Tensor,
        mask: Tensor | None,
        heads: tuple[int, int],
        inner: Inner,
        drop: Dropout,
        past: Past | None = None,
    ) -> Tensor:
        """Run the layer.

        Padding on the right needs no mask here: a causal position never sees what follows it.

        Args:
            x: [B, T, d], or with `past` [B·n, 1, d] for n hypotheses a sentence.
            keys_values: From `cross_attention.keys_values`, [B, M, 2Q].
            mask: Added to the cross-attention's logits, [B, 1, 1, M], or None.
            heads: Numbers of self-attention and cross-attention heads.
            inner: Feed-forward neurons to use, or in a mixture the weights.
            drop: Dropout for this pass; used three times.
            past: What the layer saw before `x` when decoding token by token.

        Returns:
            As `x`.
        """
        own, cross = heads
        causal = past is None
        if self.pre_norm:
            x = drop.add(self.attention(self.attention_norm(x), own, causal=causal, past=past), x)
            x = drop.add(self.cross_attention(self.cross_attention_norm(x), keys_values, cross, mask), x)
            return drop.add(self.feed_forward(self.feed_forward_norm(x), inner), x)
        x = self.attention_norm(drop.add(self.attention(x, own, causal=causal, past=past), x))
        x = self.cross_attention_norm(drop.add(self.cross_attention(x, keys_values, cross, mask), x))
        return self.feed_forward_norm(drop.add(self.feed_forward(x, inner), x))
