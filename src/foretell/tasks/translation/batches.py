"""Batches of sentences of like length, in an order that two integers determine.

Training resumes exactly at (epoch, index): the order of epoch `e` is a pure function of the seed and `e`, and
every batch can be built on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError
from foretell.tasks.translation.encoded import EncodedPairs, Sequences
from foretell.tasks.vocabulary import EOS, PAD

if TYPE_CHECKING:
    import torch

__all__ = [
    "Batch",
    "EpochBatches",
    "SourceBatch",
    "TokenBatches",
    "length_runs",
    "source_batches",
    "token_bounds",
    "validation_batches",
]

_Ints = NDArray[np.int64]
_ALONE = 2048
"""Tokens of a pair that may be a batch of its own, however few tokens a batch has."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Sentence pairs as tensors, right-padded with `PAD`.

    fairseq pads sources on the left; with padding masked that makes no difference.

    Attributes:
        source: int64 [B, S], each sentence ends in `EOS`.
        target_in: int64 [B, T], starts with `EOS` as in fairseq.
        target_out: int64 [B, T], ends in `EOS`: what the decoder should say after reading `target_in`.
        tokens: Target tokens, end marks included, padding not.
        rows: int64 [B], the pairs' rows in the split.
    """

    source: torch.Tensor
    target_in: torch.Tensor
    target_out: torch.Tensor
    tokens: int
    rows: torch.Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on a device (`rows` stays where it is)."""
        source, target_in, target_out = (
            tensor.to(device, non_blocking=True) for tensor in (self.source, self.target_in, self.target_out)
        )
        return Batch(source, target_in, target_out, self.tokens, self.rows)

    @classmethod
    def recut(cls, batches: Sequence[Batch], max_tokens: int) -> list[Batch]:
        """The same sentence pairs in smaller batches of pairs that are alike, the largest first.

        A tenth of the padding goes, what a layer works on stays in the caches, and several threads end at about
        the same time. Losses are sums over sentences: they stay what they were.
        """
        return _recut(batches, max_tokens)


@dataclass(frozen=True, eq=False)
class SourceBatch:
    """Sentences to translate: `source` int64 [B, S], right-padded; `rows` int64 [B], where they came from."""

    source: torch.Tensor
    rows: torch.Tensor


class EpochBatches(Sequence[Batch]):
    """The batches of one epoch; each is built when it is asked for, in tens of microseconds.

    Args:
        pairs: The encoded pairs.
        order: Rows of the pairs, batch after batch, [n].
        bounds: Batch `i` is `order[bounds[i]:bounds[i + 1]]`, [batches + 1].
        sequence: Which of these batches comes when, [batches].
    """

    def __init__(self, pairs: EncodedPairs, order: _Ints, bounds: _Ints, sequence: _Ints) -> None:
        self._pairs, self._order, self._bounds, self._sequence = pairs, order, bounds, sequence

    def __len__(self) -> int:
        return len(self._sequence)

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | list[Batch]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return _collate(self._pairs, self.rows(index))

    def rows(self, index: int) -> _Ints:
        """Rows [B] of the pairs in one batch, without building it."""
        which = self._sequence[index]
        return self._order[self._bounds[which] : self._bounds[which + 1]]


