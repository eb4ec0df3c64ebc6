"""How good a network is on held-out examples, by its loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from foretell.families.base import Network
from foretell.tasks import Batch

__all__ = ["validation_loss"]


@torch.inference_mode()
def validation_loss(network: Network, batches: Sequence[Batch], smoothing: float, member: Any = None) -> float:
    """Label-smoothed loss in bits a target, dropout off.

    Args:
        network: The network; its training mode is restored afterwards.
        batches: The whole validation set.
        smoothing: Label smoothing of the loss.
        member: The sub-network to run; None runs the whole.
    """
    was_training = network.training
    network.eval()
    total, tokens = 0.0, 0
    for batch in batches:
        loss, _, count = network.loss(batch, member, smoothing=smoothing)
        total += float(loss)
        tokens += int(count)
    network.train(was_training)
    return total / tokens / 0.6931471805599453
