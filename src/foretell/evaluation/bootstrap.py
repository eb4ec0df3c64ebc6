"""How sure a figure is: resampling architectures and splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.evaluation.metrics import MEASURES, Judged, measure
from foretell.observations import Split

__all__ = ["Bootstrap", "interval"]

Array = npt.NDArray[np.float64]


class Bootstrap:
    """Resamplings of one set of splits, the same for every predictor so that differences are paired.

    Architectures are drawn with replacement from all that any split tests on, and a drawn architecture
    counts in every split that tests on it: the splits of the published data share 30 architectures, and
    resampling each split on its own would pretend that there are more. Splits are drawn as well.

    Args:
        splits: The splits.
        draws: How many resamplings.
        seed: Of the resampling.
    """

    def __init__(self, splits: Sequence[Split], draws: int, seed: int = 0) -> None:
        keys = sorted({item.architecture.key for split in splits for item in split.test})
        index = {key: place for place, key in enumerate(keys)}
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), size=draws).astype(np.float64)
        self.counts = [drawn[:, [index[item.architecture.key] for item in split.test]] for split in splits]
        self.weights = rng.multinomial(len(splits), np.full(len(splits), 1 / len(splits)), size=draws).astype(float)

    def resampled(self, judged: Sequence[Judged]) -> dict[str, Array]:
        """Each measure's mean over the drawn splits, `[draws]` each."""
        by_split = [measure(each, counts) for each, counts in zip(judged, self.counts, strict=True)]
        return {name: self._mean(np.stack([each[name] for each in by_split], axis=1)) for name in MEASURES}

    def _mean(self, values: Array) -> Array:
        weights = np.where(np.isnan(values), 0.0, self.weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (weights * np.nan_to_num(values)).sum(axis=1) / weights.sum(axis=1)


def interval(draws: Array) -> tuple[float, float] | None:
    """The central 95 % of resampled values; None where most of them mean nothing."""
    known = draws[np.isfinite(draws)]
    if 2 * len(known) < len(draws) or len(known) == 0:
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
