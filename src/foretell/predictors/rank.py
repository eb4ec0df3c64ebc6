"""Learning an order instead of values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.few_shot import FewShot
from foretell.predictors.labels import Labels
from foretell.predictors.leave_one_out import fresh, price
from foretell.spaces import Population

__all__ = ["Rank"]

Vector = npt.NDArray[np.float64]


class Rank(FewShot):
    """A predictor fitted to the labels' ranks (as normal scores), so that outliers cannot bend it.

    Its scores only rank: `calibrated` is false. `calibrated:rank:X` brings them back to the metric's unit.

    Args:
        inner: Learns the ranks.
        context: The surroundings.
    """

    calibrated = False
    minimum = 2

    def __init__(self, inner: Predictor, context: Context | None = None) -> None:
        super().__init__(context)
        self.inner = inner
        self.name = f"rank:{inner.name}"
        self.price = price(inner)
        self.minimum = max(2, getattr(inner, "minimum", 2))

    def _learn(self, labels: Labels) -> None:
        scores = norm.ppf((rankdata(labels.values) - 0.5) / len(labels))
        ranked = [
            replace(item, metrics={self.metric: float(score)})
            for item, score in zip(labels.observations, scores, strict=True)
        ]
        self.inner = fresh(self.inner).fit(ranked)

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        prediction = self.inner.predict(population)
        return prediction.mean, prediction.std
