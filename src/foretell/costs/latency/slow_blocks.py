"""Contiguous slow stretches of measurements that nothing was paired with.

Clocks fall and neighbours come: in HAT's published files up to a fifth of the rows, all in a few
contiguous blocks, are a quarter slower than the rest. A shuffled split hides them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.costs.latency.physical_form import PhysicalForm, robust_weights

__all__ = ["SlowBlock", "block_excess", "find_slow_blocks"]

_LEVELS = np.concatenate([[0.0], np.arange(0.05, 1.01, 0.025)])
"""Excesses that a stretch may have."""
_SWITCH = 12.0
"""What a change of level costs, in units of log-likelihood."""
_MOST = 8.0
"""No single row says more: a lone outlier is no block."""
_LEAST_EXCESS = 0.1
_LEAST_SHARE = 0.01
_LEAST_ROWS = 4
_DISTRUST = 1e-3
_ROUNDS = 3


@dataclass(frozen=True)
class SlowBlock:
    """A stretch of rows that took longer than their architectures explain.

    Attributes:
        first: Number of the first row, 0-based, in the order of measurement.
        last: Number of the last row.
        rows: How many of the rows at hand lie in it.
        excess: How much longer they took, 0.25 for a quarter.
    """

    first: int
    last: int
    rows: int
    excess: float


def find_slow_blocks(inputs: LatencyInputs, ms: Floats, rows: npt.NDArray[np.int64]) -> list[SlowBlock]:
    """Find stretches that are slow as a whole.

    The logarithm of measured over predicted, along the rows, is explained by a piecewise constant level
    (Potts' model, solved exactly by dynamic programming; a row's say is bounded). Rows of raised level then
    lose their say in the prediction, and so on until it settles. Named are blocks at least 10 % and three
    robust deviations slow, and at least 1 % of all rows long.

    Args:
        inputs: Architectures in the order of measurement.
        ms: Their latencies, `[n]`.
        rows: Numbers of the rows, `[n]`, ascending; gaps are allowed.
    """
    if PhysicalForm.fits(inputs) is not None:
        return []
    weights = np.ones(len(ms))
    for _ in range(_ROUNDS):
        form = PhysicalForm.fit(inputs, ms, robust_weights(inputs, ms, weights))
        residuals = np.log(ms / np.maximum(form.predict(inputs), 1e-12))
        residuals -= np.median(residuals[weights == 1]) if (weights == 1).any() else 0.0
        scale = max(1.4826 * float(np.median(np.abs(residuals))), 0.01)
        path = _levels(residuals, scale)
        weights = np.where(path > 0, _DISTRUST, 1.0)
    least = max(_LEAST_ROWS, round(_LEAST_SHARE * len(ms)))
    blocks = [_block(residuals[part], rows[part]) for part in _stretches(path)]
    return [b for b in blocks if b.rows >= least and b.excess >= max(_LEAST_EXCESS, 3 * scale)]


def block_excess(blocks: Sequence[SlowBlock], rows: npt.NDArray[np.int64]) -> Floats:
    """How much longer each row takes for the block that it lies in, `[n]`; 0 outside."""
    excess = np.zeros(len(rows))
    for block in blocks:
        excess[(rows >= block.first) & (rows <= block.last)] = block.excess
    return excess


def _block(residuals: Floats, rows: npt.NDArray[np.int64]) -> SlowBlock:
    excess = float(np.expm1(np.median(residuals)))
    return SlowBlock(int(rows[0]), int(rows[-1]), len(rows), round(excess, 4))


def _stretches(path: npt.NDArray[np.int64]) -> list[slice]:
    """The maximal stretches of raised level; neighbours of two raised levels are one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (path > 0).astype(np.int8), [0]])))
    return [slice(start, end) for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]


def _levels(residuals: Floats, scale: float) -> npt.NDArray[np.int64]:
    """The likeliest level of each row, as an index into `_LEVELS`: Viterbi's algorithm."""
    distance = np.abs(residuals[:, None] - np.log1p(_LEVELS)) / scale
    surprise = np.minimum(np.where(distance < 2, distance**2 / 2, 2 * distance - 2), _MOST)
    here = np.arange(len(_LEVELS))
    came_from = np.empty(surprise.shape, dtype=np.int64)
    total = surprise[0]
    for row in range(1, len(surprise)):
        best = int(total.argmin())
        stays = total <= total[best] + _SWITCH
        came_from[row] = np.where(stays, here, best)
        total = np.where(stays, total, total[best] + _SWITCH) + surprise[row]
    path = np.empty(len(surprise), dtype=np.int64)
    path[-1] = total.argmin()
    for row in range(len(surprise) - 1, 0, -1):
        path[row - 1] = came_from[row, path[row]]
    return path
