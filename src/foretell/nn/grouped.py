"""Self-attention whose query heads share key-value heads (arXiv 2305.13245); heads can be left out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from foretell.nn.elastic import ElasticProjection, ElasticRMSNorm
from foretell.nn.rotary import Rotation, rotate

__all__ = ["GroupedAttention", "KeyValueCache"]


class KeyValueCache:
    """Keys and values of the tokens that one layer has already seen; room for more grows by doubling."""

    def __init__(self) -> None:
        self.length = 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add keys and values [B, K, n, D] at the end and return all of them, [B, K, t + n, D]."""
        start, self.length = self.length, self.length + keys.shape[2]
        self._keys, self._values = self._room(self._keys, keys), self._room(self._values, values)
        for kept, new in ((self._keys, keys), (self._values, values)):
            kept[:, :, start : self.length] = new
        return self._keys[:, :, : self.length], self._values[:, :, : self.length]

    def _room(self, kept: Tensor | None, new: Tensor) -> Tensor:
        if kept is not None and kept.shape[2] >= self.length:
            return kept
        batch, heads, _, size = new.shape
        larger = new.new_empty(batch, heads, 2 * self.length, size)
        if kept is not None:
            before = self.length - new.shape[2]
            larger[:, :, :before] = kept[:, :, :before]
        return larger

    def kept(self) -> tuple[Tensor, Tensor]:
        """Keys and values of what was seen, at least one token, [B, K, t, D]."""
        assert self._keys is not None  # noqa: S101 - something was seen
        assert self._values is not None  # noqa: S101
        return self._keys[:, :, : self.length], self._values[:, :, : self.length]

    def forget(self, length: int) -> None:
        """Keep the first so many tokens only."""
        self.length = min(self.length, length)

    def repeat(self, times: int) -> None:
        """Go on with so many copies of every text."""
        if self._keys is not None and self._values is not None:
            self._keys, self._values = (x.repeat_interleave(times, dim=0) for x in (self._keys, self._values))


class GroupedAttention(nn.Module):
    """Attention of a sequence to itself; the first heads can be used alone.

    Args:
        width: Largest width of the sequence.
        heads: Largest number of query heads.
        kv_heads: Largest number of key-value heads.
        head_size: Channels of every head.
        scale: Standard deviation of the initial weights.
        output_scale: The same of the output projection.
        dropout: Of the attention weights.
        causal: Whether a position sees only itself and what came before.
        bias: Whether queries, keys and values have one, as in Qwen2.
        norm: Epsilon of the norms of every head's queries and keys, as in Qwen3; None: there are none.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int,
        head_size: int,
        scale: float,
        output_scale: float,
        dropout: float,
        *,
        causal: bool = True,
        bias: bool = False,
        norm: float | None = None,
    ) -> None:
        super().__init__()
        self.head_size, self.dropout, self.causal = head_size, dropout, causal
        self.q_proj = ElasticProjection(width, heads * head_size, scale, bias=bias)
        self.k_proj = ElasticProjection(width, kv_heads * head_size, scale, bias=bias)
        self.v_proj = ElasticProjection(width, kv_heads * head_size, scale, bias=bias)
        self.q_norm = None if norm is None else ElasticRMSNorm(head_size, norm)
        self.k_norm = None if norm is None else ElasticRMSNorm(head_size, norm)
        self.o_proj = ElasticProjection(heads * head_size, width, output_scale)

    def forward(
        self,
        x: Tensor,
        heads: int,
        kv_heads: int,
        rotation: Rotation,
        mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Attend.

        Args:
            x: [B, T, d].
            heads: Query heads, a multiple of the key-value heads.
            kv_heads: Key-value heads.
            rotation: Of the positions of `x`.
            mask: bool [B, 1, 1, T], which positions are seen; None: all. Not of causal attention.
            cache: What this layer saw before `x`; grows by `x`. Where it holds something, T must be 1.

        Returns:
            [B, T, d].
        """
        batch, length, width = x.shape
        q = self._split(self.q_proj(x, heads * self.head_size), heads)
        k = self._split(self.k_proj(x, kv_heads * self.head_size), kv_heads)
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, rotation), rotate(k, rotation)
        v = self._split(self.v_proj(x, kv_heads * self.head_size), kv_heads)
        if cache is not None:
            k, v = cache.append(k, v)
        groups = heads // kv_heads
        if length == 1:
            # Query heads of one group are treated as its query positions: its keys are never copied.
            mixed = F.scaled_dot_product_attention(q.view(batch, kv_heads, groups, self.head_size), k, v)
        else:
            dropout = self.dropout if self.training else 0.0
            mixed = F.scaled_dot_product_attention(
                q, k, v, mask, dropout, is_causal=self.causal, enable_gqa=groups > 1
            ).transpose(1, 2)
        return self.o_proj(mixed.reshape(batch, length, heads * self.head_size), width)

    def _split(self, x: Tensor, heads: int) -> Tensor:
        """[B, T, H·D] -> [B, H, T, D]."""
        return x.view(*x.shape[:2], heads, self.head_size).transpose(1, 2)
