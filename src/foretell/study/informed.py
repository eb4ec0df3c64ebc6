"""The supernet's score and the labels together: what is known of an architecture when a search ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from foretell.costs import CostModel
from foretell.observations import Observation
from foretell.predictors import Context, Prediction, Predictor, Spent, create
from foretell.predictors.blend import Blend
from foretell.predictors.calibrated import Calibrated
from foretell.records import fingerprint
from foretell.search import Scorer
from foretell.spaces import Population, SearchSpace
from foretell.study.config import StudyConfig
from foretell.study.distilling import labelled

__all__ = ["informed_predictor"]


def informed_predictor(study: StudyConfig, costs: CostModel, supernet: Scorer) -> tuple[Predictor, str]:
    """The mean of the supernet's score, brought to the labels' unit, and of a regression on the same labels.

    The two err in different ways: on the reference benchmark the mean orders architectures better than either
    (docs/benchmark.md).

    Args:
        study: Names the labels (`distilled: observations:`).
        costs: The space and its costs.
        supernet: Scores architectures, and keeps the scores.

    Returns:
        The predictor, and a key for all that its scores depend on.

    Raises:
        InputError: The labels are of another space, or too few.
    """
    observations = labelled(study, costs.space)
    vocabulary = costs.vocabulary[0] if isinstance(costs.vocabulary, tuple) else costs.vocabulary
    context = Context(space=costs.space, vocabulary=vocabulary)
    score = Calibrated(_Kept(supernet, costs.space), context)
    predictor = Blend([score, create("regression", context=context)], context).fit(observations)
    return predictor, fingerprint(["informed", supernet.key, costs.vocabulary, [o.to_dict() for o in observations]])


class _Kept:
    """A predictor whose scores go through a scorer: each is computed once and kept on the disk."""

    calibrated, labels, learns = False, 0, False

    def __init__(self, scorer: Scorer, space: SearchSpace) -> None:
        self.scorer, self.space = scorer, space
        self.name, self.metric = scorer.predictor.name, scorer.predictor.metric
        self.spent = Spent()

    def fit(self, observations: Sequence[Observation]) -> Self:
        return self

    def predict(self, population: Population) -> Prediction:
        return Prediction(self.scorer.scores(self.space.canonical(population)))
