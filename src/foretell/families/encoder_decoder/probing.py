"""An encoder-decoder as zero-cost proxies see it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.families.encoder_decoder.genes import Backbone
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.families.probe import Probe, hooked
from foretell.nn import EOS, PAD, FeedForward
from foretell.nn.attention import CrossAttention, SelfAttention
from foretell.nn.elastic import ElasticLayerNorm, ElasticLinear
from foretell.spaces import SearchSpace
from foretell.tasks.translation import Batch

__all__ = ["TranslationProbe", "random_batch"]

_SENTENCES = 16


class TranslationProbe(Probe[Seq2SeqTransformer, Batch]):
    """See `Probe`; what enters is what enters the encoder."""

    norms = (ElasticLayerNorm,)
    linears = (ElasticLinear,)

    @property
    def entrance(self) -> nn.Module:
        """The first encoder layer."""
        return self.network.encoder[0]

    def logits(self) -> Tensor:
        """Of every target position."""
        logits: Tensor = self.network(self.batch.source, self.batch.target_in)
        return logits

    def features(self) -> Tensor:
        """What the decoder makes."""
        return self.network.features(self.batch.source, self.batch.target_in)

    def loss(self) -> Tensor:
        """Without smoothing."""
        return F.cross_entropy(self.logits().flatten(0, 1), self.batch.target_out.flatten(), ignore_index=PAD)

    def lengths(self) -> Tensor:
        """Of the target sentences."""
        return (self.batch.target_out != PAD).sum(dim=1)

    def look_everywhere(self) -> None:
        """Zero the queries of both kinds of attention."""
        for module in self.network.modules():
            if isinstance(module, SelfAttention):
                module.input.weight[: module.qkv_dim].zero_()
                module.input.bias[: module.qkv_dim].zero_()
            elif isinstance(module, CrossAttention):
                module.query.weight.zero_()
                module.query.bias.zero_()

    def codes(self) -> list[Tensor]:
        """Of the encoder and of the decoder."""

        def keeper(side: list[Tensor]) -> Callable[..., None]:
            return lambda module, inputs, _output: side.append(module.expand(*inputs) > 0)

        encoder: list[Tensor] = []
        decoder: list[Tensor] = []
        with (
            torch.no_grad(),
            hooked(self.network.encoder, (FeedForward,), keeper(encoder)),
            hooked(self.network.decoder, (FeedForward,), keeper(decoder)),
        ):
            self.features()
        sides = ((encoder, self.batch.source), (decoder, self.batch.target_in))
        return [torch.cat(side, dim=-1)[tokens != PAD] for side, tokens in sides]


def random_batch(space: SearchSpace, vocabulary: int) -> Batch:
    """Sixteen pairs of random tokens of the space's nominal sentence length, the same every time."""
    generator = torch.Generator().manual_seed(0)
    length = Backbone.of(space).sentence_length
    source, target = (
        torch.randint(4, vocabulary, (_SENTENCES, length), generator=generator, dtype=torch.int64) for _ in range(2)
    )
    end = torch.full((_SENTENCES, 1), EOS)
    target_in, target_out = torch.cat([end, target[:, :-1]], 1), torch.cat([target[:, :-1], end], 1)
    return Batch(source, target_in, target_out, target_out.numel(), torch.arange(_SENTENCES))
