"""A decoder-only Transformer that is its own supernet; weights are named and laid out as in Hugging Face's Llama."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.errors import InputError
from foretell.families.base import Network
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.nn.dropout import Dropout
from foretell.nn.elastic import ElasticProjection, ElasticRMSNorm, leading
from foretell.nn.gated import GatedFeedForward
from foretell.nn.grouped import GroupedAttention, KeyValueCache
from foretell.nn.loss import token_loss
from foretell.nn.rotary import RotaryPositions, Rotation
from foretell.nn.tokens import PAD
from foretell.tasks.language_model.batches import TextBatch

__all__ = ["DecoderLayer", "DecoderState", "LanguageModel"]

_SCALE = 0.02
"""Standard deviation of initial weights, as in GPT-2 and Llama."""


class DecoderLayer(nn.Module):
    """Attention and a feed-forward network, each behind a norm and with a residual connection; either may be absent.

    Args:
        width: Largest width.
        shape: Largest dimensions.
        backbone: What does not vary.
        output_scale: Standard deviation of the initial weights of what is added to the residual stream.
        attention_dropout: Of the attention weights.
    """

    def __init__(
        self, width: int, shape: LayerShape, backbone: Backbone, output_scale: float, attention_dropout: float
    ) -> None:
        super().__init__()
        self.input_layernorm = self.self_attn = self.post_attention_layernorm = self.mlp = None
        if shape.heads:
            sizes = (width, shape.heads, shape.kv_heads, backbone.head_size)
            self.input_layernorm = ElasticRMSNorm(width, backbone.epsilon)
            self.self_attn = GroupedAttention(*sizes, _SCALE, output_scale, attention_dropout)
        if shape.ffn:
            gated = backbone.feed_forward == "swiglu"
            self.post_attention_layernorm = ElasticRMSNorm(width, backbone.epsilon)
            self.mlp = GatedFeedForward(width, shape.ffn, gated=gated, scale=_SCALE, output_scale=output_scale)

    def attend(self, x: Tensor, shape: LayerShape, rotation: Rotation, cache: KeyValueCache | None = None) -> Tensor:
        """What attention adds to `x` [B, T, d]."""
        assert self.input_layernorm is not None  # noqa: S101 - the shape fits
        assert self.self_attn is not None  # noqa: S101
        added: Tensor = self.self_attn(self.input_layernorm(x), shape.heads, shape.kv_heads, rotation, cache)
        return added

    def feed(self, x: Tensor, neurons: int) -> Tensor:
        """What the feed-forward network adds to `x` [B, T, d]."""
        assert self.post_attention_layernorm is not None  # noqa: S101 - the shape fits
        assert self.mlp is not None  # noqa: S101
        added: Tensor = self.mlp(self.post_attention_layernorm(x), neurons)
        return added

    def forward(
        self, x: Tensor, shape: LayerShape, rotation: Rotation, drop: Dropout, cache: KeyValueCache | None = None
    ) -> Tensor:
        """Run the layer on `x` [B, T, d]; `drop` is used for each part that is there."""
        if shape.heads:
            x = drop.add(self.attend(x, shape, rotation, cache), x)
        return drop.add(self.feed(x, shape.ffn), x) if shape.ffn else x


@dataclass(eq=False)
class DecoderState:
    """What token-by-token reading remembers; made by `LanguageModel.start`.

    Attributes:
        caches: Each layer's keys and values; those of layers without attention stay empty.
        position: Tokens seen so far.
    """

    caches: list[KeyValueCache]
    position: int = 0


class LanguageModel(Network):
    """A decoder that can run as any smaller one by using leading slices: of layers, heads, neurons and channels.

    All methods that take a shape raise `InputError` when it does not fit into the network.

    Args:
        shape: The largest dimensions, and those used when a call names none.
        backbone: What does not vary.
        vocabulary: Pieces.
        dropout: Probability of dropping what layers add.
        attention_dropout: Of attention weights.
    """

    family = "decoder"
    mixture = None

    def __init__(
        self,
        shape: DecoderShape,
        backbone: Backbone,
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
        added = _SCALE / math.sqrt(2 * max(len(shape.layers), 1))
        self.embed_tokens = nn.Parameter(torch.empty(vocabulary, shape.width).normal_(0.0, _SCALE))
        self.layers = nn.ModuleList(
            DecoderLayer(shape.width, layer, backbone, added, attention_dropout) for layer in shape.layers
        )
        self.norm = ElasticRMSNorm(shape.width, backbone.epsilon)
        self.lm_head = None if backbone.tied else ElasticProjection(shape.width, vocabulary, _SCALE)
        self.positions = RotaryPositions(backbone.head_size, backbone.theta)

    def forward(self, tokens: Tensor, shape: DecoderShape | None = None) -> Tensor:
        """Logits of every next token: int64 [B, T] -> [B, T, V]."""
        return self.logits(self.features(tokens, shape), shape)

    def features(self, tokens: Tensor, shape: DecoderShape | None = None, state: DecoderState | None = None) -> Tensor:
        """What the output layer reads.

        Args:
            tokens: int64 [B, T].
            shape: The architecture to run as; None: the network itself.
            state: What was read before (`start`); grows by `tokens`. Where it holds something, T must be 1.

        Returns:
            [B, T, d].
        """
        shape = self.resolve(shape)
        x = F.embedding(tokens, self.rows(shape))
        rotation = self.positions(0 if state is None else state.position, tokens.shape[1])
        drop = Dropout(self.dropout if self.training else 0.0, 2 * len(shape.layers), x)
        for number, (layer, dimensions) in enumerate(zip(self.layers, shape.layers, strict=False)):
            x = layer(x, dimensions, rotation, drop, None if state is None else state.caches[number])
        if state is not None:
            state.position += tokens.shape[1]
        normed: Tensor = self.norm(x)
        return normed

    def rows(self, shape: DecoderShape) -> Tensor:
        """The embedding as an architecture sees it, [V, d]."""
        return leading(self.embed_tokens, self.vocabulary, shape.width)

    def output(self, shape: DecoderShape) -> Tensor:
        """The output layer as an architecture sees it, [V, d]."""
        if self.lm_head is None:
            return self.rows(shape)
        return leading(self.lm_head.weight, self.vocabulary, shape.width)

    def logits(self, features: Tensor, shape: DecoderShape | None = None) -> Tensor:
        """The output layer: [..., d] -> [..., V]."""
        return F.linear(features, self.output(self.resolve(shape)))

    def start(self, shape: DecoderShape | None = None) -> DecoderState:
        """Prepare reading token by token."""
        return DecoderState([KeyValueCache() for _ in self.resolve(shape).layers])

    def loss(
        self, batch: TextBatch, member: DecoderShape | None = None, *, smoothing: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See `Network.loss`."""
        features = self.features(batch.inputs, member)
        return token_loss(features, self.output(self.resolve(member)), batch.targets, smoothing)

    def losses(self, members: Sequence[DecoderShape], batch: TextBatch, *, smoothing: float) -> Tensor:
        """See `Network.losses`."""
        from foretell.families.decoder.population import population_losses

        return population_losses(self, members, batch, smoothing)

    def predictions(self, batch: TextBatch, member: DecoderShape | None = None) -> tuple[Tensor, Tensor]:
        """See `Network.predictions`."""
        targets = batch.targets.flatten()
        real = (targets != PAD).nonzero().squeeze(1)
        features = self.features(batch.inputs, member).flatten(0, 1).index_select(0, real)
        return self.logits(features, member), targets.index_select(0, real)

    def write(self, prompt: list[int], tokens: int, **options: Any) -> list[list[int]]:
        """See `foretell.families.decoder.generating.generate`."""
        from foretell.families.decoder.generating import generate

        return generate(self, prompt, tokens, **options)

    def resolve(self, shape: DecoderShape | None) -> DecoderShape:
        """The shape itself, checked; None is the network's.

        Raises:
            InputError: It is no leading part of the network.
        """
        if shape is None or shape == self.shape:
            return self.shape
        most = self.shape.layers
        fits = shape.width <= self.shape.width and len(shape.layers) <= len(most)
        for mine, largest in zip(shape.layers, most, strict=False):
            pairs = zip(asdict(mine).values(), asdict(largest).values(), strict=True)
            fits = fits and all(a <= b for a, b in pairs)
        if not fits:
            raise InputError(f"{shape} does not fit into the network's {self.shape}; use a network of its space.")
        return shape

    def extract(self, member: DecoderShape | None = None) -> Self:
        """See `Network.extract`."""
        some, config = self.embed_tokens, {**self.config(), "shape": asdict(self.resolve(member))}
        with torch.random.fork_rng(devices=[]), torch.device(some.device):
            network = self.from_config(config)
        network.to(dtype=some.dtype).train(self.training)
        theirs = dict(self.named_parameters())
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.copy_(theirs[name][tuple(slice(size) for size in parameter.shape)])
        return network

    def config(self) -> dict[str, Any]:
        """See `Network.config`."""
        return {
            "shape": asdict(self.shape),
            "backbone": asdict(self.backbone),
            "vocabulary": self.vocabulary,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A network with fresh weights from what `config` returned.

        Raises:
            InputError: Keys are missing, unknown or do not fit together.
        """
        try:
            values = dict(config)
            shape = values.pop("shape")
            layers = tuple(LayerShape(**{k: int(v) for k, v in each.items()}) for each in shape["layers"])
            dimensions = DecoderShape(int(shape["width"]), layers)
            return cls(dimensions, Backbone(**values.pop("backbone")), int(values.pop("vocabulary")), **values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"the network's description is damaged ({error!r}); restore the file it was read from."
            ) from error

    def parameter_count(self, *, embeddings: bool) -> int:
        """See `Network.parameter_count`; an output layer of its own counts as an embedding."""
        total = sum(parameter.numel() for parameter in self.parameters())
        tokens = self.embed_tokens.numel() * (1 if self.lm_head is None else 2)
        return total if embeddings else total - tokens
