"""What other tasks have taught: a prediction for a new task with no label of it, few, or many."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from foretell.multitask import MultitaskFit
from foretell.observations import Observation
from foretell.predictors.base import Prediction, Predictor
from foretell.predictors.context import Context
from foretell.predictors.experience_model import ExperienceModel
from foretell.predictors.experience_sources import View, sources_of
from foretell.predictors.labels import Labels, TooFewLabelsError
from foretell.predictors.records import shipped_records, task_marks
from foretell.predictors.ridge import Regression
from foretell.spaces import Population

__all__ = ["Experience"]

Vector = npt.NDArray[np.float64]


class Experience(Predictor):
    """Learns from labels of other tasks what makes an architecture good, and from those of the task how it differs.

    A regression over tasks (`foretell.multitask`): every task has its own level and scale, a common function of the
    architecture and its own departure from it. Without a label of the task the common function orders its architectures
    and other tasks' levels guess the unit; labels move all of it as far as they justify, and tasks that disagree with
    them lose weight. The features are those of `Regression` and logarithms of its averages. Records of the very space
    are preferred; where there are none, those of another space of the family are read by features relative to each
    space's random architectures.

    Partial trainings of the task count, too: the loss on the way is one more feature, whose weight is learnt from the
    learning curves of other tasks. Where those have none, what is seen goes unused.

    Without records of its family it is `regression`.

    Args:
        context: The surroundings. `records` are the other tasks (None: those that come with foretell), less those that
            share a fingerprint with `judged`, or with the labels.
        scores: Scores on record to look at as well, joined by "+", or "all"; they are standardised within each task.
        disjoint: Whether an architecture's own labels on other tasks are left out when it is predicted, as they must be
            where predictions are judged; None: what the context says.

    Attributes:
        records: Names of the records that it learns from, after `fit`.
    """

    name = "experience"
    minimum = 0
    spread = False
    partial = True

    def __init__(
        self, context: Context | None = None, *, scores: str | None = None, disjoint: bool | None = None
    ) -> None:
        super().__init__(context)
        self.disjoint = self.context.disjoint if disjoint is None else disjoint
        self.scores = scores
        self.records: tuple[str, ...] = ()
        self._full: list[Observation] = []
        self._parts: list[Observation] = []
        self._level = True
        # Shared with copies, which a race fits anew after every training: what other tasks teach stays the same.
        self._shelf: dict[Hashable, MultitaskFit] = {}
        self._model: ExperienceModel | None = None
        self._alone: Regression | None = None

    def fit(self, observations: Sequence[Observation]) -> Self:
        """Learn from full trainings of the task, and from partial ones of what is to be predicted.

        Raises:
            TooFewLabelsError: No record of other tasks, and fewer labels than `regression` needs.
            EqualLabelsError: No record of other tasks, and labels that do not differ.
        """
        self._parts = [item for item in observations if item.fidelity < 1 and not item.failed]
        self._full = [item for item in observations if item.fidelity == 1 or item.failed]
        super().fit(self._full)
        self._observations = tuple(observations)
        return self

    def _learn(self, labels: Labels) -> None:
        own = task_marks(labels.observations) | task_marks(self._parts) | self.context.judged
        others = self.context.records
        known = shipped_records(self.space) if others is None else others
        view = View(self.context, self.space, self.quality, self.columns, self.scores)
        sources = sources_of(view, [record for record in known if not record.marks & own])
        if not sources:
            self._without_records(labels)
            return
        self._alone = None
        full, parts = tuple(self._full), tuple(self._parts)
        self._model = ExperienceModel(view, tuple(sources), labels, full, parts, self.disjoint, self._shelf)
        self.records = tuple(dict.fromkeys(source.record.name for source in sources))
        self.why = self._model.told()

    def _without_records(self, labels: Labels) -> None:
        self._model = None
        if len(labels) < Regression.minimum:
            raise TooFewLabelsError(
                f"no other task of the family of {self.space.name} has {self.metric} on record, so {self.name} needs "
                f"{Regression.minimum} labelled architectures, found {len(labels)}: label more of them, or choose a "
                "metric that the records have."
            )
        self._alone = Regression(self.context).fit(self._full)
        self.why = "no record of another task of this family has the metric: regression on the labels alone"

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        if self._alone is not None:
            said = self._alone.predict(population)
            return self._alone.goodness(said), said.std
        assert self._model is not None  # noqa: S101 - predict() refuses before
        return self._model.predict(population, level=self._level)

    def compare(self, population: Population) -> Prediction:
        """As `predict`, but it does not count how little is known of the task's level."""
        self._level = False
        try:
            return self.predict(population)
        finally:
            self._level = True
