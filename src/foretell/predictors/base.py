"""The one contract of everything that says how good an architecture is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from foretell.observations import Observation
from foretell.spaces import Population, SearchSpace

__all__ = ["Piecewise", "Prediction", "Predictor", "Report", "Spent"]


@dataclass
class Spent:
    """What a predictor has cost so far.

    Attributes:
        seconds: Wall-clock time of fitting and predicting.
        tokens: Language-model tokens, billed or computed.
        dollars: Money; None where the price is unknown.
        evaluations: Architectures that were really scored, cached answers not counted.
    """

    seconds: float = 0.0
    tokens: int = 0
    dollars: float | None = 0.0
    evaluations: int = 0


@dataclass(frozen=True)
class Prediction:
    """Scores of a population; higher is better.

    Attributes:
        mean: `float64 [n]`; NaN where the predictor abstains.
        std: Standard deviation of each score, `float64 [n]`, or None where the predictor has none.
        reasons: Why it abstained, by row.
    """

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64] | None = None
    reasons: dict[int, str] = field(default_factory=dict)


@runtime_checkable
class Predictor(Protocol):
    """Architecture to score: a language model, a supernet, a regression and a parameter count alike.

    Attributes:
        name: The name in tables and schedules.
        metric: What its scores estimate ("valid_bleu"), after `fit`.
        calibrated: Whether scores are in the unit of `metric`; if not, only their order means something.
        labels: How many labelled architectures it has seen.
        spent: What it has cost so far.

    Two more attributes are read where a predictor has them: `learns`, whether its scores depend on labels
    (a supernet's do not), and `price`, from 0 (closed form, on record) over 1 (a pass) and 2 (a validation
    run) to 3 (money).
    """

    name: str
    metric: str
    calibrated: bool
    labels: int
    spent: Spent

    @property
    def space(self) -> SearchSpace:
        """The search space whose populations it scores."""
        ...

    def fit(self, observations: Sequence[Observation]) -> Self:
        """Learn from labelled architectures (some predictors need none) and return itself.

        Raises:
            InputError: Too few labels, or labels that cannot be learnt from; the message says how many.
        """
        ...

    def predict(self, population: Population) -> Prediction:
        """Score a population.

        Args:
            population: `int16 [n, columns]` of the predictor's space, canonical or not, n may be 0.
        """
        ...


Report = Callable[[Population, npt.NDArray[np.float64]], None]
"""Takes canonical rows `[k, columns]` and their scores `[k]`."""


@runtime_checkable
class Piecewise(Protocol):
    """A predictor so slow that it reports pieces of a population before the whole is done."""

    def reporting(self, report: Report) -> AbstractContextManager[None]:
        """Inside the block `predict` hands each finished piece to `report`, every distinct row exactly once."""
        ...
