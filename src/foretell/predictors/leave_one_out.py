"""What a predictor says of each labelled architecture when it has not seen that label."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.observations import Observation, population_of
from foretell.predictors.base import Predictor
from foretell.predictors.columns import Columns

__all__ = ["fresh", "learns", "leave_one_out", "price"]

Vector = npt.NDArray[np.float64]


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
    if not learns(predictor):
        return predictor.fit(observations).predict(population_of(observations)).mean
    twin = fresh(predictor)
    inform = getattr(twin, "inform", None)
    if inform is not None:
        # What is on record of the architecture left out may be looked up; only its label is hidden.
        inform(Columns.of(observations, predictor.metric))
    held = []
    for index, item in enumerate(observations):
        rest = [*observations[:index], *observations[index + 1 :]]
        held.append(fresh(twin).fit(rest).predict(population_of([item])).mean[0])
    return np.array(held, dtype=np.float64)
