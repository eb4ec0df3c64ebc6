"""Any score, brought to the unit of the labels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.few_shot import FewShot
from foretell.predictors.labels import Labels
from foretell.predictors.leave_one_out import fresh, held_out, price
from foretell.spaces import Population

__all__ = ["Calibrated"]

Vector = npt.NDArray[np.float64]
Shape = Literal["auto", "offset", "line"]


class Calibrated(FewShot):
    """An offset or a line from a score to the labels, whichever leaves the smaller leave-one-out error.

    A supernet that has seen no label is off by a constant more than by anything else. A
    score that itself learns from the labels is calibrated on its predictions without them.

    Args:
        inner: Gives the score.
        context: The surroundings.
        shape: "offset" or "line" instead of the automatic choice.

    Attributes:
        chosen: "offset" or "line", after `fit`.
        errors: Leave-one-out root mean squared error of each shape that was tried, after `fit`.
        held_out: Its predictions for the labels, each made without it, `[n]`, after `fit`.
    """

    spread = False

    def __init__(self, inner: Predictor, context: Context | None = None, *, shape: Shape = "auto") -> None:
        super().__init__(context)
        if shape not in ("auto", "offset", "line"):
            raise InputError(f"calibrated has the shape {shape!r}; expected auto, offset or line.")
        self.inner, self.shape = inner, shape
        self.name = f"calibrated:{inner.name}"
        self.price = price(inner)
        self.chosen = ""
        self.errors: dict[str, float] = {}
        self.held_out = np.empty(0)

    def _learn(self, labels: Labels) -> None:
        scores = held_out(self.inner, labels.observations)
        self.inner = fresh(self.inner).fit(labels.observations)
        if np.isnan(scores).any():
            raise InputError(
                f"{self.inner.name} has no score for {int(np.isnan(scores).sum())} of {len(labels)} labelled "
                "architectures; score them first, or leave them out."
            )
        residuals = {
            shape: _held_out(scores, labels.values, shape) for shape in self._shapes(scores) if len(labels) > 1
        }
        self.errors = {shape: float(np.sqrt((each**2).mean())) for shape, each in residuals.items()}
        self.chosen = min(self.errors, key=self.errors.__getitem__)
        self.held_out = labels.values - residuals[self.chosen]
        self._slope, self._center, self._mean = _line(scores, labels.values, self.chosen)
        self._n, self._spread = len(labels), float(((scores - self._center) ** 2).sum())
        degrees = len(labels) - 1
        self._noise = self.errors[self.chosen] ** 2 * degrees / max(degrees - 2, 1)

    def _shapes(self, scores: Vector) -> list[str]:
        if self.shape != "auto":
            return [self.shape]
        # A line needs a third label to be judged, and scores that differ whichever label is left out.
        enough = len(scores) > 2 and len(np.unique(scores)) > 2
        unit = getattr(self.inner, "calibrated", True)
        return ["offset", "line"] if enough and unit else ["line"] if enough else ["offset"]

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        scores = self.inner.predict(population).mean
        away = (scores - self._center) ** 2 / self._spread if self.chosen == "line" else 0.0
        # Leave-one-out errors already hold an average leverage; only what exceeds it is added.
        std = np.sqrt(self._noise * np.maximum(1.0, 1 + away - 1 / self._n)) + 0.0 * scores
        return self._mean + self._slope * (scores - self._center), std

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        return self.inner.predict(row[None]).reasons.get(0, f"{self.inner.name} abstains")


def _line(scores: Vector, values: Vector, shape: str) -> tuple[float, float, float]:
    """Slope, mean score, mean label."""
    center, mean = float(scores.mean()), float(values.mean())
    if shape == "offset":
        return 1.0, center, mean
    x = scores - center
    return float(x @ (values - mean)) / max(float(x @ x), 1e-300), center, mean


def _held_out(scores: Vector, values: Vector, shape: str) -> Vector:
    """Leave-one-out residuals in closed form, `[n]`."""
    slope, center, mean = _line(scores, values, shape)
    x = scores - center
    leverage = 1 / len(scores) + (x**2 / max(float(x @ x), 1e-300) if shape == "line" else 0.0)
    return (values - mean - slope * x) / np.maximum(1 - leverage, 1e-9)
