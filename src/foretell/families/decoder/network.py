"""A decoder-only Transformer that is its own supernet; weights are named and laid out as in Hugging Face's Llama."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.families.base import Network
from foretell.families.decoder.genes import Backbone, DecoderShape
from foretell.families.sites import Reading, Site
from foretell.nn.elastic import ElasticProjection, leading
from foretell.nn.grouped import KeyValueCache
from foretell.nn.loss import smoothed_cross_entropy, summed_loss, token_loss
from foretell.nn.tokens import PAD
from foretell.nn.transformer import SCALE, Shape, Transformer, TransformerLayer
from foretell.nn.walk import walk
from foretell.tasks.language_model.batches import TextBatch

if TYPE_CHECKING:
    from foretell.families.decoder.stepping import Stepper

__all__ = ["DecoderState", "LanguageModel"]

_COPIED = 1 << 24
"""Most weights that are copied to read with fewer operations."""


@dataclass(eq=False)
class DecoderState:
    """What token-by-token reading remembers; made by `LanguageModel.start`.

    Attributes:
        caches: Each layer's keys and values; those of layers without attention stay empty.
        position: Tokens seen so far.
    """

    caches: list[KeyValueCache]
    position: int = 0


class LanguageModel(Transformer, Network):
    """A decoder that can run as any smaller one by using leading slices; see `foretell.nn.transformer.Transformer`.

    Args:
        shape: The largest dimensions, and those used when a call names none.
        backbone: What does not vary.
        vocabulary: Pieces.
        dropout: Probability of dropping what layers add.
        attention_dropout: Of attention weights.
    """

    family = "decoder"
    mixture = None
    causal = True
    backbones = Backbone
    shapes = DecoderShape
    shape: DecoderShape
    backbone: Backbone

    def __init__(
        self,
        shape: DecoderShape,
        backbone: Backbone,
        vocabulary: int,
        *,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, backbone, vocabulary, dropout=dropout, attention_dropout=attention_dropout)
        self.lm_head = None if backbone.tied else ElasticProjection(shape.width, vocabulary, SCALE)

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
        if state is None:
            return self.hidden(tokens, self.resolve(shape))
        found = self.hidden(tokens, self.resolve(shape), None, state.position, state.caches)
        state.position += tokens.shape[1]
        return found

    def output(self, shape: Shape) -> Tensor:
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

    def stepper(self, state: DecoderState, tokens: int) -> Stepper:
        """To go on from what was read, at most so many tokens.

        Small networks do it with few operations on copies of their weights; in large ones the sums take the time.
        """
        from foretell.families.decoder.stepping import JoinedStepper, PlainStepper

        if self.parameter_count(embeddings=False) > _COPIED:
            return PlainStepper(self, state)
        return JoinedStepper(self, state, tokens)

    def loss(
        self, batch: TextBatch, member: DecoderShape | None = None, *, smoothing: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See `Network.loss`."""
        features, output = self.features(batch.inputs, member), self.output(self.resolve(member))
        if not batch.whole:
            return token_loss(features, output, batch.targets, smoothing)
        total, nll = smoothed_cross_entropy(features.flatten(0, 1), output, batch.targets.flatten(), smoothing)
        return total, nll, torch.tensor(batch.tokens, device=total.device)

    def losses(self, members: Sequence[DecoderShape], batch: TextBatch, *, smoothing: float) -> Tensor:
        """See `Network.losses`."""
        targets = batch.targets.flatten()
        real = _real(batch)
        targets = targets.index_select(0, real)

        def loss(x: Tensor, shape: Shape) -> float:
            features = self.norm(x.flatten(0, 1).index_select(0, real))
            return summed_loss(features, self.output(shape), targets, smoothing)

        return walk(self, members, batch.inputs, loss)

    def predictions(self, batch: TextBatch, member: DecoderShape | None = None) -> tuple[Tensor, Tensor]:
        """See `Network.predictions`."""
        targets = batch.targets.flatten()
        real = _real(batch)
        features = self.features(batch.inputs, member).flatten(0, 1).index_select(0, real)
        return self.logits(features, member), targets.index_select(0, real)

    def write(self, prompt: list[int], tokens: int, **options: Any) -> list[list[int]]:
        """See `foretell.families.decoder.generating.generate`."""
        from foretell.families.decoder.generating import generate

        return generate(self, prompt, tokens, **options)

    def sites(self) -> list[Site]:
        """See `foretell.families.sites.Sited`."""
        found = []
        for number, (module, shape) in enumerate(zip(self.layers, self.shape.layers, strict=True)):
            layer = cast("TransformerLayer", module)
            if layer.self_attn is not None:
                own = layer.self_attn
                makes = tuple(each.weight for each in (own.q_proj, own.k_proj, own.v_proj))
                found.append(Site(f"{number}.groups", own.o_proj, makes, own.o_proj.weight, shape.kv_heads))
            if layer.mlp is not None:
                gates = () if layer.mlp.gate_proj is None else (layer.mlp.gate_proj.weight,)
                makes = (layer.mlp.up_proj.weight, *gates)
                last = layer.mlp.down_proj
                found.append(Site(f"{number}.neurons", last, makes, last.weight, shape.ffn))
        return found

    def readings(self) -> list[Reading]:
        """Every norm, with the matrices that read what it makes."""
        layers = (cast("TransformerLayer", module) for module in self.layers)
        norms = [
            norm
            for each in layers
            for norm in (each.input_layernorm, each.post_attention_layernorm)
            if norm is not None
        ]
        read = [Reading(norm, site.before) for norm, site in zip(norms, self.sites(), strict=True)]
        return [*read, Reading(self.norm, (self.output(self.shape),))]

    def entrance(self) -> nn.Parameter:
        """See `foretell.families.sites.Sited`."""
        first = cast("TransformerLayer", self.layers[0])
        norm = first.input_layernorm or first.post_attention_layernorm
        assert norm is not None  # noqa: S101 - a checkpoint's layers do something
        return norm.weight

    def parameter_count(self, *, embeddings: bool) -> int:
        """See `Network.parameter_count`; an output layer of its own counts as an embedding."""
        total = sum(parameter.numel() for parameter in self.parameters())
        tokens = self.embed_tokens.numel() * (1 if self.lm_head is None else 2)
        return total if embeddings else total - tokens


def _real(batch: TextBatch) -> Tensor:
    """Places of the targets that are no padding, int64 [targets]."""
    targets = batch.targets.flatten()
    if batch.whole:
        return torch.arange(len(targets), device=targets.device)
    return (targets != PAD).nonzero().squeeze(1)
