"""In-place distillation: in one update the smaller networks of a sandwich learn from what the largest says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch.nn.functional as F
from torch import Tensor

from foretell.nn import PAD, Seq2SeqTransformer
from foretell.spaces import TransformerShape
from foretell.tasks import Batch

__all__ = ["distilled_losses"]


class _Autocast(Protocol):
    def autocast(self) -> AbstractContextManager[Any]: ...


def distilled_losses(
    network: Seq2SeqTransformer,
    batch: Batch,
    shapes: Sequence[TransformerShape | None],
    smoothing: float,
    weight: float,
    precision: _Autocast,
) -> Iterator[Tensor]:
    """The losses of several architectures on one batch, in nats, summed over target tokens.

    The first learns from the labels alone. The others' target is (1 - weight) times the smoothed label plus
    weight times the first one's distribution over the vocabulary, which is a constant to them.

    Args:
        network: The supernet, in training mode; the teacher's distribution is that of its training pass.
        batch: Sentence pairs.
        shapes: The teacher, then its students.
        smoothing: Label smoothing.
        weight: Between 0 and 1.
        precision: Gives the forward passes' context.
    """
    teacher: Tensor | None = None
    for shape in shapes:
        with precision.autocast():
            logits, targets = _real_logits(network, batch, shape)
            log = logits.float().log_softmax(-1)
            hard = F.cross_entropy(logits.float(), targets, label_smoothing=smoothing, reduction="sum")
        if teacher is None:
            teacher = log.detach().exp()
            yield hard
        else:
            yield (1.0 - weight) * hard - weight * (teacher * log).sum()


def _real_logits(network: Seq2SeqTransformer, batch: Batch, shape: TransformerShape | None) -> tuple[Tensor, Tensor]:
    """Logits [tokens, V] and targets [tokens], padding left out."""
    targets = batch.target_out.flatten()
    real = (targets != PAD).nonzero().squeeze(1)
    features = network.features(batch.source, batch.target_in, shape).flatten(0, 1)
    return network.logits(features.index_select(0, real), shape), targets.index_select(0, real)
