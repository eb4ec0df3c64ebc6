"""Putting the parts of a parent in the order of their importance, so that the first n are the best n."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from foretell.families.decoder.cutting import Parts, cut, leading_parts, reorder_channels
from foretell.families.decoder.importance import SCORES, measured_importance, orders_of
from foretell.families.pruned.genes import narrows
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
    narrow = narrows(subject.space)
    key = fingerprint({**about, "tokens": len(batches), "seed": seed, **({"channels": True} if narrow else {})})
    kept = load_own(path, key)
    if kept is None:
        scores = measured_importance(network, batches, network.readings() if narrow else ())
        losses = {
            score: _half(network, subject, orders_of(scores, score, count), batches[:_JUDGED]) for score in SCORES
        }
        told: dict[str, Any] = {
            "score": min(losses, key=lambda score: losses[score]),
            "loss_at_half_width": losses,
            "tokens": sum(batch.tokens for batch in batches),
        }
        if narrow:
            told |= _channels(network, subject, scores, batches[:_JUDGED])
        save_tensors(path, scores, {"key": key, "told": told})
        kept = load_own(path, key)
        assert kept is not None  # noqa: S101 - it was written just now
    told = kept.about["told"]
    subject.reorder(network, orders_of(kept.tensors, told["score"], count))
    if narrow:
        reorder_channels(network, _order(kept.tensors, told["channels"]))
    return Ordered(f"{key} {told['score']}", kept.tensors, told)


def _order(scores: dict[str, Tensor], score: str) -> Tensor:
    """The channels, the most important first."""
    return scores[f"channels.{score}"].argsort(descending=True, stable=True)


def _channels(network: Any, subject: Subject, scores: dict[str, Tensor], batches: Sequence[Any]) -> dict[str, Any]:
    """Which score orders the channels, by the loss (bits a token) with one step of them less."""
    width, parts = int(np.sort(subject.space.gene("width").numbers)[-2]), leading_parts(network.shape)
    losses = {}
    for score in SCORES:
        order = _order(scores, score)
        reorder_channels(network, order)
        losses[score] = _loss(cut(network, parts, width), batches)
        reorder_channels(network, order.argsort())
    return {"channels": min(losses, key=lambda score: losses[score]), "loss_with_fewer_channels": losses}


def _half(network: Any, subject: Subject, orders: list[Parts], batches: Sequence[Any]) -> float:
    """Loss (bits a token) of half of each layer's parts."""
    parts = [
        Parts(order.groups[: max(1, len(order.groups) // 2)], order.neurons[: max(1, len(order.neurons) // 2)])
        for order in orders
    ]
    return _loss(subject.cut(network, parts), batches)


def _loss(some: Any, batches: Sequence[Any]) -> float:
    """Bits a token."""
    with torch.inference_mode():
        nats = sum(float(some.loss(batch, smoothing=0.0)[1]) for batch in batches)
    return nats / sum(batch.tokens for batch in batches) / float(np.log(2))
