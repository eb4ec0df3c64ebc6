"""Regressions on named features: lines, ridge, and the average of structured ridges that is the default."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.features import (
    COST_FEATURES,
    block_chances,
    check_features,
    feature_matrix,
    preferred_features,
    regression_blocks,
)
from foretell.predictors.labels import Labels
from foretell.ridge import AveragedRidge, Weighting, average_ridge
from foretell.spaces import Population

__all__ = ["CostLine", "Linear", "Regression", "Ridge"]

Vector = npt.NDArray[np.float64]

# Small enough to change no digit that is printed, large enough to keep collinear features harmless.
_LEAST_SQUARES = 1e-6


class Ridge(Predictor):
    """Ridge regression on one sum of feature sets, with one strength.

    Args:
        context: The surroundings.
        features: Feature sets joined by "+"; see `foretell.predictors.features`. None: depth and parameters where
            the space has both, else its genes.
        strength: Of the penalty on coefficients of standardised features.

    Raises:
        UnknownNameError: There is no such feature set.
        InputError: A strength that is not positive.
    """

    name = "ridge"
    preferred = "log-depth+log-params"

    def __init__(self, context: Context | None = None, *, features: str | None = None, strength: float = 0.1) -> None:
        super().__init__(context)
        if not strength > 0:
            raise InputError(f"{self.name} has the strength {strength}; expected a positive number.")
        if features is not None:
            check_features(features)
        self.features, self.strength = features, strength
        self._fit: AveragedRidge | None = None

    def _blocks(self) -> Sequence[str]:
        return (self.features or preferred_features(self.preferred, self.space),)

    def _strengths(self) -> Vector:
        return np.array([[self.strength]])

    def _weighting(self) -> Weighting:
        return "evidence"

    def _matrices(self, rows: Population) -> list[Vector]:
        return [feature_matrix(spec, self.space, rows, self.context, self.columns) for spec in self._blocks()]

    def _learn(self, labels: Labels) -> None:
        blocks = self._matrices(labels.population)
        lacking = int(np.isnan(np.hstack(blocks)).any(axis=1).sum())
        if lacking:
            there = ", ".join(self.columns.names)
            raise InputError(
                f"{lacking} of {len(labels)} labelled architectures lack a value that {self.name} needs "
                f"({', '.join(self._blocks())}); on record are: {there}."
            )
        strengths = self._strengths()
        chances = block_chances(self._blocks(), strengths)
        self._fit = average_ridge(blocks, labels.values, strengths, self._weighting(), chances)

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        assert self._fit is not None  # noqa: S101 - predict() refuses before
        return self._fit.predict(np.hstack(self._matrices(population)))


class Linear(Ridge):
    """Least squares on one sum of feature sets, such as "log-depth" or "column:HAT".

    Args:
        context: The surroundings.
        features: Feature sets joined by "+".
    """

    name = "linear"
    preferred = "log-depth"

    def __init__(self, context: Context | None = None, *, features: str | None = None) -> None:
        super().__init__(context, features=features, strength=_LEAST_SQUARES)


class CostLine(Linear):
    """A cost as a predictor: the raw number without labels, a least-squares line through them with labels.

    Args:
        context: The surroundings.
        cost: One of `foretell.predictors.features.COST_FEATURES`; also the predictor's name.
    """

    minimum = 0

    def __init__(self, context: Context | None = None, *, cost: str = "params") -> None:
        super().__init__(context, features=cost if cost in COST_FEATURES else None)
        self.features = self.name = cost
        self.calibrated = False

    def _learn(self, labels: Labels) -> None:
        self.calibrated = len(labels) > 0
        if self.calibrated:
            labels.require(2, self.name, spread=True)
            super()._learn(labels)

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        if self.calibrated:
            return super()._score(population)
        return self._matrices(population)[0][:, 0], None


class Regression(Ridge):
    """The default without a supernet or language model: structured ridges, averaged over all strengths.

    Up to five blocks of features, each with its own strength, as far as the space has them: log depths, log
    parameters, genes averaged over layers (HAT's ten values), per-layer values, and of networks of several stacks the
    products of depths and widths; with `latency`, log latency as one more. Every combination of strengths
    (a block may be off) is one model; the models are averaged by their evidence on the labels, nothing else.
    With ten labels that is: a curve in depth, and small corrections as far as the labels support them.

    Args:
        context: The surroundings.
        latency: Also use latency, from the context's latency model or the column `latency_ms`. Off unless
            asked for: the latency of an architecture is known before training only if somebody measured it.
        weighting: "evidence", or "loo" for the Akaike-like power of the leave-one-out error.
    """

    name = "regression"
    minimum = 3

    # Half-decades from "free" to "off" for what architectures obviously differ in; details start damped.
    _GRID: Mapping[str, tuple[float, ...]] = {
        "log-depths": (0.1, 1.0, np.inf),
        "log-params": (0.1, 1.0, 10.0, np.inf),
        "averages": (0.3, 1.0, 3.0, 10.0, 30.0, np.inf),
        "per-layer": (1, 3, 10, 30, np.inf),
        "shape-products": (3.0, 30.0, np.inf),
        "log-latency": (1.0, 10.0, np.inf),
    }

    def __init__(
        self, context: Context | None = None, *, latency: bool = False, weighting: Weighting = "evidence"
    ) -> None:
        super().__init__(context)
        if weighting not in ("evidence", "loo"):
            raise InputError(f"regression has the weighting {weighting!r}; expected evidence or loo.")
        self.latency, self.weighting = latency, weighting

    def _blocks(self) -> Sequence[str]:
        wanted = regression_blocks(self.space)
        return (*wanted, "log-latency") if self.latency else wanted

    def _strengths(self) -> Vector:
        return np.array(list(itertools.product(*(self._GRID[each] for each in self._blocks()))), dtype=np.float64)

    def _weighting(self) -> Weighting:
        return self.weighting
