"""An encoder as zero-cost proxies see it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.families.encoder.genes import Backbone
from foretell.families.encoder.network import TextClassifier
from foretell.families.stack_probe import StackProbe
from foretell.nn.tokens import PAD, UNK
from foretell.spaces import SearchSpace
from foretell.tasks.classification.batches import LabelledBatch

__all__ = ["ClassifierProbe", "random_batch"]

_TEXTS = 64


class ClassifierProbe(StackProbe[TextClassifier, LabelledBatch]):
    """See `Probe`; a text has one target, and what enters is what enters the first layer, or the norm without one."""

    @property
    def entrance(self) -> nn.Module:
        """The first layer."""
        return self.network.layers[0] if len(self.network.layers) else self.network.norm

    def logits(self) -> Tensor:
        """Of every text, `[texts, 1, classes]`."""
        return self.network.logits(self.features())

    def features(self) -> Tensor:
        """What is pooled of every text, `[texts, 1, width]`."""
        return self.network.features(self.batch.inputs, self.batch.mask)[:, None]

    def loss(self) -> Tensor:
        """Without smoothing."""
        return F.cross_entropy(self.logits()[:, 0], self.batch.targets)

    def lengths(self) -> Tensor:
        """Tokens of the texts: each has but one target."""
        return self.real().sum(dim=1)

    def real(self) -> Tensor:
        """Those with a token."""
        return self.batch.inputs != PAD


def random_batch(space: SearchSpace, vocabulary: int, classes: int) -> LabelledBatch:
    """Texts of random tokens with random labels, the same every time."""
    generator = torch.Generator().manual_seed(0)
    shape = (_TEXTS, Backbone.of(space).context)
    tokens = torch.randint(UNK + 1, vocabulary, shape, generator=generator, dtype=torch.int64)
    return LabelledBatch(tokens, torch.randint(classes, (_TEXTS,), generator=generator))
