"""What a list of observations says, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.metrics import PRIMARY_METRIC
from foretell.observations.observation import Observation
from foretell.spaces import Population

__all__ = ["cost_column", "metric_column", "population_of", "score_column"]

_Column = npt.NDArray[np.float64]


def population_of(observations: Sequence[Observation]) -> Population:
    """The observed architectures, `int16 [n, columns]`, canonical.

    Raises:
        InputError: There are none, or they are of different spaces.
    """
    if not observations:
        raise InputError("there is no observation; at least one is needed.")
    space = observations[0].architecture.space
    return space.population([item.architecture for item in observations])


def metric_column(observations: Sequence[Observation], name: str = PRIMARY_METRIC) -> _Column:
    """A measured metric, `float64 [n]`.

    Raises:
        InputError: An observation lacks it.
    """
    return _column(observations, lambda item: item.metric(name))


def cost_column(observations: Sequence[Observation], name: str) -> _Column:
    """A recorded cost, `float64 [n]`.

    Raises:
        InputError: An observation lacks it.
    """
    return _column(observations, lambda item: item.cost(name))


def score_column(observations: Sequence[Observation], predictor: str, metric: str = PRIMARY_METRIC) -> _Column:
    """What a predictor said of a metric, `float64 [n]`.

    Raises:
        InputError: An observation lacks it.
    """
    return _column(observations, lambda item: item.score(predictor, metric))


def _column(observations: Sequence[Observation], get: Callable[[Observation], float]) -> _Column:
    return np.array([get(item) for item in observations], dtype=np.float64)
