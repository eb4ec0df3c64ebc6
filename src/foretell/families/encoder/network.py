"""An encoder that classifies texts and is its own supernet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from foretell.families.base import Network
from foretell.families.decoder.genes import DecoderShape
from foretell.families.encoder.genes import Backbone
from foretell.nn.elastic import ElasticProjection, leading
from foretell.nn.loss import smoothed_cross_entropy, summed_loss, weighted_cross_entropy
from foretell.nn.tokens import PAD
from foretell.nn.transformer import SCALE, Shape, Transformer
from foretell.nn.walk import walk
from foretell.tasks.classification.batches import LabelledBatch

__all__ = ["TextClassifier"]


class TextClassifier(Transformer, Network):
    """An encoder that can run as any smaller one by using leading slices; see `foretell.nn.transformer.Transformer`.

    Args:
        shape: The largest dimensions, and those used when a call names none.
        backbone: What does not vary.
        vocabulary: Pieces.
        classes: Classes; None: as many as the backbone says.
        dropout: Probability of dropping what layers add.
        attention_dropout: Of attention weights.
    """

    family = "encoder"
    mixture = None
    causal = False
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
        classes: int | None = None,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, backbone, vocabulary, dropout=dropout, attention_dropout=attention_dropout)
        self.classes = classes or backbone.classes
        self.classifier = ElasticProjection(shape.width, self.classes, SCALE)

    def forward(self, tokens: Tensor, shape: DecoderShape | None = None) -> Tensor:
        """Logits of texts: int64 [B, T], padded on the right -> [B, classes]."""
        return self.logits(self.features(tokens, (tokens != PAD)[:, None, None], shape), shape)

    def features(self, tokens: Tensor, mask: Tensor | None = None, shape: DecoderShape | None = None) -> Tensor:
        """What the classifier reads.

        Args:
            tokens: int64 [B, T].
            mask: bool [B, 1, 1, T], which tokens are real; None: all.
            shape: The architecture to run as; None: the network itself.

        Returns:
            [B, d].
        """
        return self.pooled(self.hidden(tokens, self.resolve(shape), mask), mask)

    def pooled(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """One vector of each text: [B, T, d] -> [B, d]."""
        if self.backbone.pooling == "first":
            return x[:, 0]
        if mask is None:
            return x.mean(1)
        real = mask[:, 0, 0, :, None].to(x.dtype)
        return (x * real).sum(1) / real.sum(1)

    def output(self, shape: Shape) -> Tensor:
        """The classifier as an architecture sees it, [classes, d]."""
        return leading(self.classifier.weight, self.classes, shape.width)

    def logits(self, features: Tensor, shape: DecoderShape | None = None) -> Tensor:
        """The classifier: [..., d] -> [..., classes]."""
        self.resolve(shape)
        logits: Tensor = self.classifier(features, self.classes)
        return logits

    def loss(
        self, batch: LabelledBatch, member: DecoderShape | None = None, *, smoothing: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See `Network.loss`."""
        features = self.features(batch.inputs, batch.mask, member)
        if batch.weights is not None:
            logits = self.logits(features, member)
            total, nll = weighted_cross_entropy(logits, batch.targets, batch.weights, smoothing)
            return total, nll, torch.tensor(batch.tokens, device=total.device)
        total, nll = smoothed_cross_entropy(features, self.output(self.resolve(member)), batch.targets, smoothing)
        return total, nll, torch.tensor(batch.tokens, device=total.device)

    def losses(self, members: Sequence[DecoderShape], batch: LabelledBatch, *, smoothing: float) -> Tensor:
        """See `Network.losses`."""

        def loss(x: Tensor, shape: Shape) -> float:
            features = self.pooled(self.norm(x), batch.mask)
            return summed_loss(features, self.output(shape), batch.targets, smoothing)

        return walk(self, members, batch.inputs, loss, batch.mask)

    def predictions(self, batch: LabelledBatch, member: DecoderShape | None = None) -> tuple[Tensor, Tensor]:
        """See `Network.predictions`."""
        return self.logits(self.features(batch.inputs, batch.mask, member), member), batch.targets

    def config(self) -> dict[str, Any]:
        """See `Network.config`."""
        return {**super().config(), "classes": self.classes}

    def parameter_count(self, *, embeddings: bool) -> int:
        """See `Network.parameter_count`."""
        total = sum(parameter.numel() for parameter in self.parameters())
        return total if embeddings else total - self.embed_tokens.numel()
