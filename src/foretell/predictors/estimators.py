"""Scikit-learn's Gaussian process, random forest and gradient boosting on named features."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.features import check_features, feature_matrix, preferred_features
from foretell.predictors.labels import Labels
from foretell.ridge import standardise
from foretell.spaces import Population

__all__ = ["Boosting", "Forest", "GaussianProcess", "HistogramBoosting"]

Vector = npt.NDArray[np.float64]

_MOST_FOLDS = 5


class _Estimator(Predictor):
    """A scikit-learn regressor on standardised features; its spread comes from held-out residuals.

    Args:
        context: The surroundings; `seed` seeds the regressor.
        features: Feature sets joined by "+"; None: `preferred` where the space has it, else its genes.
    """

    minimum = 3
    preferred = "averages"

    def __init__(self, context: Context | None = None, *, features: str | None = None) -> None:
        super().__init__(context)
        if features is not None:
            check_features(features)
        self.features = features

    @abstractmethod
    def _create(self, width: int) -> Any:
        """A scikit-learn regressor for so many features."""

    def _matrix(self, rows: Population) -> Vector:
        spec = self.features or preferred_features(self.preferred, self.space)
        return feature_matrix(spec, self.space, rows, self.context, self.columns)

    def _fitted(self, x: Vector, y: Vector) -> Any:
        with warnings.catch_warnings():
            # Bounds that a length scale reaches mean "this feature does not matter", which is no fault.
            warnings.simplefilter("ignore")
            return self._create(x.shape[1]).fit(x, y)

    def _learn(self, labels: Labels) -> None:
        x, self._center, self._scale = standardise(self._matrix(labels.population))
        self._model = self._fitted(x, labels.values)
        self._std = self._error(x, labels.values)

    def _error(self, x: Vector, y: Vector) -> float:
        """Root mean squared error of predictions for labels left out, one or a fifth at a time."""
        fold = np.arange(len(y)) % min(len(y), _MOST_FOLDS)
        squares = [
            ((self._fitted(x[fold != k], y[fold != k]).predict(x[fold == k]) - y[fold == k]) ** 2)
            for k in range(fold.max() + 1)
        ]
        return float(np.sqrt(np.concatenate(squares).mean()))

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        x = (self._matrix(population) - self._center) / self._scale
        mean = np.full(len(x), np.nan)
        known = np.asarray(~np.isnan(x).any(axis=1))
        if known.any():
            mean[known] = self._model.predict(x[known])
        return mean, self._spread(x, known)

    def _spread(self, x: Vector, known: npt.NDArray[np.bool_]) -> Vector:
        """Standard deviations, `[n]`."""
        return np.full(len(x), self._std)


class GaussianProcess(_Estimator):
    """A Gaussian process with a squared-exponential kernel and noise, fitted by marginal likelihood."""

    name = "gp"
    preferred = "log-depth+log-params"

    def _create(self, width: int) -> Any:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        kernel = ConstantKernel(1.0, (1e-2, 1e3)) * RBF(1.0, (1e-1, 1e3)) + WhiteKernel(0.1, (1e-4, 1e1))
        return GaussianProcessRegressor(
            kernel, normalize_y=True, n_restarts_optimizer=2, random_state=self.context.seed
        )

    def _error(self, x: Vector, y: Vector) -> float:
        return float("nan")  # its posterior says it, row by row

    def _spread(self, x: Vector, known: npt.NDArray[np.bool_]) -> Vector:
        spread = np.full(len(x), np.nan)
        if known.any():
            spread[known] = self._model.predict(x[known], return_std=True)[1]
        return spread


class Forest(_Estimator):
    """A random forest; with ten labels mostly a warning."""

    name = "forest"

    def _create(self, width: int) -> Any:
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(n_estimators=100, random_state=self.context.seed, n_jobs=1, oob_score=True)

    def _error(self, x: Vector, y: Vector) -> float:
        # Trees that did not draw a label judge it: no refits.
        return float(np.sqrt(((self._model.oob_prediction_ - y) ** 2).mean()))


class HistogramBoosting(_Estimator):
    """Gradient boosting of histogram trees: for hundreds of labels and more, where it is fast."""

    name = "hist-boosting"

    def _create(self, width: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(min_samples_leaf=5, early_stopping=False, random_state=self.context.seed)


class Boosting(_Estimator):
    """Gradient boosting of shallow trees."""

    name = "boosting"

    def _create(self, width: int) -> Any:
        from sklearn.ensemble import GradientBoostingRegressor

        return GradientBoostingRegressor(n_estimators=100, max_depth=2, random_state=self.context.seed)
