"""In-place distillation: in one update the smaller networks of a sandwich learn from what the largest says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch.nn.functional as F
from torch import Tensor

from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import PAD
from foretell.tasks.translation import Batch
from foretell.training.devices import Precision

__all__ = ["distilled_losses"]


def distilled_losses(
    network: Seq2SeqTransformer,
    batch: Batch,
    shapes: Sequence[TransformerShape | None],
    smoothing: float,
    weight: float,
    precision: Precision,
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
            # As `foretell.nn.smoothed_cross_entropy` defines it, from the logarithm that the soft part needs anyway.
            hard = (1.0 - smoothing) * F.nll_loss(log, targets, reduction="sum") - smoothing / log.shape[1] * log.sum()
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
