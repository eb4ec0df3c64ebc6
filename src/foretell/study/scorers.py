"""The predictors that a study's schedule names, ready to score."""

from __future__ import annotations

from typing import Any

from foretell.costs import CostModel
from foretell.errors import UnknownNameError, known_name
from foretell.predictors.supernet import SupernetPredictor
from foretell.records import fingerprint
from foretell.search import HalvingScorer, ScoreJournal, Scorer
from foretell.spaces import SearchSpace
from foretell.study.config import SCORERS, StudyConfig
from foretell.study.distilling import distil
from foretell.study.jobs import supernet_folder
from foretell.tasks import Task
from foretell.training import KINDS

__all__ = ["make_scorer", "supernet_predictor", "with_kind"]

_VALIDATION_TOKENS = 2048
"""Tokens of a validation batch: large enough for fast matrix products, small enough for the caches."""


def make_scorer(
    name: str, study: StudyConfig, costs: CostModel, task: Task, journal: ScoreJournal | None, *, cache: bool = True
) -> Scorer:
    """A predictor of the schedule behind its cache.

    Args:
        name: "supernet" or "distilled".
        study: Says which of its kind.
        costs: The space and its costs.
        task: The task of the supernet.
        journal: Keeps the scores on disk.
        cache: False scores every row that is asked for, one by one, as the published search does.

    Raises:
        UnknownNameError: There is no such predictor.
    """
    if name == "supernet":
        predictor, key = supernet_predictor(study, costs.space, task, share=cache)
        if study.supernet.halving is not None and cache:
            return HalvingScorer(predictor, key, journal, halving=study.supernet.halving)
        return Scorer(predictor, key, journal, cache=cache)
    if name == "distilled":
        settings = study.distilled
        teacher = supernet_predictor(study, costs.space, task)[0] if settings.teacher == "supernet" else None
        student = distil(study, costs, teacher)
        return Scorer(student, fingerprint(["distilled", student.fingerprint]), journal, cache=cache)
    raise UnknownNameError("predictor", name, SCORERS, "the schedule")


def supernet_predictor(
    study: StudyConfig, space: SearchSpace, task: Task, *, share: bool = True
) -> tuple[SupernetPredictor, str]:
    """The study's supernet on the whole validation split, and a key for all that its scores depend on."""
    from foretell.training import load_supernet

    network, about = load_supernet(supernet_folder(study, task), space, task)
    batches = task.validation_batches(_VALIDATION_TOKENS)
    smoothing = study.supernet.recipe.label_smoothing
    where: dict[str, Any] = {"device": study.device, "devices": study.devices}
    predictor = SupernetPredictor(space, network, batches, smoothing=smoothing, share=share, **where)
    return predictor, fingerprint(["supernet", about["key"], smoothing])


def with_kind(study: StudyConfig, kind: str) -> StudyConfig:
    """The study with another kind of supernet; what that kind does not have is left out.

    Raises:
        UnknownNameError: There is no such kind.
    """
    kind = known_name("supernet kind", kind, KINDS)
    changes: dict[str, object] = {"kind": kind}
    if kind == "spos":
        changes["distillation"] = 0.0
    return study.model_copy(update={"supernet": study.supernet.model_copy(update=changes)})
