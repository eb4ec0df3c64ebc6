"""What a predictor says of each labelled architecture when it has not seen that label."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from foretell.observations import Observation, population_of
from foretell.predictors.base import Prediction, Predictor
from foretell.predictors.columns import Columns
from foretell.predictors.labels import EqualLabelsError
from foretell.spaces import Population

__all__ = ["fit_held_out", "fresh", "held_out", "leave_one_out"]

Vector = npt.NDArray[np.float64]
_Say = Callable[[Predictor, Prediction], Vector]

_DEAR = 3  # the price of scores that cost money or minutes
_DEAR_FOLDS = 10


def fresh(predictor: Predictor) -> Predictor:
    """An unfitted twin of a predictor that learns; the others are shared, they may hold a network."""
    return predictor.fresh() if predictor.learns else predictor


def leave_one_out(predictor: Predictor, observations: Sequence[Observation]) -> Vector:
    """Predictions for observations, each made without it, `float64 [n]`, as in `Prediction.mean`.

    Args:
        predictor: Not changed. One that does not learn is asked once; one that learns is fitted n times.
        observations: Distinct architectures with labels.
    """
    return _by_folds(predictor, observations, len(observations), lambda _, prediction: prediction.mean)


def held_out(predictor: Predictor, observations: Sequence[Observation], folds: int | None = None) -> Vector:
    """As `leave_one_out`, in goodness, but a predictor whose scores cost money is fitted ten times at most.

    With `folds` none is fitted more often than that. A tenth of the observations, say, is then left out together:
    every tenth in the order of their genes, so that no order in which they come decides anything and each fold has
    some from everywhere.
    """
    n = len(observations)
    folds = min(n, folds or n, _DEAR_FOLDS if predictor.price >= _DEAR else n)
    return _by_folds(predictor, observations, folds, lambda fitted, prediction: fitted.goodness(prediction))


def fit_held_out(predictor: Predictor, observations: Sequence[Observation]) -> tuple[Predictor, Vector]:
    """A fitted twin, and what is predicted for each observation without it, in goodness, `float64 [n]`.

    A composite that works the latter out while it is fitted (its attribute `held_out`) is not fitted again.
    """
    fitted = fresh(predictor).fit(observations)
    own = fitted.held_out
    return fitted, held_out(predictor, observations) if own is None else own


def _by_folds(predictor: Predictor, observations: Sequence[Observation], folds: int, say: _Say) -> Vector:
    population = population_of(observations)
    if not predictor.learns:
        fitted = predictor.fit(observations)
        return say(fitted, fitted.predict(population))
    twin = fresh(predictor)
    # What is on record of the architecture left out may be looked up; only its label is hidden.
    twin.inform(Columns.of(observations, predictor.metric))
    held = np.empty(len(observations))
    fold = np.argsort(np.lexsort(population.T[::-1])) % folds
    for number in range(folds):
        out = fold == number
        rest = [item for item, left in zip(observations, out, strict=True) if not left]
        held[out] = _without(fresh(twin), rest, population[out], say)
    return held


def _without(twin: Predictor, rest: Sequence[Observation], left_out: Population, say: _Say) -> Vector:
    """What is said of rows that were left out; where the rest have one and the same label, that label."""
    try:
        fitted = twin.fit(rest)
    except EqualLabelsError:
        if not twin.calibrated:
            raise
        label = next(item.metric(twin.metric) for item in rest if not item.failed)
        return say(twin, Prediction(np.full(len(left_out), label)))
    return say(fitted, fitted.predict(left_out))
