"""An encoder that comes trained, under a layer that tells classes apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.errors import InputError
from foretell.families.base import Network
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.encoder.bert.network import BertBackbone, SentenceEncoder
from foretell.nn.loss import weighted_cross_entropy
from foretell.nn.tokens import PAD
from foretell.tasks.classification.batches import LabelledBatch

__all__ = ["BertClassifier", "classifier_of"]


class BertClassifier(SentenceEncoder, Network):
    """See `SentenceEncoder`; classes are told from the mean of the last states.

    Args:
        shape: The largest dimensions, and those used when a call names none.
        backbone: What does not vary.
        classes: How many are told apart.
    """

    family = "bert"
    mixture = None

    def __init__(self, shape: DecoderShape, backbone: BertBackbone, classes: int) -> None:
        super().__init__(shape, backbone)
        self.classes = classes
        self.classifier = nn.Linear(shape.width, classes)

    @property
    def vocabulary(self) -> int:
        """Pieces."""
        return self.backbone.vocabulary

    def like(self, shape: DecoderShape) -> Self:
        """See `SentenceEncoder.like`."""
        return type(self)(shape, self.backbone, self.classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of texts: int64 [B, T], padded on the right -> [B, classes]."""
        return self.logits(self.features(tokens, (tokens != PAD)[:, None, None]))

    def logits(self, features: Tensor) -> Tensor:
        """The layer that tells classes: [..., d] -> [..., classes]."""
        logits: Tensor = self.classifier(features)
        return logits

    def predictions(self, batch: LabelledBatch, member: DecoderShape | None = None) -> tuple[Tensor, Tensor]:
        """See `Network.predictions`."""
        return self.logits(self.features(batch.inputs, batch.mask, member)), batch.targets

    def loss(
        self, batch: LabelledBatch, member: DecoderShape | None = None, *, smoothing: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See `Network.loss`."""
        logits, targets = self.predictions(batch, member)
        total, nll = weighted_cross_entropy(logits, targets, batch.weights, smoothing)
        return total, nll, torch.tensor(batch.tokens, device=total.device)

    @torch.inference_mode()
    def losses(self, members: Sequence[DecoderShape], batch: LabelledBatch, *, smoothing: float) -> Tensor:
        """See `Network.losses`; members share every layer up to which they are the same."""
        used = [self.fitting(member) for member in members]
        found = torch.zeros(len(members), dtype=torch.float64)

        def walk(x: Tensor, depth: int, going: list[int]) -> None:
            if depth == len(self.layers):
                logits = self.logits(self.pooled(x, batch.mask)).float()
                loss = F.cross_entropy(logits, batch.targets, reduction="sum", label_smoothing=smoothing)
                found[going] = float(loss)
                return
            groups: dict[LayerShape, list[int]] = {}
            for number in going:
                groups.setdefault(used[number][depth], []).append(number)
            for part, same in groups.items():
                walk(self.layers[depth](x, part, batch.mask), depth + 1, same)

        if members:
            walk(self.embedded(batch.inputs), 0, list(range(len(members))))
        return found

    def extract(self, member: DecoderShape | None = None) -> Self:
        """See `Network.extract`."""
        from foretell.families.decoder.cutting import leading_parts
        from foretell.families.encoder.bert.cutting import cut

        self.fitting(member)
        return cut(self, leading_parts(member or self.shape))

    def config(self) -> dict[str, Any]:
        """See `Network.config`."""
        return {"shape": asdict(self.shape), "backbone": asdict(self.backbone), "classes": self.classes}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A network with fresh weights from what `config` returned.

        Raises:
            InputError: Keys are missing, unknown or do not fit together.
        """
        try:
            values = dict(config)
            shape, backbone = DecoderShape.from_dict(values.pop("shape")), BertBackbone(**values.pop("backbone"))
            return cls(shape, backbone, **values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"the network's description is damaged ({error!r}); restore the file it was read from."
            ) from error

    def parameter_count(self, *, embeddings: bool) -> int:
        """See `Network.parameter_count`; those of places are embeddings, too."""
        total = sum(parameter.numel() for parameter in self.parameters())
        return total if embeddings else total - self.words.weight.numel() - self.positions.weight.numel()


@torch.no_grad()
def classifier_of(
    encoder: SentenceEncoder, rows: Sequence[int], context: int, classes: int, seed: int
) -> BertClassifier:
    """An encoder with some of its pieces, in another order, under a fresh layer for classes.

    Args:
        encoder: Left as it is.
        rows: Of its embedding, in the new order.
        context: The longest text that will be read.
        classes: How many.
        seed: Of the fresh layer.
    """
    backbone = replace(encoder.backbone, vocabulary=len(rows), context=context)
    with torch.device("meta"):
        made = BertClassifier(encoder.shape, backbone, classes)
    head = torch.randn(classes, encoder.shape.width, generator=torch.Generator().manual_seed(seed)) * 0.02
    made.load_state_dict(
        {
            **{name: tensor.clone() for name, tensor in encoder.state_dict().items() if name.startswith("layers.")},
            "norm.weight": encoder.norm.weight.clone(),
            "norm.bias": encoder.norm.bias.clone(),
            "words.weight": encoder.words.weight[list(rows)],
            "positions.weight": encoder.positions.weight[:context].clone(),
            "classifier.weight": head,
            "classifier.bias": torch.zeros(classes),
        },
        assign=True,
    )
    return made.requires_grad_(True).eval()
