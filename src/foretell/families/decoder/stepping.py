"""Reading one token more at a time with few operations, whose number is what takes time in small networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from foretell.nn.elastic import ElasticRMSNorm
from foretell.nn.gated import GatedFeedForward
from foretell.nn.grouped import GroupedAttention, KeyValueCache
from foretell.nn.transformer import TransformerLayer

if TYPE_CHECKING:
    from foretell.families.decoder.network import DecoderState, LanguageModel

__all__ = ["JoinedStepper", "PlainStepper", "Stepper"]


class Stepper(Protocol):
    """A network with what it has read of some texts, to go on token by token."""

    def __call__(self, tokens: Tensor) -> Tensor:
        """What the output layer reads after one token more of each text: int64 [B] -> [B, d]."""
        ...

    def back(self, position: int) -> None:
        """Forget what was read after so many tokens."""
        ...


class PlainStepper:
    """By the network's own layers: no weight is copied.

    Args:
        network: In evaluation mode.
        state: What was read; goes on.
    """

    def __init__(self, network: LanguageModel, state: DecoderState) -> None:
        self.network, self.state = network, state

    def __call__(self, tokens: Tensor) -> Tensor:
        """See `Stepper`."""
        return self.network.features(tokens[:, None], state=self.state)[:, -1]

    def back(self, position: int) -> None:
        """See `Stepper`."""
        self.state.position = position
        for cache in self.state.caches:
            cache.forget(position)


class JoinedStepper:
    """With few operations, on matrices that are copied so that those that read the same lie side by side.

    Channels of queries and keys that turn together lie beside each other there, so turning them is one product of
    complex numbers; it changes no product of both.

    Args:
        network: In evaluation mode; its weights are taken as they are now.
        state: What was read; it is left alone.
        tokens: Most that will follow.
    """

    def __init__(self, network: LanguageModel, state: DecoderState, tokens: int) -> None:
        end = state.position + tokens
        cosines, sines = network.positions(0, end)
        half = cosines.shape[1] // 2
        self.position = state.position
        self._rotations = torch.complex(cosines[:, half:].float(), sines[:, half:].float())
        self._embedding, self._norm = network.embed_tokens, network.norm
        self._parts: list[_Attention | _FeedForward] = []
        for module, cache in zip(network.layers, state.caches, strict=True):
            layer = cast("TransformerLayer", module)
            if layer.self_attn is not None and layer.input_layernorm is not None:
                self._parts.append(_Attention(layer.input_layernorm, layer.self_attn, cache, end))
            if layer.mlp is not None and layer.post_attention_layernorm is not None:
                self._parts.append(_FeedForward(layer.post_attention_layernorm, layer.mlp))

    def __call__(self, tokens: Tensor) -> Tensor:
        """See `Stepper`."""
        x, rotation = F.embedding(tokens, self._embedding), self._rotations[self.position]
        for part in self._parts:
            x = part(x, rotation, self.position)
        self.position += 1
        normed: Tensor = self._norm(x)
        return normed

    def back(self, position: int) -> None:
        """See `Stepper`."""
        self.position = position


class _Attention:
    def __init__(self, norm: ElasticRMSNorm, own: GroupedAttention, cache: KeyValueCache, end: int) -> None:
        self.norm, self.out, self.size = norm, own.o_proj.weight.t(), own.head_size
        self.norms = (own.q_norm, own.k_norm)
        beside = torch.arange(self.size).view(2, -1).t().flatten()
        self.beside = beside.to(own.q_proj.weight.device)
        projections = (own.q_proj, own.k_proj, own.v_proj)
        self.heads, self.kv_heads = (each.weight.shape[0] // self.size for each in projections[:2])
        self.weight = torch.cat([self._turned(own.q_proj.weight), self._turned(own.k_proj.weight), own.v_proj.weight])
        biases = [each.bias for each in projections if each.bias is not None]
        self.bias = torch.cat([*map(self._turned, biases[:2]), biases[2]]) if biases else None
        keys, values = cache.kept()
        self.keys, self.values = (kept.new_empty(*kept.shape[:2], end, self.size) for kept in (keys, values))
        self.keys[:, :, : cache.length] = keys[..., self.beside]
        self.values[:, :, : cache.length] = values

    def _turned(self, rows: Tensor) -> Tensor:
        """Rows of heads' channels [H·D, ...] with those that turn together side by side."""
        return rows.view(-1, self.size, *rows.shape[1:])[:, self.beside].flatten(0, 1)

    def __call__(self, x: Tensor, rotation: Tensor, position: int) -> Tensor:
        made = F.linear(self.norm(x), self.weight, self.bias).view(len(x), -1, self.size)
        turning = made[:, : self.heads + self.kv_heads]
        if self.norms[0] is not None:
            turning = self._normed(turning)
        pairs = torch.view_as_complex(turning.float().reshape(*turning.shape[:2], -1, 2))
        turned = torch.view_as_real(pairs * rotation).flatten(-2).to(x.dtype)
        self.keys[:, :, position] = turned[:, self.heads :]
        self.values[:, :, position] = made[:, self.heads + self.kv_heads :]
        queries = turned[:, : self.heads].view(len(x), self.kv_heads, -1, self.size)
        seen = position + 1
        mixed = F.scaled_dot_product_attention(queries, self.keys[:, :, :seen], self.values[:, :, :seen])
        return torch.addmm(x, mixed.view(len(x), -1), self.out)

    def _normed(self, turning: Tensor) -> Tensor:
        """Every head of queries and keys by its norm, whose channels lie as theirs do."""
        parts = (turning[:, : self.heads], turning[:, self.heads :])
        found = []
        for part, norm in zip(parts, self.norms, strict=True):
            assert norm is not None  # noqa: S101 - both are there or neither
            found.append(F.rms_norm(part, (self.size,), norm.weight[self.beside], norm.epsilon))
        return torch.cat(found, dim=1)


class _FeedForward:
    def __init__(self, norm: ElasticRMSNorm, own: GatedFeedForward) -> None:
        self.norm, self.gated = norm, own.gate_proj is not None
        gate = [] if own.gate_proj is None else [own.gate_proj.weight]
        self.weight = torch.cat([*gate, own.up_proj.weight])
        self.down = own.down_proj.weight.t()

    def __call__(self, x: Tensor, rotation: Tensor, position: int) -> Tensor:
        made = F.linear(self.norm(x), self.weight)
        if self.gated:
            gate, up = made.chunk(2, dim=-1)
            inner = F.silu(gate).mul_(up)
        else:
            inner = F.gelu(made)
        return torch.addmm(x, inner, self.down)
