"""Learning an order instead of values."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from foretell.predictors.base import Prediction, Predictor, Report
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.predictors.leave_one_out import fresh
from foretell.spaces import Population

__all__ = ["Rank"]

Vector = npt.NDArray[np.float64]


class Rank(Predictor):
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
        self.inner, self.piecewise = [inner], inner.piecewise
        self.name = f"rank:{inner.name}"
        self.price = inner.price
        self.minimum = max(2, inner.minimum)

    def _learn(self, labels: Labels) -> None:
        scores = norm.ppf((rankdata(labels.values) - 0.5) / len(labels))
        ranked = [
            replace(item, metrics={self.metric: float(self.quality.from_goodness(score))})
            for item, score in zip(labels.observations, scores, strict=True)
        ]
        self.inner = [fresh(self.inner[0]).fit(ranked)]

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        prediction = self.inner[0].predict(population)
        return self.inner[0].goodness(prediction), prediction.std

    def reporting(self, report: Report) -> AbstractContextManager[None]:
        """Hands on the pieces of what is inside."""
        inner = self.inner[0]
        if not self.piecewise:
            return super().reporting(report)
        return inner.reporting(lambda rows, scores: report(rows, inner.goodness(Prediction(scores))))

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        return self.inner[0].predict(row[None]).reasons.get(0, f"{self.inner[0].name} abstains")
