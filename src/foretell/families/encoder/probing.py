"""An encoder as zero-cost proxies see it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.families.encoder.genes import Backbone
from foretell.families.encoder.network import TextClassifier
from foretell.families.probe import Probe, hooked
from foretell.nn.elastic import ElasticProjection, ElasticRMSNorm
from foretell.nn.gated import GatedFeedForward
from foretell.nn.grouped import GroupedAttention
from foretell.nn.tokens import PAD, UNK
from foretell.spaces import SearchSpace
from foretell.tasks.classification.batches import LabelledBatch

__all__ = ["ClassifierProbe", "random_batch"]

_TEXTS = 64


class ClassifierProbe(Probe[TextClassifier, LabelledBatch]):
    """See `Probe`; a text has one target, and what enters is what enters the first layer, or the norm without one."""

    norms = (ElasticRMSNorm,)
    linears = (ElasticProjection,)

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
        return (self.batch.inputs != PAD).sum(dim=1)

    def look_everywhere(self) -> None:
        """Zero the queries."""
        for module in self.network.modules():
            if isinstance(module, GroupedAttention):
                module.q_proj.weight.zero_()

    def codes(self) -> list[Tensor]:
        """A unit of a gated network is on where its gate is open, one of another where it says something positive."""
        found: list[Tensor] = []

        def keep(module: GatedFeedForward, inputs: tuple[Tensor, int], _output: Tensor) -> None:
            decides = module.up_proj if module.gate_proj is None else module.gate_proj
            found.append(decides(*inputs) > 0)

        with torch.no_grad(), hooked(self.network, (GatedFeedForward,), keep):
            self.features()
        real = self.batch.inputs != PAD
        units = torch.cat(found, dim=-1) if found else torch.ones_like(real[..., None])
        return [units[real]]


def random_batch(space: SearchSpace, vocabulary: int, classes: int) -> LabelledBatch:
    """Texts of random tokens with random labels, the same every time."""
    generator = torch.Generator().manual_seed(0)
    shape = (_TEXTS, Backbone.of(space).context)
    tokens = torch.randint(UNK + 1, vocabulary, shape, generator=generator, dtype=torch.int64)
    return LabelledBatch(tokens, torch.randint(classes, (_TEXTS,), generator=generator))
