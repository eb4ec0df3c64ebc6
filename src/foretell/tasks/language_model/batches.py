"""Blocks of packed text, in an order that two integers determine.

Training resumes exactly at (epoch, index): where the blocks of an epoch begin and their order are pure functions of
the seed and the epoch, and every batch can be built on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError
from foretell.tasks.vocabulary import PAD

if TYPE_CHECKING:
    import torch

__all__ = ["BlockBatches", "EpochBatches", "TextBatch", "text_batches"]

_Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TextBatch:
    """Blocks of text as tensors.

    Attributes:
        inputs: int64 [B, T].
        targets: int64 [B, T], the token after each input; padding where there is none.
        tokens: Targets, padding not counted; where all are counted, none is padding, whatever its id.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    tokens: int

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def whole(self) -> bool:
        """Whether no target is padding: then every id is a token, as in others' vocabularies."""
        return self.tokens == self.targets.numel()

    def to(self, device: torch.device | str) -> TextBatch:
        """The same batch on a device."""
        inputs, targets = (tensor.to(device, non_blocking=True) for tensor in (self.inputs, self.targets))
        return TextBatch(inputs, targets, self.tokens)

    @classmethod
    def recut(cls, batches: Sequence[TextBatch], max_tokens: int) -> list[TextBatch]:
        """The same blocks, fewer at a time."""
        cut = []
        for batch in batches:
            rows = max(1, max_tokens // batch.inputs.shape[1])
            for start in range(0, len(batch), rows):
                inputs, targets = batch.inputs[start : start + rows], batch.targets[start : start + rows]
                tokens = targets.numel() if batch.whole else int((targets != PAD).sum())
                cut.append(cls(inputs, targets, tokens))
        return sorted(cut, key=lambda batch: -batch.inputs.numel())


class EpochBatches(Sequence[TextBatch]):
    """The batches of one epoch; each is built when it is asked for.

    Args:
        tokens: The text, int32 [n].
        starts: Where each block begins, in the order of the epoch, [blocks].
        block: Targets of a block.
        rows: Blocks of a batch.
    """

    def __init__(self, tokens: _Ints, starts: NDArray[np.int64], block: int, rows: int) -> None:
        self._tokens, self._starts, self._block, self._rows = tokens, starts, block, rows

    def __len__(self) -> int:
        return len(self._starts) // self._rows

    @overload
    def __getitem__(self, index: int) -> TextBatch: ...
    @overload
    def __getitem__(self, index: slice) -> list[TextBatch]: ...
    def __getitem__(self, index: int | slice) -> TextBatch | list[TextBatch]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        import torch

        if not -len(self) <= index < len(self):
            raise IndexError(index)
        first = index % len(self) * self._rows
        where = self._starts[first : first + self._rows, None] + np.arange(self._block + 1)
        rows = torch.from_numpy(self._tokens[where].astype(np.int64))
        return TextBatch(rows[:, :-1].contiguous(), rows[:, 1:].contiguous(), self._rows * self._block)


class BlockBatches:
    """Training batches of whole blocks, at most `max_tokens` targets each.

    Args:
        tokens: The text, documents end to end, int32 [n].
        block: Targets of a block.
        max_tokens: Size of a batch; less than a block makes shorter blocks.
        seed: Of the order.

    Raises:
        InputError: The text is shorter than a batch.
    """

    def __init__(self, tokens: _Ints, block: int, max_tokens: int, seed: int = 0) -> None:
        self.tokens, self.block, self.seed = tokens, min(block, max_tokens), seed
        self.rows = max(1, max_tokens // self.block)
        # One block's worth is left over, by which an epoch's beginning may be moved.
        self._blocks = (len(tokens) - 1) // self.block - 1
        if self._blocks < self.rows:
            raise InputError(
                f"the training text has {len(tokens):,} tokens, too few for a batch of {self.rows} blocks of "
                f"{self.block}; give more text, or lower block or max_tokens."
            )
        self._latest: tuple[int, EpochBatches] | None = None

    def __len__(self) -> int:
        """Batches in an epoch, the same in all."""
        return self._blocks // self.rows

    def epoch(self, epoch: int) -> EpochBatches:
        """The batches of epoch `epoch` (0, 1, ...), in order, with random access."""
        if self._latest is None or self._latest[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            starts = rng.permutation(self._blocks) * self.block + rng.integers(self.block)
            self._latest = epoch, EpochBatches(self.tokens, starts, self.block, self.rows)
        return self._latest[1]


def text_batches(tokens: _Ints, block: int, max_tokens: int) -> list[TextBatch]:
    """Every target once, in blocks in the order of the text, the last one padded; built once.

    Args:
        tokens: int32 [n], at least two.
        block: Targets of a block.
        max_tokens: Size of a batch, at least one block.
    """
    import torch

    blocks = -(-(len(tokens) - 1) // block)
    padded = np.full(blocks * block + 1, PAD, dtype=np.int64)
    padded[: len(tokens)] = tokens
    inputs, targets = (torch.from_numpy(part.reshape(blocks, block).copy()) for part in (padded[:-1], padded[1:]))
    rows = max(1, max_tokens // block)
    return [
        TextBatch(inputs[i : i + rows], targets[i : i + rows], int((targets[i : i + rows] != PAD).sum()))
        for i in range(0, blocks, rows)
    ]
