"""Scores and cheap features in one regularised regression."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.features import check_features, feature_matrix, preferred_features
from foretell.predictors.labels import Labels
from foretell.predictors.leave_one_out import fresh, held_out
from foretell.ridge import AveragedRidge, average_ridge
from foretell.spaces import Population

__all__ = ["Stacked"]

Vector = npt.NDArray[np.float64]


class Stacked(Predictor):
    """A regularised regression on other predictors' scores and on cheap features.

    What a score says of a labelled architecture enters only as its prediction without that label, so a predictor
    that has memorised its labels gets no weight for that. Strengths are averaged as in `Regression`.

    Args:
        inner: The scores.
        context: The surroundings.
        features: Feature sets joined by "+", one block each; "none" for scores alone; None: depth and parameters
            where the space has both, else its genes.
    """

    minimum = 4

    _STRENGTHS = (0.1, 1.0, 10.0, np.inf)

    def __init__(
        self, inner: Sequence[Predictor], context: Context | None = None, *, features: str | None = None
    ) -> None:
        super().__init__(context)
        if not inner:
            raise InputError("stacked needs at least one predictor inside, as in stacked(column:HAT).")
        self.inner = list(inner)
        if features not in (None, "none"):
            check_features(str(features))
        self._asked = features
        self.name = f"stacked({','.join(each.name for each in inner)})"
        self.price = max(each.price for each in inner)
        self._fit: AveragedRidge | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The feature sets beside the scores, one block each."""
        if self._asked == "none":
            return ()
        return check_features(self._asked or preferred_features("log-depth+log-params", self.space))

    def _learn(self, labels: Labels) -> None:
        scores = [held_out(each, labels.observations)[:, None] for each in self.inner]
        if np.isnan(np.hstack(scores)).any():
            raise InputError(f"{self.name}: a score is missing for a labelled architecture; score all of them first.")
        self.inner = [fresh(each).fit(labels.observations) for each in self.inner]
        blocks = [*scores, *self._cheap(labels.population)]
        # One strength for all scores and one a feature set keeps the grid small however many scores there are.
        grid = list(itertools.product(self._STRENGTHS, repeat=1 + len(self.features)))
        strengths = np.array([[point[0]] * len(scores) + list(point[1:]) for point in grid])
        self._fit = average_ridge(blocks, labels.values, strengths)

    def _cheap(self, rows: Population) -> list[Vector]:
        return [feature_matrix(each, self.space, rows, self.context, self.columns) for each in self.features]

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        assert self._fit is not None  # noqa: S101 - predict() refuses before
        scores = [each.goodness(each.predict(population))[:, None] for each in self.inner]
        return self._fit.predict(np.hstack([*scores, *self._cheap(population)]))