class TokenBatches:
    """Training batches: max(S, T) x B is at most `max_tokens`, end marks and padding included.

    A pair that is longer gets a batch of its own, as long as its attention maps fit any machine.

    Every epoch has the same number of batches with the same lengths; which of the equally long pairs meet in
    a batch, and the order of the batches, are drawn anew from (seed, epoch).

    Args:
        pairs: Encoded pairs.
        max_tokens: Size of a batch, in tokens of the longer side.
        seed: Of the order.

    Raises:
        InputError: There are no pairs, or one is longer than `max_tokens` and 2,048 tokens.
    """

    def __init__(self, pairs: EncodedPairs, max_tokens: int, seed: int = 0) -> None:
        self.pairs, self.max_tokens, self.seed = pairs, max_tokens, seed
        self._source, self._target = pairs.source.lengths + 1, pairs.target.lengths + 1
        if not len(pairs):
            raise InputError("there are no sentence pairs to make batches of; give a corpus that is not empty.")
        longer = np.maximum(self._source, self._target)
        longest = int(longer.max())
        if longest > max(max_tokens, _ALONE):
            raise InputError(
                f"a sentence pair has {longest:,} tokens, a batch at most {max(max_tokens, _ALONE):,}; lower the "
                "corpus's max_words, or raise max_tokens of the recipe."
            )
        self._bounds = token_bounds(longer[np.lexsort((self._source, self._target))], max_tokens)
        self._latest: tuple[int, EpochBatches] | None = None

    def __len__(self) -> int:
        """Batches in an epoch, the same in all."""
        return len(self._bounds) - 1

    def epoch(self, epoch: int) -> EpochBatches:
        """The batches of epoch `epoch` (0, 1, ...), in order, with random access."""
        if self._latest is None or self._latest[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            tie = rng.permutation(len(self.pairs))
            order = np.lexsort((tie, self._source, self._target))
            batches = EpochBatches(self.pairs, order, self._bounds, rng.permutation(len(self)))
            self._latest = epoch, batches
        return self._latest[1]

    def stream(self, epoch: int = 0, index: int = 0) -> Iterator[tuple[int, int, Batch]]:
        """Batches without end from a position on, each with its own (epoch, index).

        To resume after the batch at (e, i), start again at (e, i + 1): an index past the end is the next epoch.
        """
        epoch, index = epoch + index // len(self), index % len(self)
        while True:
            batches = self.epoch(epoch)
            for position in range(index, len(batches)):
                yield epoch, position, batches[position]
            epoch, index = epoch + 1, 0


def validation_batches(pairs: EncodedPairs, max_tokens: int) -> list[Batch]:
    """All pairs once, sorted by length, built once; a pair longer than `max_tokens` gets a batch of its own."""
    source, target = pairs.source.lengths, pairs.target.lengths
    return [_collate(pairs, rows) for rows in length_runs(np.maximum(source, target) + 1, max_tokens, source, target)]


def source_batches(sources: Sequences, max_tokens: int) -> list[SourceBatch]:
    """Sentences to translate, sorted by length; `rows` says where each translation belongs."""
    import torch

    batches = []
    for rows in length_runs(sources.lengths + 1, max_tokens, sources.lengths):
        matrix = sources.padded(rows, first=None, last=EOS, pad=PAD)
        batches.append(SourceBatch(torch.from_numpy(matrix), torch.from_numpy(rows)))
    return batches


def length_runs(lengths: _Ints, max_tokens: int, *keys: _Ints) -> list[_Ints]:
    """Rows in the order of some keys, the last first, cut where longest x count would pass `max_tokens`."""
    order = np.lexsort(keys)
    if not len(order):
        return []
    return np.split(order, token_bounds(lengths[order], max_tokens)[1:-1])


def token_bounds(lengths: _Ints, max_tokens: int) -> _Ints:
    """Cut a row of lengths [n] greedily where longest x count would pass `max_tokens`; [batches + 1]."""
    bounds = [0]
    while bounds[-1] < len(lengths):
        start = bounds[-1]
        window = lengths[start : start + max(1, max_tokens // int(lengths[start]))]
        cost = np.maximum.accumulate(window) * np.arange(1, len(window) + 1)
        bounds.append(start + max(1, int(np.count_nonzero(cost <= max_tokens))))
    return np.array(bounds, dtype=np.int64)


def _collate(pairs: EncodedPairs, rows: _Ints) -> Batch:
    import torch

    return Batch(
        source=torch.from_numpy(pairs.source.padded(rows, first=None, last=EOS, pad=PAD)),
        target_in=torch.from_numpy(pairs.target.padded(rows, first=EOS, last=None, pad=PAD)),
        target_out=torch.from_numpy(pairs.target.padded(rows, first=None, last=EOS, pad=PAD)),
        tokens=int((pairs.target.offsets[rows + 1] - pairs.target.offsets[rows]).sum()) + len(rows),
        rows=torch.from_numpy(rows.copy()),
    )


def _recut(batches: Sequence[Batch], max_tokens: int) -> list[Batch]:
    """See `Batch.recut`."""
    pairs = [(batch, row) for batch in batches for row in range(len(batch))]
    source = np.concatenate([(batch.source != PAD).sum(1).numpy() for batch in batches])
    target = np.concatenate([(batch.target_out != PAD).sum(1).numpy() for batch in batches])
    longer = np.maximum(source, target)
    order = np.lexsort((source + target, longer))
    groups: list[list[int]] = [[]]
    for index in order:
        if groups[-1] and (len(groups[-1]) + 1) * longer[index] > max_tokens:
            groups.append([])
        groups[-1].append(int(index))
    cut = []
    for group in filter(None, groups):
        s, t = int(source[group].max()), int(target[group].max())
        sides = [
            _stack([getattr(pairs[i][0], name)[pairs[i][1]] for i in group], length)
            for name, length in (("source", s), ("target_in", t), ("target_out", t))
        ]
        rows = _stack([pairs[i][0].rows[pairs[i][1]][None] for i in group], 1)[:, 0]
        cut.append(Batch(sides[0], sides[1], sides[2], int(target[group].sum()), rows))
    return sorted(cut, key=lambda batch: -batch.target_in.numel())


def _stack(rows: Sequence[torch.Tensor], length: int) -> torch.Tensor:
    """Rows [n, length], cut or padded to one length."""
    stacked = rows[0].new_full((len(rows), length), PAD)
    for target, row in zip(stacked, rows, strict=True):
        kept = min(length, len(row))
        target[:kept] = row[:kept]
    return stacked
