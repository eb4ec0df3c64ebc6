"""A stack of Transformer layers that runs as any smaller one; decoders and encoders are made of it.

Weights are named and laid out as in Hugging Face's Llama.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from foretell.errors import InputError
from foretell.nn.dropout import Dropout
from foretell.nn.elastic import ElasticRMSNorm, leading
from foretell.nn.gated import GatedFeedForward
from foretell.nn.grouped import GroupedAttention, KeyValueCache
from foretell.nn.rotary import RotaryPositions, Rotation

__all__ = ["SCALE", "LayerShape", "Shape", "Shared", "Transformer", "TransformerLayer"]

SCALE = 0.02
"""Standard deviation of initial weights, as in GPT-2 and Llama."""


class LayerShape(Protocol):
    """The dimensions of one layer."""

    @property
    def heads(self) -> int:
        """Query heads, 0 for a layer without attention."""
        ...

    @property
    def kv_heads(self) -> int:
        """Key-value heads; they divide the heads."""
        ...

    @property
    def ffn(self) -> int:
        """Inner feed-forward width, 0 for none."""
        ...


class Shape(Protocol):
    """The dimensions of a stack, as a family has them: a frozen dataclass of two fields, whose layers are such, too."""

    @property
    def width(self) -> int:
        """Of embeddings and layers."""
        ...

    @property
    def layers(self) -> tuple[LayerShape, ...]:
        """From the first to the last."""
        ...


class Shared(Protocol):
    """What all layers of a stack have in common, as a family's backbone tells it."""

    @property
    def head_size(self) -> int:
        """Channels of every attention head."""
        ...

    @property
    def feed_forward(self) -> str:
        """The word "swiglu" or "gelu"."""
        ...

    @property
    def theta(self) -> float:
        """Base of the rotary frequencies."""
        ...

    @property
    def epsilon(self) -> float:
        """Of the norms."""
        ...

    @property
    def attention_bias(self) -> bool:
        """Whether queries, keys and values have biases."""
        ...

    @property
    def head_norms(self) -> bool:
        """Whether every head's queries and keys are normed."""
        ...


