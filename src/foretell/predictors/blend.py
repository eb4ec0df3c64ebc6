"""Several predictors as one: their mean, or their median."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.predictors.leave_one_out import fresh, held_out
from foretell.spaces import Population

__all__ = ["Blend"]

Vector = npt.NDArray[np.float64]


class Blend(Predictor):
    """The unweighted mean or median of calibrated predictors.

    No weights are fitted: ten labels say too little about who is better, and fitted weights follow whichever
    score happens to agree with them. The median also shrugs off one score's failure on one architecture (a
    supernet row of the published data is 1.6 BLEU off where its three sisters agree).

    Args:
        inner: The predictors, in the unit of the metric.
        context: The surroundings.
        how: "mean" or "median".

    Attributes:
        error: Leave-one-out root mean squared error, after `fit`.
    """

    minimum = 2

    def __init__(
        self, inner: Sequence[Predictor], context: Context | None = None, *, how: Literal["mean", "median"] = "mean"
    ) -> None:
        super().__init__(context)
        if not inner:
            raise InputError("a blend needs at least one predictor inside; name one or more.")
        self.inner, self.how = list(inner), how
        kind = "consensus" if how == "median" else "mean"
        self.name = f"{kind}({','.join(each.name for each in inner)})"
        self.price = max(each.price for each in inner)
        self.spread = any(each.spread for each in inner)
        self.minimum = max(2, *(each.minimum + 1 for each in inner))
        self.error = float("nan")

    def _learn(self, labels: Labels) -> None:
        held = self._together(np.stack([held_out(each, labels.observations) for each in self.inner]))
        self.inner = [fresh(each).fit(labels.observations) for each in self.inner]
        residuals = labels.values - held
        self.error = float(np.sqrt((residuals**2).mean()))

    def _together(self, scores: Vector) -> Vector:
        """Scores `[predictors, n]` to `[n]`; NaN where any abstains."""
        return scores.mean(axis=0) if self.how == "mean" else np.median(scores, axis=0)

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        mean = self._together(np.stack([each.goodness(each.predict(population)) for each in self.inner]))
        n = self.labels
        return mean, np.full(len(mean), self.error * np.sqrt((n - 1) / max(n - 3, 1)))

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        reasons = [each.predict(row[None]).reasons.get(0, "") for each in self.inner]
        return "; ".join(filter(None, reasons)) or "a predictor inside abstains"
