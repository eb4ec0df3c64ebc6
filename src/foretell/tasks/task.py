"""What training asks of a task, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    import torch

__all__ = ["Batch", "Batches", "Task"]


class Batch(Protocol):
    """Examples as tensors, in the form that the families of the task's networks read."""

    @property
    def tokens(self) -> int:
        """How many targets the loss is a sum over."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same batch on a device."""
        ...


class Batches(Protocol):
    """Training batches in an order that two integers determine."""

    def __len__(self) -> int:
        """Batches in an epoch, the same in all."""
        ...

    def epoch(self, epoch: int) -> Sequence[Batch]:
        """The batches of one epoch; each is built when it is asked for."""
        ...


class Task(Protocol):
    """Data to learn from and to be judged by."""

    @property
    def fingerprint(self) -> str:
        """Names all that a training reads of the task."""
        ...

    @property
    def sizes(self) -> Mapping[str, Any]:
        """What networks and their costs need to know of it, such as the size of its `vocabulary`."""
        ...

    def batches(self, max_tokens: int, seed: int) -> Batches:
        """Training batches of at most so many tokens, in the order of a seed.

        Raises:
            InputError: There are no examples, or one is longer than a batch.
        """
        ...

    def validation_batches(self, max_tokens: int) -> Sequence[Batch]:
        """The whole validation split, built once."""
        ...
