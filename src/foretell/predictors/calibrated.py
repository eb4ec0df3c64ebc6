"""Any score, brought to the unit of the labels."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.predictors.base import Prediction, Predictor, Report
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.predictors.leave_one_out import fresh, held_out
from foretell.ridge import LEAST_SQUARES, fit_ridge, standardise
from foretell.spaces import Population

__all__ = ["Calibrated"]

Vector = npt.NDArray[np.float64]
Shape = Literal["auto", "offset", "line"]


class Calibrated(Predictor):
    """An offset or a line from a score to the labels, whichever leaves the smaller leave-one-out error.

    A supernet that has seen no label is off by a constant more than by anything else. A
    score that itself learns from the labels is calibrated on its predictions without them.

    Two labels, or two different scores, give a direction but no slope that could be believed: the one through them
    may send an architecture whose score lies further out anywhere. There a score in a unit of its own is bent
    instead: half the slope where the labels are, and less and less beyond, so that no prediction is further from
    their mean than the labels themselves.

    Args:
        inner: Gives the score.
        context: The surroundings.
        shape: "offset" or "line" instead of the automatic choice.

    Attributes:
        chosen: "offset", "line" or "bend", after `fit`.
        errors: Leave-one-out root mean squared error of each shape that was tried, after `fit`.
        held_out: Its predictions for the labels, each made without it, in goodness, `[n]`, after `fit`.
    """

    spread = False

    def __init__(self, inner: Predictor, context: Context | None = None, *, shape: Shape = "auto") -> None:
        super().__init__(context)
        if shape not in ("auto", "offset", "line"):
            raise InputError(f"calibrated has the shape {shape!r}; expected auto, offset or line.")
        self.inner, self.shape = [inner], shape
        self.name = f"calibrated:{inner.name}"
        self.price, self.piecewise = inner.price, inner.piecewise
        self.minimum = max(2, inner.minimum + 1) if inner.learns else 2
        self.chosen = ""
        self.errors: dict[str, float] = {}

    def _learn(self, labels: Labels) -> None:
        scores = held_out(self.inner[0], labels.observations)
        inner = fresh(self.inner[0]).fit(labels.observations)
        self.inner = [inner]
        if np.isnan(scores).any():
            raise InputError(
                f"{inner.name} has no score for {int(np.isnan(scores).sum())} of {len(labels)} labelled "
                "architectures; score them first, or leave them out."
            )
        residuals = {shape: _held_out(scores, labels.values, shape) for shape in self._shapes(scores)}
        self.errors = {shape: float(np.sqrt((each**2).mean())) for shape, each in residuals.items()}
        self.chosen = min(self.errors, key=self.errors.__getitem__)
        self.held_out = labels.values - residuals[self.chosen]
        self._slope, self._center, self._mean = _line(scores, labels.values, self.chosen)
        self._n, self._spread = len(labels), float(((scores - self._center) ** 2).sum())
        degrees = len(labels) - 1
        self._noise = self.errors[self.chosen] ** 2 * degrees / max(degrees - 2, 1)

    def _shapes(self, scores: Vector) -> list[str]:
        # A line needs a third label to be judged, and scores that differ whichever label is left out.
        enough = len(scores) > 2 and len(np.unique(scores)) > 2
        if self.shape == "offset":
            return ["offset"]
        if self.shape == "line":
            return ["line" if enough else "bend"]
        unit = self.inner[0].calibrated
        return ["offset", "line"] if enough and unit else ["line"] if enough else ["offset"] if unit else ["bend"]

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        return self._turned(self.inner[0].goodness(self.inner[0].predict(population)))

    def _turned(self, scores: Vector) -> tuple[Vector, Vector]:
        """Scores `[n]` in goodness, brought to the labels, and their standard deviations."""
        x = scores - self._center
        away = x**2 / self._spread if self.chosen == "line" else 0.0
        # Leave-one-out errors already hold an average leverage; only what exceeds it is added.
        std = np.sqrt(self._noise * np.maximum(1.0, 1 + away - 1 / self._n)) + 0.0 * scores
        if self.chosen == "bend":
            reach = np.sqrt(self._spread / self._n)  # how far the labels' scores are from their mean
            x = x / (1 + np.abs(x) / reach) if reach else 0.0 * x
        return self._mean + self._slope * x, std

    def reporting(self, report: Report) -> AbstractContextManager[None]:
        """Hands on the pieces of what is inside, calibrated."""
        inner = self.inner[0]
        if not self.piecewise:
            return super().reporting(report)

        def hand_on(rows: Population, scores: Vector) -> None:
            report(rows, self._from_goodness(self._turned(inner.goodness(Prediction(scores)))[0]))

        return inner.reporting(hand_on)

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        return self.inner[0].predict(row[None]).reasons.get(0, f"{self.inner[0].name} abstains")


def _line(scores: Vector, values: Vector, shape: str) -> tuple[float, float, float]:
    """Slope, mean score, mean label."""
    center, mean = float(scores.mean()), float(values.mean())
    if shape == "offset":
        return 1.0, center, mean
    x = scores - center
    return float(x @ (values - mean)) / max(float(x @ x), 1e-300), center, mean


def _held_out(scores: Vector, values: Vector, shape: str) -> Vector:
    """Leave-one-out residuals in closed form, `[n]`."""
    if shape == "bend":  # without one of two different scores no slope is left, only the mean of the other labels
        return (values - values.mean()) * len(values) / (len(values) - 1)
    z = standardise(scores[:, None])[0] if shape == "line" else np.empty((len(scores), 0))
    y = values if shape == "line" else values - scores
    return fit_ridge(z, y - y.mean(), np.full((1, z.shape[1]), LEAST_SQUARES)).residuals[0]
