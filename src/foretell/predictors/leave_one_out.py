"""What a predictor says of each labelled architecture when it has not seen that label."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.observations import Observation, population_of
from foretell.predictors.base import Predictor
from foretell.predictors.columns import Columns

__all__ = ["fit_held_out", "fresh", "held_out", "learns", "leave_one_out", "price"]

Vector = npt.NDArray[np.float64]

_DEAR = 3  # the price of scores that cost money or minutes
_DEAR_FOLDS = 10


def learns(predictor: Predictor) -> bool:
    """Whether a predictor's scores depend on labels (its attribute `learns`; assumed where it has none)."""
    return bool(getattr(predictor, "learns", getattr(predictor, "calibrated", True)))


def price(predictor: Predictor) -> int:
    """What one more score costs: 0 nothing, 1 a pass, 2 a validation run, 3 money (see `FewShot.price`)."""
    return int(getattr(predictor, "price", 0))


def fresh(predictor: Predictor) -> Predictor:
    """An unfitted twin of a predictor that learns; the others are shared, they may hold a network."""
    if not learns(predictor):
        return predictor
    twin = getattr(predictor, "fresh", None)
    return twin() if twin is not None else copy.deepcopy(predictor)


def leave_one_out(predictor: Predictor, observations: Sequence[Observation]) -> Vector:
    """Predictions for observations, each made without it, `float64 [n]`.

    Args:
        predictor: Not changed. One that does not learn is asked once; one that learns is fitted n times.
        observations: Distinct architectures with labels.
    """
    return _by_folds(predictor, observations, len(observations))


def held_out(predictor: Predictor, observations: Sequence[Observation]) -> Vector:
    """As `leave_one_out`, but a predictor whose scores cost money is fitted ten times at most.

    A tenth of the observations is then left out together: every tenth in the order of their genes, so that
    no order in which they come decides anything and each fold has some from everywhere.
    """
    n = len(observations)
    return _by_folds(predictor, observations, min(n, _DEAR_FOLDS) if price(predictor) >= _DEAR else n)


def fit_held_out(predictor: Predictor, observations: Sequence[Observation]) -> tuple[Predictor, Vector]:
    """A fitted twin, and what is predicted for each observation without it, `float64 [n]`.

    A composite that works the latter out while it is fitted (its attribute `held_out`) is not fitted again.
    """
    fitted = fresh(predictor).fit(observations)
    own: Vector | None = getattr(fitted, "held_out", None)
    return fitted, held_out(predictor, observations) if own is None else own


def _by_folds(predictor: Predictor, observations: Sequence[Observation], folds: int) -> Vector:
    population = population_of(observations)
    if not learns(predictor):
        return predictor.fit(observations).predict(population).mean
    twin = fresh(predictor)
    inform = getattr(twin, "inform", None)
    if inform is not None:
        # What is on record of the architecture left out may be looked up; only its label is hidden.
        inform(Columns.of(observations, predictor.metric))
    held = np.empty(len(observations))
    fold = np.argsort(np.lexsort(population.T[::-1])) % folds
    for number in range(folds):
        out = fold == number
        rest = [item for item, left in zip(observations, out, strict=True) if not left]
        held[out] = fresh(twin).fit(rest).predict(population[out]).mean
    return held
