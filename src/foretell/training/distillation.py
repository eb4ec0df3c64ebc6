"""Learning from what another network says: a teacher that stays as it is, or the largest of a sandwich, in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from foretell.families.base import Network
from foretell.tasks import Batch
from foretell.training.devices import Precision

__all__ = ["distilled_losses", "taught_losses"]


def distilled_losses(
    network: Network,
    batch: Batch,
    members: Sequence[Any],
    smoothing: float,
    weight: float,
    precision: Precision,
) -> Iterator[Tensor]:
    """The losses of several architectures on one batch, in nats, summed over targets.

    The first learns from the labels alone. The others' target is (1 - weight) times the smoothed label plus
    weight times the first one's distribution over the classes, which is a constant to them.

    Args:
        network: The supernet, in training mode; the teacher's distribution is that of its training pass.
        batch: Of the task.
        members: The teacher, then its students; None is the whole network.
        smoothing: Label smoothing.
        weight: Between 0 and 1.
        precision: Gives the forward passes' context.
    """
    teacher: Tensor | None = None
    for member in members:
        with precision.autocast():
            logits, targets = network.predictions(batch, member)
            log = logits.float().log_softmax(-1)
            # As `foretell.nn.smoothed_cross_entropy` defines it, from the logarithm that the soft part needs anyway.
            hard = (1.0 - smoothing) * F.nll_loss(log, targets, reduction="sum") - smoothing / log.shape[1] * log.sum()
        if teacher is None:
            teacher = log.detach().exp()
            yield hard
        else:
            yield (1.0 - weight) * hard - weight * (teacher * log).sum()


def taught_losses(
    network: Network, teacher: Network, batch: Batch, members: Sequence[Any], precision: Precision
) -> Iterator[Tensor]:
    """How far several architectures' predictions on one batch are from a teacher's (arXiv 1503.02531).

    Args:
        network: In training mode.
        teacher: On the same device, in evaluation mode; is not changed.
        batch: Of the task.
        members: Of the network; None is the whole.
        precision: Gives the forward passes' context.

    Yields:
        The divergence of each, in nats, summed over targets.
    """
    with torch.no_grad(), precision.autocast():
        wanted = teacher.predictions(batch)[0].float().log_softmax(-1)
    for member in members:
        with precision.autocast():
            said = network.predictions(batch, member)[0].float().log_softmax(-1)
        yield F.kl_div(said, wanted, reduction="sum", log_target=True)
