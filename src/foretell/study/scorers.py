"""The predictors that a study's schedule names, ready to score."""

from __future__ import annotations

from foretell.errors import UnknownNameError
from foretell.records import fingerprint
from foretell.search import ScoreJournal, Scorer
from foretell.spaces import SearchSpace
from foretell.study.config import StudyConfig
from foretell.study.jobs import supernet_folder
from foretell.tasks import Task, validation_batches

__all__ = ["make_scorer"]

_VALIDATION_TOKENS = 2048
"""Tokens of a validation batch: large enough for fast matrix products, small enough for the caches."""


def make_scorer(name: str, study: StudyConfig, space: SearchSpace, task: Task, journal: ScoreJournal | None) -> Scorer:
    """A predictor of the schedule behind its cache.

    Raises:
        UnknownNameError: There is no such predictor.
    """
    if name == "supernet":
        return _supernet(study, space, task, journal)
    raise UnknownNameError("predictor", name, ("supernet",), "the schedule")


def _supernet(study: StudyConfig, space: SearchSpace, task: Task, journal: ScoreJournal | None) -> Scorer:
    from foretell.predictors.supernet import SupernetPredictor
    from foretell.training import load_supernet

    network, about = load_supernet(supernet_folder(study, task), space, task)
    batches = validation_batches(task.valid, _VALIDATION_TOKENS)
    smoothing = study.supernet.recipe.label_smoothing
    predictor = SupernetPredictor(space, network, batches, smoothing=smoothing)
    return Scorer(predictor, fingerprint(["supernet", about["key"], smoothing]), journal)
