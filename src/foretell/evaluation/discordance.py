"""Which mistakes of order a predictor makes: pairs by how far apart they truly are (the paper's Figures 4, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.evaluation.metrics import Judged, discordant_matrix

__all__ = ["Discordance", "discordance"]


@dataclass(frozen=True)
class Discordance:
    """Pairs in the wrong order by the distance of their true ranks, pooled over splits.

    Attributes:
        distance: 1 to the largest there can be, `[d]`.
        count: Wrongly ordered pairs at each distance, `[d]`.
        cdf: Share of all wrongly ordered pairs up to each distance, `[d]`; zeros where there are none.
    """

    distance: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    cdf: npt.NDArray[np.float64]


def discordance(splits: Sequence[Judged]) -> Discordance:
    """Count wrongly ordered pairs; a predictor whose mistakes are all near is safer to search with."""
    longest = max(len(each.truth) for each in splits) - 1
    count = np.zeros(longest, dtype=np.int64)
    for each in splits:
        ranks = each.true_goodness.argsort(kind="stable").argsort()
        first, second = np.nonzero(np.triu(discordant_matrix(each)))
        count += np.bincount(np.abs(ranks[first] - ranks[second]) - 1, minlength=longest)
    total = int(count.sum())
    return Discordance(np.arange(1, longest + 1), count, np.cumsum(count) / max(total, 1))
