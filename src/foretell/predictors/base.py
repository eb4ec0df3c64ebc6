"""The one contract of everything that says how good an architecture is, and its base class."""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.machine import blas_threads
from foretell.observations import Observation
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.spaces import Population, SearchSpace

__all__ = ["Prediction", "Predictor", "Report", "Spent"]

Vector = npt.NDArray[np.float64]


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
    """What a predictor says of a population.

    Attributes:
        mean: `float64 [n]`; NaN where the predictor abstains. Of a calibrated predictor in the metric's own unit
            (a loss is a loss); of another one a score of which higher is better. `Predictor.goodness` tells both
            the same way round.
        std: Standard deviation of each score, `float64 [n]`, or None where the predictor has none.
        reasons: Why it abstained, by row.
    """

    mean: Vector
    std: Vector | None = None
    reasons: dict[int, str] = field(default_factory=dict)


Report = Callable[[Population, Vector], None]
"""Takes canonical rows `[k, columns]` and their scores `[k]`, as in `Prediction.mean`."""


class Predictor(ABC):
    """Architecture to score: a language model, a supernet, a regression and a parameter count alike.

    A subclass gives `name`, `_learn(labels)` and `_score(population) -> (mean, std or None)`. What it may read is
    `self.context`, `self.space` and `self.columns`. The base class checks and merges labels, keeps the accounts, and
    turns metrics of which lower is better: inside, `labels.values` and the scores of a calibrated predictor are
    goodness (more is better, see `foretell.metrics.Metric`); outside, they are in the metric's own unit. What only
    ranks is higher for better architectures on both sides.

    Args:
        context: The surroundings; see `Context`.

    Attributes:
        name: The name in tables and schedules.
        metric: What its scores estimate ("valid_bleu").
        quality: The metric of that name: unit, bounds, direction.
        calibrated: Whether scores are in the unit of `metric`; if not, only their order means something.
        minimum: The number of distinct labelled architectures that it needs.
        spread: Whether it needs labels that differ.
        learns: Whether its scores depend on labels; if not, `fit` only notes them.
        partial: Whether it learns from partial trainings, too (observations of a fidelity below 1): a race hands it
            those as they come. To others they are not given.
        price: What one architecture's score costs: 0 nothing (closed form, on record), 1 a forward and
            backward pass, 2 a validation run, 3 money.
        piecewise: Whether it is so slow that it reports pieces of a population before the whole is done.
        inner: The predictors inside it.
        labels: How many labelled architectures it has seen.
        label_noise: Standard deviation of labels of one architecture, None where none repeats.
        held_out: In goodness, what it says of each label without having seen it, `[n]`, where that falls off while
            it is fitted.
        why: What it chose on the labels and for what reason, in a sentence; empty where it chose nothing.
        spent: What it has cost so far.
    """

    name: str
    calibrated: bool = True
    minimum: int = 2
    spread: bool = True
    learns: bool = True
    partial: bool = False
    price: int = 0
    piecewise: bool = False
    why: str = ""
    held_out: Vector | None = None

    def __init__(self, context: Context | None = None) -> None:
        context = context or Context()
        self.quality = context.quality
        # Looked up once: what was declared for a run is not known to threads that start later.
        self.context = replace(context, metric=self.quality)
        self.metric = self.quality.key
        self.columns: Columns = self.context.columns
        self.inner: list[Predictor] = []
        self.labels = 0
        self.label_noise: float | None = None
        self.spent = Spent()
        self._space = self.context.space
        self._observations: tuple[Observation, ...] = ()
        self._ready = False
        self._report: Report | None = None

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
            EqualLabelsError: All labels are equal although they must differ.
            InputError: Labels that are missing, or of another space.
        """
        start = time.perf_counter()
        observations = list(observations)
        if self._space is None and observations:
            self._space = observations[0].architecture.space
        self.columns = self.context.columns.merged(Columns.of(observations, self.metric))
        self._observations = tuple(observations)
        if self.learns or observations:
            labels = Labels.of(observations, self.quality, self.space) if observations else self._no_labels()
            labels.require(self.minimum, self.name, spread=self.spread)
            self.label_noise = labels.noise
            self.labels = len(labels) if self.learns else 0
            with blas_threads(1):
                self._learn(replace(labels, values=self.quality.goodness(labels.values)))
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
        score, std = self._score(canonical)
        mean = self._from_goodness(score)
        reasons = {int(row): self._reason(canonical[row]) for row in np.flatnonzero(np.isnan(mean))}
        self.spent.seconds += time.perf_counter() - start
        self.spent.evaluations += len(canonical)
        if self._report is not None and not self.piecewise:
            once = np.sort(np.unique(canonical, axis=0, return_index=True)[1])
            self._report(canonical[once], mean[once])
        return Prediction(mean, std, reasons)

    def compare(self, population: Population) -> Prediction:
        """As `predict`, with standard deviations that tell architectures apart.

        What is unsure of all alike, as the level of a task without labels is, does not count.
        """
        return self.predict(population)

    def goodness(self, prediction: Prediction) -> Vector:
        """A prediction of this predictor's, turned so that more is better, `[n]`; NaN where it abstained."""
        return self.quality.goodness(prediction.mean) if self.calibrated else prediction.mean

    def _from_goodness(self, goodness: Vector) -> Vector:
        return self.quality.from_goodness(goodness) if self.calibrated else goodness

    def reporting(self, report: Report) -> AbstractContextManager[None]:
        """Inside the block `predict` hands each finished piece to `report`, every distinct row exactly once."""
        return self._reporting(report)

    @contextmanager
    def _reporting(self, report: Report) -> Iterator[None]:
        self._report = report
        try:
            yield
        finally:
            self._report = None

    def parts(self, shares: Sequence[float]) -> Sequence[tuple[Predictor, int]]:
        """Predictors on disjoint parts of what it judges by, with their weights: what successive halving runs over.

        Their weighted mean is this predictor's score. One that judges by nothing that can be divided is one part.

        Args:
            shares: About what share of the whole each part has; they sum to 1.
        """
        return [(self, 1)]

    def fresh(self) -> Self:
        """A copy that can be fitted on its own; networks inside are shared, and so is what nobody changes."""
        twin = copy.copy(self)
        twin.spent = Spent()
        twin.inner = [each.fresh() for each in self.inner]
        return twin

    def inform(self, columns: Columns) -> None:
        """Add columns on record to what it and the predictors inside it may look up."""
        self.context = replace(self.context, columns=self.context.columns.merged(columns))
        for each in self.inner:
            each.inform(columns)

    def save_state(self) -> tuple[Observation, ...]:
        """What `fit` was given: fitting again on it gives the same predictor."""
        return self._observations

    def _no_labels(self) -> Labels:
        empty = np.empty((0, self._space.width if self._space else 0), dtype=np.int16)
        return Labels(empty, np.empty(0), (), self.metric)

    def _learn(self, labels: Labels) -> None:  # noqa: B027 - what reads a column or a network learns nothing
        """Fit to `labels`, whose values are goodness; not called for predictors that got none and need none."""

    @abstractmethod
    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        """Goodness and its standard deviation, each `float64 [n]`; NaN means no opinion. Rows are canonical."""

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        missing = [n for n in self.columns.names if np.isnan(self.columns.lookup(n, row[None])[0])]
        return f"no value on record for {', '.join(missing)}" if missing else "no score"
