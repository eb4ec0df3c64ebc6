"""Putting the parts of a parent in the order of their importance, so that the first n are the best n."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foretell.families.decoder.cutting import Parts
from foretell.families.decoder.importance import SCORES, measured_importance, orders_of
from foretell.records import fingerprint
from foretell.study.shrinking.subject import Subject
from foretell.training.checkpoint import load_own, save_tensors

__all__ = ["Ordered", "put_in_order"]

_JUDGED = 4
"""Batches by which the scores are compared."""


class Ordered(NamedTuple):
    """What importance came to.

    Attributes:
        name: Names the order with all that it depends on.
        scores: Of all parts, by kind of score.
        told: What `result.json` says: the score that was used, and how each did.
    """

    name: str
    scores: dict[str, Tensor]
    told: dict[str, Any]


def put_in_order(network: Any, subject: Subject, path: Path, about: dict[str, Any], seed: int) -> Ordered:
    """Score the parts, or find their scores, and put them in the order of the score that does better.

    Args:
        network: The parent; its parts change places, and its function stays.
        subject: Has the text.
        path: Where scores are kept.
        about: What they depend on besides the text's share and the seed.
        seed: Of the study.

    Raises:
        StorageError: They cannot be written.
    """
    batches, count = subject.importance_batches(), int(subject.space.gene("layers").numbers.max())
    key = fingerprint({**about, "tokens": len(batches), "seed": seed})
    kept = load_own(path, key)
    if kept is None:
        scores = measured_importance(network, batches)
        losses = {
            score: _half(network, subject, orders_of(scores, score, count), batches[:_JUDGED]) for score in SCORES
        }
        chosen = min(losses, key=lambda score: losses[score])
        told = {"score": chosen, "loss_at_half_width": losses, "tokens": sum(batch.tokens for batch in batches)}
        save_tensors(path, scores, {"key": key, "told": told})
        kept = load_own(path, key)
        assert kept is not None  # noqa: S101 - it was written just now
    told = kept.about["told"]
    subject.reorder(network, orders_of(kept.tensors, told["score"], count))
    return Ordered(f"{key} {told['score']}", kept.tensors, told)


def _half(network: Any, subject: Subject, orders: list[Parts], batches: Sequence[Any]) -> float:
    """Loss (bits a token) of half of each layer's parts."""
    parts = [
        Parts(order.groups[: max(1, len(order.groups) // 2)], order.neurons[: max(1, len(order.neurons) // 2)])
        for order in orders
    ]
    some = subject.cut(network, parts)
    with torch.inference_mode():
        nats = sum(float(some.loss(batch, smoothing=0.0)[1]) for batch in batches)
    return nats / sum(batch.tokens for batch in batches) / float(np.log(2))
