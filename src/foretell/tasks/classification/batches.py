"""Labelled texts as tensors, in batches of like length, in an order that two integers determine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError
from foretell.tasks.translation.batches import length_runs, token_bounds
from foretell.tasks.translation.encoded import Sequences
from foretell.tasks.vocabulary import EOS, PAD, UNK

if TYPE_CHECKING:
    import torch

__all__ = ["EpochBatches", "LabelledBatch", "LabelledBatches", "labelled_batches"]

_Ints = NDArray[np.int64]
_Weights = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LabelledBatch:
    """Texts with their classes.

    Attributes:
        inputs: int64 [B, T], each text begins with `EOS`, right-padded with `PAD`.
        targets: int64 [B], the classes.
        weights: How much each text counts in training, float32 [B]; None: all alike.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def tokens(self) -> int:
        """Targets: one a text."""
        return len(self.targets)

    @cached_property
    def mask(self) -> torch.Tensor | None:
        """Which tokens are real, bool [B, 1, 1, T]; None where all are."""
        real = self.inputs != PAD
        return None if bool(real.all()) else real[:, None, None]

    def to(self, device: torch.device | str) -> LabelledBatch:
        """The same batch on a device."""
        inputs, targets = (tensor.to(device, non_blocking=True) for tensor in (self.inputs, self.targets))
        weights = None if self.weights is None else self.weights.to(device, non_blocking=True)
        return LabelledBatch(inputs, targets, weights)

    @classmethod
    def recut(cls, batches: Sequence[LabelledBatch], max_tokens: int) -> list[LabelledBatch]:
        """The same texts, sorted by length, at most so many tokens a batch, padding included."""
        import torch

        rows = [(batch.inputs[i], batch.targets[i]) for batch in batches for i in range(len(batch))]
        lengths = np.array([int((tokens != PAD).sum()) for tokens, _ in rows], dtype=np.int64)
        cut = []
        for chosen in length_runs(lengths, max_tokens, lengths):
            tokens = torch.nn.utils.rnn.pad_sequence(
                [rows[i][0][: int(lengths[i])] for i in chosen], batch_first=True, padding_value=PAD
            )
            cut.append(cls(tokens, torch.stack([rows[i][1] for i in chosen])))
        return sorted(cut, key=lambda batch: -batch.inputs.numel())


class EpochBatches(Sequence[LabelledBatch]):
    """The batches of one epoch; each is built when it is asked for.

    Args:
        texts: Encoded texts.
        labels: Their classes, int64 [n].
        batches: Rows of each batch.
        dropout: Share of the tokens that are read as unknown.
        seed: Of which those are.
        weights: Of each text, float32 [n]; None: all count alike.
    """

    def __init__(
        self,
        texts: Sequences,
        labels: _Ints,
        batches: Sequence[_Ints],
        dropout: float = 0.0,
        seed: Sequence[int] = (),
        weights: _Weights | None = None,
    ) -> None:
        self._texts, self._labels, self._batches = texts, labels, batches
        self._dropout, self._seed, self._weights = dropout, seed, weights

    def __len__(self) -> int:
        return len(self._batches)

    @overload
    def __getitem__(self, index: int) -> LabelledBatch: ...
    @overload
    def __getitem__(self, index: slice) -> list[LabelledBatch]: ...
    def __getitem__(self, index: int | slice) -> LabelledBatch | list[LabelledBatch]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        import torch

        rows = self._batches[index]
        tokens = self._texts.padded(rows, first=EOS, last=None, pad=PAD)
        if self._dropout:
            rng = np.random.default_rng([*self._seed, index % len(self)])
            tokens[(rng.random(tokens.shape, dtype=np.float32) < self._dropout) & (tokens > UNK)] = UNK
        weights = None if self._weights is None else torch.from_numpy(self._weights[rows])
        return LabelledBatch(torch.from_numpy(tokens), torch.from_numpy(self._labels[rows]), weights)


class LabelledBatches:
    """Training batches of at most `max_tokens` tokens, marks and padding included.

    Every epoch has the same number of batches with the same lengths; which of the equally long texts meet in a batch,
    and the order of the batches, are drawn anew from (seed, epoch).

    Args:
        texts: Encoded texts.
        labels: Their classes, int64 [n].
        max_tokens: Size of a batch.
        seed: Of the order and of what is dropped.
        dropout: Share of the tokens that are read as unknown, drawn anew every epoch.
        balanced: Whether every class counts alike, however many texts it has.

    Raises:
        InputError: There are no texts, or one is longer than a batch.
    """

    def __init__(
        self,
        texts: Sequences,
        labels: _Ints,
        max_tokens: int,
        seed: int = 0,
        dropout: float = 0.0,
        *,
        balanced: bool = False,
    ) -> None:
        self.texts, self.labels, self.seed, self.dropout = texts, labels, seed, dropout
        self.weights = _balancing(labels) if balanced else None
        self._lengths = texts.lengths + 1
        if not len(texts):
            raise InputError("there are no texts to make batches of; give a corpus that is not empty.")
        if int(self._lengths.max()) > max_tokens:
            raise InputError(
                f"a text has {int(self._lengths.max())} tokens, a batch at most {max_tokens}; raise max_tokens of the "
                "recipe, or lower the corpus's tokens."
            )
        self._bounds = token_bounds(np.sort(self._lengths), max_tokens)
        self._latest: tuple[int, EpochBatches] | None = None

    def __len__(self) -> int:
        """Batches in an epoch, the same in all."""
        return len(self._bounds) - 1

    def epoch(self, epoch: int) -> EpochBatches:
        """The batches of epoch `epoch` (0, 1, ...), in order, with random access."""
        if self._latest is None or self._latest[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            order = np.lexsort((rng.permutation(len(self.texts)), self._lengths))
            batches = np.split(order, self._bounds[1:-1])
            chosen = [batches[i] for i in rng.permutation(len(batches))]
            seed = (self.seed, epoch)
            self._latest = epoch, EpochBatches(self.texts, self.labels, chosen, self.dropout, seed, self.weights)
        return self._latest[1]


def _balancing(labels: _Ints) -> _Weights:
    """Weights by which all classes that are there count alike, on average 1, `[n]`."""
    counts = np.bincount(labels)
    return (len(labels) / (np.count_nonzero(counts) * counts[labels])).astype(np.float32)


def labelled_batches(texts: Sequences, labels: _Ints, max_tokens: int) -> tuple[list[LabelledBatch], list[_Ints]]:
    """All texts once, sorted by length, built once; and the rows of each batch."""
    lengths = texts.lengths + 1
    rows = length_runs(lengths, max_tokens, lengths)
    return list(EpochBatches(texts, labels, rows)), rows
