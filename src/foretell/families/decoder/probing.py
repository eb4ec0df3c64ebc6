"""A decoder as zero-cost proxies see it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.families.decoder.genes import Backbone
from foretell.families.decoder.network import LanguageModel
from foretell.families.stack_probe import StackProbe
from foretell.nn import PAD
from foretell.spaces import SearchSpace
from foretell.tasks.language_model.batches import TextBatch

__all__ = ["TextProbe", "random_batch"]

_TEXTS = 16
_LONGEST = 64


class TextProbe(StackProbe[LanguageModel, TextBatch]):
    """See `Probe`; what enters is what enters the first layer, or the last norm where there is none."""

    @property
    def entrance(self) -> nn.Module:
        """The first layer."""
        return self.network.layers[0] if len(self.network.layers) else self.network.norm

    def logits(self) -> Tensor:
        """Of every position."""
        logits: Tensor = self.network(self.batch.inputs)
        return logits

    def features(self) -> Tensor:
        """What the last norm makes."""
        return self.network.features(self.batch.inputs)

    def loss(self) -> Tensor:
        """Without smoothing."""
        return F.cross_entropy(self.logits().flatten(0, 1), self.batch.targets.flatten(), ignore_index=PAD)

    def lengths(self) -> Tensor:
        """Of the blocks; those of a packed text are all the same."""
        return self.real().sum(dim=1)

    def real(self) -> Tensor:
        """Those with a target."""
        return self.batch.targets != PAD


def random_batch(space: SearchSpace, vocabulary: int) -> TextBatch:
    """Sixteen blocks of random tokens, the same every time."""
    generator = torch.Generator().manual_seed(0)
    length = min(Backbone.of(space).context, _LONGEST)
    tokens = torch.randint(4, vocabulary, (_TEXTS, length + 1), generator=generator, dtype=torch.int64)
    return TextBatch(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), _TEXTS * length)
