"""The rows that every table must carry: what knowing nothing, or a recorded score, gives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.spaces import Population

__all__ = ["Column", "Constant"]

Vector = npt.NDArray[np.float64]


class Constant(Predictor):
    """The mean of the labels for everybody; its order means nothing."""

    name = "constant"
    minimum = 1
    spread = False

    def _learn(self, labels: Labels) -> None:
        n = len(labels)
        self._mean = float(labels.values.mean())
        # A new label deviates by the labels' own spread and by the error of their mean.
        self._std = float(labels.values.std(ddof=1)) * float(np.sqrt(1 + 1 / n)) if n > 1 else None

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        std = None if self._std is None else np.full(len(population), self._std)
        return np.full(len(population), self._mean), std


class Column(Predictor):
    """A column on record, taken at its word: a supernet's score, a published prediction, a measured cost.

    Scores stand in the metric's unit, though often with a bias: put `calibrated:` before it. Costs, and scores in
    a unit of their own, only rank.

    Args:
        column: The column's name, such as "HAT" or "latency_ms".
        context: The surroundings.
    """

    minimum = 0
    spread = False
    learns = False

    def __init__(self, column: str, context: Context | None = None) -> None:
        super().__init__(context)
        self.column = column
        self.name = f"column:{column}"
        self.calibrated = column in self.context.columns.scores

    def _learn(self, labels: Labels) -> None:
        self.columns.lookup(self.column, labels.population)
        self.calibrated = self.column in self.columns.scores

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        return self.columns.goodness(self.column, population, self.quality), None

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        return f"no {self.column} on record"
