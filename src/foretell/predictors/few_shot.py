"""What predictors that learn from a handful of labels have in common."""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.observations import Observation
from foretell.predictors.base import Prediction, Spent
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.spaces import Population, SearchSpace

__all__ = ["FewShot"]

Vector = npt.NDArray[np.float64]


class FewShot(ABC):
    """Base class: checks and merges labels, keeps the accounts, and leaves two methods to write.

    A subclass gives `name`, `_learn(labels)` and `_score(population) -> (mean, std or None)`. What it may
    read is `self.context`, `self.space` and `self.columns`.

    Args:
        context: The surroundings; see `Context`.

    Attributes:
        minimum: The number of distinct labelled architectures that it needs.
        spread: Whether it needs labels that differ.
        learns: Whether its scores depend on labels; if not, `fit` only notes them.
        price: What one architecture's score costs: 0 nothing (closed form, on record), 1 a forward and
            backward pass, 2 a validation run, 3 money.
        label_noise: Standard deviation of labels of one architecture, None where none repeats.
    """

    name: str
    calibrated: bool = True
    minimum: int = 2
    spread: bool = True
    learns: bool = True
    price: int = 0

    def __init__(self, context: Context | None = None) -> None:
        self.context = context or Context()
        self.metric = self.context.metric
        self.columns: Columns = self.context.columns
        self.labels = 0
        self.label_noise: float | None = None
        self.spent = Spent()
        self._space = self.context.space
        self._observations: tuple[Observation, ...] = ()
        self._ready = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, labels={self.labels})"

    @property
    def space(self) -> SearchSpace:
        """The search space whose populations it scores.

        Raises:
            InputError: Nobody has said so far.
        """
        if self._space is None:
            raise InputError(f"{self.name} has no space yet; give one to create() or call fit() first.")
        return self._space

    def fit(self, observations: Sequence[Observation]) -> Self:
        """Learn from labelled architectures; the outcome does not depend on their order beyond rounding.

        Raises:
            TooFewLabelsError: Fewer labels than it needs; the message says how many.
            InputError: Labels that are missing, all equal, or of another space.
        """
        start = time.perf_counter()
        observations = list(observations)
        if self._space is None and observations:
            self._space = observations[0].architecture.space
        self.columns = self.context.columns.merged(Columns.of(observations, self.metric))
        self._observations = tuple(observations)
        if self.learns or observations:
            labels = Labels.of(observations, self.metric, self.space) if observations else self._no_labels()
            labels.require(self.minimum, self.name, spread=self.spread)
            self.label_noise = labels.noise
            self.labels = len(labels) if self.learns else 0
            self._learn(labels)
        self._ready = True
        self.spent.seconds += time.perf_counter() - start
        return self

    def predict(self, population: Population) -> Prediction:
        """Score a population; each row's score depends on that row alone.

        Args:
            population: `int16 [n, columns]`, canonical or not, n may be 0.

        Raises:
            InputError: Values that are not of the space, or not fitted yet.
        """
        start = time.perf_counter()
        if self.learns and not self._ready:
            raise InputError(f"{self.name} has not seen a label; call fit() first.")
        self.space.validate(population)
        canonical = self.space.canonical(population)
        if len(canonical) == 0:
            return Prediction(np.empty(0), None)
        mean, std = self._score(canonical)
        reasons = {int(row): self._reason(canonical[row]) for row in np.flatnonzero(np.isnan(mean))}
        self.spent.seconds += time.perf_counter() - start
        self.spent.evaluations += len(canonical)
        return Prediction(mean, std, reasons)

    def fresh(self) -> Self:
        """A copy that can be fitted on its own; networks inside are shared, and so is what nobody changes."""
        twin = copy.copy(self)
        twin.spent = Spent()
        inside = getattr(self, "inner", None)
        if inside is not None:
            twin.inner = [_twin(each) for each in inside] if isinstance(inside, list) else _twin(inside)  # type: ignore[attr-defined]
        return twin

    def inform(self, columns: Columns) -> None:
        """Add columns on record to what it and the predictors inside it may look up."""
        self.context = replace(self.context, columns=self.context.columns.merged(columns))
        inner = getattr(self, "inner", [])
        for each in inner if isinstance(inner, list) else [inner]:
            if isinstance(each, FewShot):
                each.inform(columns)

    def save_state(self) -> tuple[Observation, ...]:
        """What `fit` was given: fitting again on it gives the same predictor."""
        return self._observations

    def _no_labels(self) -> Labels:
        empty = np.empty((0, self._space.width if self._space else 0), dtype=np.int16)
        return Labels(empty, np.empty(0), (), self.metric)

    def _learn(self, labels: Labels) -> None:  # noqa: B027 - what reads a column or a network learns nothing
        """Fit to `labels`; not called for predictors that got none and need none."""

    @abstractmethod
    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        """Mean and standard deviation, each `float64 [n]`; NaN means no opinion. Rows are canonical."""

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        missing = [n for n in self.columns.names if np.isnan(self.columns.lookup(n, row[None])[0])]
        return f"no value on record for {', '.join(missing)}" if missing else "no score"


def _twin(predictor: object) -> object:
    return predictor.fresh() if isinstance(predictor, FewShot) else predictor
