"""BERT (arXiv 1810.04805): post-norm layers with biases over learnt positions, run whole or as leading parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, cast

import torch.nn.functional as F
from torch import Tensor, nn

from foretell.errors import InputError
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.sites import Site

__all__ = ["BertBackbone", "BertLayer", "SentenceEncoder"]


@dataclass(frozen=True)
class BertBackbone:
    """What the layers of an encoder have in common.

    Attributes:
        head_size: Channels of every attention head.
        context: The longest text, in tokens, marks included.
        vocabulary: Rows of the embedding.
        epsilon: Of the norms.
        activation: "gelu" (exact), "gelu_tanh" (its approximation) or "relu".
    """

    head_size: int
    context: int
    vocabulary: int
    epsilon: float = 1e-12
    activation: Literal["gelu", "gelu_tanh", "relu"] = "gelu"


class BertLayer(nn.Module):
    """Self-attention and a feed-forward network; each sum is normed. What a layer lacks leaves `x` as it is.

    Args:
        width: Of input and output.
        shape: Heads and neurons, either may be 0; every head has keys of its own.
        backbone: What does not vary.
    """

    def __init__(self, width: int, shape: LayerShape, backbone: BertBackbone) -> None:
        super().__init__()
        self.backbone = backbone
        if shape.heads:
            channels = shape.heads * backbone.head_size
            self.query, self.key, self.value = (nn.Linear(width, channels) for _ in range(3))
            self.output = nn.Linear(channels, width)
            self.attention_norm = nn.LayerNorm(width, backbone.epsilon)
            self.heads = nn.Identity()  # what they say can be looked at here, and what the neurons below
        if shape.ffn:
            self.expand, self.contract = nn.Linear(width, shape.ffn), nn.Linear(shape.ffn, width)
            self.feed_forward_norm = nn.LayerNorm(width, backbone.epsilon)
            self.neurons = nn.Identity()

    def forward(self, x: Tensor, shape: LayerShape, mask: Tensor | None) -> Tensor:
        """Run the first heads and neurons.

        Args:
            x: [B, T, d].
            shape: How many of each.
            mask: bool [B, 1, 1, T], which tokens are real; None: all.

        Returns:
            [B, T, d].
        """
        if shape.heads:
            x = self.attention_norm(x + self._attended(x, shape.heads, mask))
        if shape.ffn:
            inner = F.linear(x, self.expand.weight[: shape.ffn], self.expand.bias[: shape.ffn])
            inner = self.neurons(self._activated(inner))
            x = self.feed_forward_norm(x + F.linear(inner, self.contract.weight[:, : shape.ffn], self.contract.bias))
        return x

    def _attended(self, x: Tensor, heads: int, mask: Tensor | None) -> Tensor:
        channels = heads * self.backbone.head_size
        q, k, v = (
            F.linear(x, each.weight[:channels], each.bias[:channels]).view(*x.shape[:2], heads, -1).transpose(1, 2)
            for each in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
        return F.linear(self.heads(mixed), self.output.weight[:, :channels], self.output.bias)

    def _activated(self, x: Tensor) -> Tensor:
        if self.backbone.activation == "relu":
            return F.relu(x)
        return F.gelu(x, approximate="tanh" if self.backbone.activation == "gelu_tanh" else "none")


class SentenceEncoder(nn.Module):
    """One vector of each text: the mean over its tokens' last states.

    Texts are always of BERT's first token type, whose vector is therefore part of `positions`.

    Args:
        shape: The largest dimensions, and those used when a call names none; `kv_heads` are the heads.
        backbone: What does not vary.
    """

    def __init__(self, shape: DecoderShape, backbone: BertBackbone) -> None:
        super().__init__()
        self.shape, self.backbone = shape, backbone
        self.words = nn.Embedding(backbone.vocabulary, shape.width)
        self.positions = nn.Embedding(backbone.context, shape.width)
        self.norm = nn.LayerNorm(shape.width, backbone.epsilon)
        self.layers = nn.ModuleList(BertLayer(shape.width, layer, backbone) for layer in shape.layers)

    def like(self, shape: DecoderShape) -> Self:
        """Another of its kind, with fresh weights."""
        return type(self)(shape, self.backbone)

    def sites(self) -> list[Site]:
        """See `foretell.families.sites.Sited`."""
        found = []
        for number, (module, shape) in enumerate(zip(self.layers, self.shape.layers, strict=True)):
            layer = cast("BertLayer", module)
            if shape.heads:
                makes = tuple(each.weight for each in (layer.query, layer.key, layer.value))
                found.append(Site(f"{number}.groups", layer.heads, makes, layer.output.weight, shape.heads))
            if shape.ffn:
                makes = (layer.expand.weight,)
                found.append(Site(f"{number}.neurons", layer.neurons, makes, layer.contract.weight, shape.ffn))
        return found

    def entrance(self) -> nn.Parameter:
        """See `foretell.families.sites.Sited`."""
        return self.norm.weight

    def embedded(self, tokens: Tensor) -> Tensor:
        """What enters the first layer, [B, T, d]; see `hidden`."""
        if tokens.shape[1] > self.backbone.context:
            raise InputError(
                f"a text has {tokens.shape[1]} tokens, the encoder reads {self.backbone.context}; cut it shorter."
            )
        found: Tensor = self.norm(self.words(tokens) + self.positions.weight[: tokens.shape[1]])
        return found

    def hidden(self, tokens: Tensor, mask: Tensor | None = None, shape: DecoderShape | None = None) -> Tensor:
        """The last states.

        Args:
            tokens: int64 [B, T], marks included.
            mask: bool [B, 1, 1, T], which tokens are real; None: all.
            shape: How many of the leading heads and neurons of each layer; None: the network itself.

        Returns:
            [B, T, d].

        Raises:
            InputError: Texts are longer than the context, or the shape does not fit into the network.
        """
        used, x = self.fitting(shape), self.embedded(tokens)
        for layer, part in zip(self.layers, used, strict=True):
            x = layer(x, part, mask)
        return x

    def features(self, tokens: Tensor, mask: Tensor | None = None, shape: DecoderShape | None = None) -> Tensor:
        """The mean of the last states over the real tokens, [B, d]; see `hidden`."""
        return self.pooled(self.hidden(tokens, mask, shape), mask)

    def pooled(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The mean over the real tokens: [B, T, d] -> [B, d]."""
        if mask is None:
            return x.mean(1)
        real = mask[:, 0, 0, :, None].to(x.dtype)
        return (x * real).sum(1) / real.sum(1)

    def fitting(self, shape: DecoderShape | None) -> tuple[LayerShape, ...]:
        """The layers of a part; see `hidden`."""
        whole = self.shape.layers
        if shape is None:
            return whole
        fits = shape.width == self.shape.width and len(shape.layers) == len(whole)
        if not fits or any(
            part.heads > layer.heads or part.ffn > layer.ffn for part, layer in zip(shape.layers, whole, strict=True)
        ):
            raise InputError(f"{shape} does not fit into {self.shape}; ask for a part of the network.")
        return shape.layers
