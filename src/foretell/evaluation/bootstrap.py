"""How sure a figure is: resampling architectures and splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from foretell.evaluation.metrics import DENSE, MEASURES, Judged, measure
from foretell.observations import Split

__all__ = ["Bootstrap", "interval", "student_interval"]

Array = npt.NDArray[np.float64]

_FEWEST = 3
_REPRESENTED = 128
"""Architectures that stand for all where there are more than `DENSE`."""


class Bootstrap:
    """Resamplings of one set of splits, the same for every predictor so that differences are paired.

    Architectures are drawn with replacement from all that any split tests on, and a drawn architecture
    counts in every split that tests on it: the splits of the published data share 30 architectures, and
    resampling each split on its own would pretend that there are more. Splits are drawn as well.

    Of more architectures than `DENSE`, a sample is resampled, and how far its figures move is scaled down by the root
    of its share (the m out of n bootstrap): every pair of thousands, a thousand times, would take hours.

    Args:
        splits: The splits.
        draws: How many resamplings.
        seed: Of the resampling.
    """

    def __init__(self, splits: Sequence[Split], draws: int, seed: int = 0) -> None:
        tested = [[item.architecture for item in split.test] for split in splits]
        by_row = {architecture.row.tobytes(): architecture for side in tested for architecture in side}
        rng = np.random.default_rng(seed)
        self.represented: list[npt.NDArray[np.intp]] | None = None
        if max(map(len, tested), default=0) > DENSE:
            some = sorted(by_row)
            some = [some[place] for place in rng.permutation(len(some))[:_REPRESENTED]]
            self.shrink = float(np.sqrt(len(some) / len(by_row)))
            by_row = {row: by_row[row] for row in some}
            known = [[place for place, a in enumerate(side) if a.row.tobytes() in by_row] for side in tested]
            self.represented = [np.array(places, dtype=np.intp) for places in known]
            tested = [[side[place] for place in places] for side, places in zip(tested, known, strict=True)]
        keys = sorted(architecture.key for architecture in by_row.values())
        places = {key: place for place, key in enumerate(keys)}
        index = {row: places[architecture.key] for row, architecture in by_row.items()}
        drawn = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), size=draws).astype(np.float64)
        self.counts = [drawn[:, [index[each.row.tobytes()] for each in side]] for side in tested]
        self.weights = rng.multinomial(len(splits), np.full(len(splits), 1 / len(splits)), size=draws).astype(float)

    def resampled(self, judged: Sequence[Judged], plain: Sequence[Mapping[str, float]]) -> dict[str, Array]:
        """Each measure's mean over the drawn splits, `[draws]` each.

        Args:
            judged: Predictions and labels, one for each split.
            plain: The measures of each without resampling.
        """
        if self.represented is None:
            by_split = [measure(each, counts) for each, counts in zip(judged, self.counts, strict=True)]
        else:
            parts = [each.take(rows) for each, rows in zip(judged, self.represented, strict=True)]
            by_split = [self._scaled(*both) for both in zip(parts, self.counts, plain, strict=True)]
        return {name: self._mean(np.stack([each[name] for each in by_split], axis=1)) for name in MEASURES}

    def _scaled(self, part: Judged, counts: Array, plain: Mapping[str, float]) -> dict[str, Array]:
        drawn = measure(part, counts)
        own = measure(part, np.ones((1, len(part.truth))))
        moved = {key: plain[key] + self.shrink * (drawn[key] - own[key]) for key in MEASURES}
        # What few hundred architectures say of the best of thousands is nothing: only the splits' draw is left.
        return moved | {key: np.full(len(counts), plain[key]) for key in ("regret", "rank")}

    def _mean(self, values: Array) -> Array:
        weights = np.where(np.isnan(values), 0.0, self.weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (weights * np.nan_to_num(values)).sum(axis=1) / weights.sum(axis=1)


def student_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of a few independent values, where resampling them would be too sure.

    Returns:
        None for fewer than three, of which it says nothing.
    """
    if len(values) < _FEWEST:
        return None
    from scipy.stats import sem, t

    # `t.interval` makes NaN of values that are all the same.
    mean, half = float(np.mean(values)), float(t.ppf(0.975, len(values) - 1) * sem(values))
    return mean - half, mean + half


def interval(draws: Array) -> tuple[float, float] | None:
    """The central 95 % of resampled values; None where most of them mean nothing."""
    known = draws[np.isfinite(draws)]
    if 2 * len(known) < len(draws) or len(known) == 0:
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