class TransformerLayer(nn.Module):
    """Attention and a feed-forward network, each behind a norm and with a residual connection; either may be absent.

    Args:
        width: Largest width.
        shape: Largest dimensions.
        shared: What does not vary.
        output_scale: Standard deviation of the initial weights of what is added to the residual stream.
        attention_dropout: Of the attention weights.
        causal: Whether a position sees only itself and what came before.
    """

    def __init__(
        self,
        width: int,
        shape: LayerShape,
        shared: Shared,
        output_scale: float,
        attention_dropout: float,
        *,
        causal: bool,
    ) -> None:
        super().__init__()
        self.input_layernorm = self.self_attn = self.post_attention_layernorm = self.mlp = None
        if shape.heads:
            sizes = (width, shape.heads, shape.kv_heads, shared.head_size)
            self.input_layernorm = ElasticRMSNorm(width, shared.epsilon)
            self.self_attn = GroupedAttention(
                *sizes,
                SCALE,
                output_scale,
                attention_dropout,
                causal=causal,
                bias=shared.attention_bias,
                norm=shared.epsilon if shared.head_norms else None,
            )
        if shape.ffn:
            gated = shared.feed_forward == "swiglu"
            self.post_attention_layernorm = ElasticRMSNorm(width, shared.epsilon)
            self.mlp = GatedFeedForward(width, shape.ffn, gated=gated, scale=SCALE, output_scale=output_scale)

    def attend(
        self,
        x: Tensor,
        shape: LayerShape,
        rotation: Rotation,
        mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """What attention adds to `x` [B, T, d]; see `GroupedAttention.forward`."""
        assert self.input_layernorm is not None  # noqa: S101 - the shape fits
        assert self.self_attn is not None  # noqa: S101
        normed = self.input_layernorm(x)
        added: Tensor = self.self_attn(normed, shape.heads, shape.kv_heads, rotation, mask, cache)
        return added

    def feed(self, x: Tensor, neurons: int) -> Tensor:
        """What the feed-forward network adds to `x` [B, T, d]."""
        assert self.post_attention_layernorm is not None  # noqa: S101 - the shape fits
        assert self.mlp is not None  # noqa: S101
        added: Tensor = self.mlp(self.post_attention_layernorm(x), neurons)
        return added

    def forward(
        self,
        x: Tensor,
        shape: LayerShape,
        rotation: Rotation,
        drop: Dropout,
        mask: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Run the layer on `x` [B, T, d]; `drop` is used for each part that is there."""
        if shape.heads:
            x = drop.add(self.attend(x, shape, rotation, mask, cache), x)
        return drop.add(self.feed(x, shape.ffn), x) if shape.ffn else x


class Transformer(nn.Module):
    """Embeddings, layers and a last norm, of which any leading part can be run: layers, heads, neurons and channels.

    All methods that take a shape raise `InputError` when it does not fit into the network.

    Args:
        shape: The largest dimensions, and those used when a call names none.
        backbone: What does not vary: a dataclass of the family's.
        vocabulary: Pieces.
        dropout: Probability of dropping what layers add.
        attention_dropout: Of attention weights.

    Attributes:
        recompute: Whether training without dropout computes each layer again on the way back, instead of keeping what
            was in it (gradient checkpointing, arXiv 1604.06174): a third more time for a fraction of the memory.
    """

    causal: ClassVar[bool]
    backbones: ClassVar[type[Any]]
    """The family's kind of backbone."""
    shapes: ClassVar[type[Any]]
    """The family's kind of shape, with `from_dict`."""

    def __init__(
        self,
        shape: Shape,
        backbone: Any,
        vocabulary: int,
        *,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for layer in shape.layers:
            if layer.heads and (layer.kv_heads < 1 or layer.heads % layer.kv_heads):
                raise InputError(f"{layer.heads} heads cannot share {layer.kv_heads} key-value heads; one must divide.")
        self.shape, self.backbone, self.vocabulary = shape, backbone, vocabulary
        self.dropout, self.attention_dropout = dropout, attention_dropout
        # Twice as many parts add to the residual stream as there are layers (GPT-2's initialisation).
        added = SCALE / math.sqrt(2 * max(len(shape.layers), 1))
        self.embed_tokens = nn.Parameter(torch.empty(vocabulary, shape.width).normal_(0.0, SCALE))
        self.layers = nn.ModuleList(
            TransformerLayer(shape.width, layer, backbone, added, attention_dropout, causal=self.causal)
            for layer in shape.layers
        )
        self.norm = ElasticRMSNorm(shape.width, backbone.epsilon)
        self.positions = RotaryPositions(backbone.head_size, backbone.theta)
        self.recompute = False

    def hidden(
        self,
        tokens: Tensor,
        shape: Shape,
        mask: Tensor | None = None,
        start: int = 0,
        caches: Sequence[KeyValueCache | None] | None = None,
    ) -> Tensor:
        """What the layers make of tokens, normed.

        Args:
            tokens: int64 [B, T].
            shape: The dimensions to run with, resolved.
            mask: bool [B, 1, 1, T], which positions are real; None: all.
            start: Position of the first token.
            caches: Of each layer.

        Returns:
            [B, T, d].
        """
        x = F.embedding(tokens, self.rows(shape))
        rotation = self.positions(start, tokens.shape[1])
        drop = Dropout(self.dropout if self.training else 0.0, 2 * len(shape.layers), x)
        recompute = self.recompute and self.training and not self.dropout
        for number, (layer, dimensions) in enumerate(zip(self.layers, shape.layers, strict=False)):
            told = (dimensions, rotation, drop, mask, None if caches is None else caches[number])
            x = checkpoint(layer, x, *told, use_reentrant=False) if recompute else layer(x, *told)
        normed: Tensor = self.norm(x)
        return normed

    def rows(self, shape: Shape) -> Tensor:
        """The embedding as an architecture sees it, [V, d]."""
        return leading(self.embed_tokens, self.vocabulary, shape.width)

    def resolve(self, shape: Shape | None) -> Shape:
        """The shape itself, checked; None is the network's.

        Raises:
            InputError: It is no leading part of the network.
        """
        if shape is None or shape == self.shape:
            return self.shape
        most = self.shape.layers
        fits = shape.width <= self.shape.width and len(shape.layers) <= len(most)
        for mine, largest in zip(shape.layers, most, strict=False):
            pairs = ((mine.heads, largest.heads), (mine.kv_heads, largest.kv_heads), (mine.ffn, largest.ffn))
            fits = fits and all(a <= b for a, b in pairs)
        if not fits:
            raise InputError(f"{shape} does not fit into the network's {self.shape}; use a network of its space.")
        return shape

    def extract(self, member: Shape | None = None) -> Self:
        """See `foretell.families.base.Network.extract`."""
        some, config = self.embed_tokens, {**self.config(), "shape": _written(self.resolve(member))}
        with torch.random.fork_rng(devices=[]), torch.device(some.device):
            network = self.from_config(config)
        network.to(dtype=some.dtype).train(self.training)
        theirs = dict(self.named_parameters())
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(theirs[name][tuple(slice(size) for size in parameter.shape)])
        return network

    def config(self) -> dict[str, Any]:
        """See `foretell.families.base.Network.config`."""
        return {
            "shape": _written(self.shape),
            "backbone": asdict(self.backbone),
            "vocabulary": self.vocabulary,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A network with fresh weights from what `config` returned.

        Raises:
            InputError: Keys are missing, unknown or do not fit together.
        """
        try:
            values = dict(config)
            shape = cls.shapes.from_dict(values.pop("shape"))
            return cls(shape, cls.backbones(**values.pop("backbone")), int(values.pop("vocabulary")), **values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"the network's description is damaged ({error!r}); restore the file it was read from."
            ) from error


def _written(shape: Any) -> dict[str, Any]:
    return asdict(shape)
