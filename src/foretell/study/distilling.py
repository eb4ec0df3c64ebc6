"""The study's distilled predictor: a teacher labels a sample of the space, a small network learns the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.observations import Observation, load
from foretell.predictors import Context, create
from foretell.predictors.base import Predictor
from foretell.predictors.distilled import Distilled
from foretell.records import fingerprint, lock_folder
from foretell.spaces import SearchSpace
from foretell.study.config import StudyConfig
from foretell.study.run import store_folder

__all__ = ["distil"]


def distil(study: StudyConfig, costs: CostModel, supernet: Predictor | None = None) -> Distilled:
    """The study's student, from the store if it was distilled before.

    Args:
        study: Says which teacher, fitted on what.
        costs: The space and its costs, latency included where it was measured.
        supernet: The teacher, if it is the study's supernet.

    Raises:
        InputError: The observations are not of the study's space, or the teacher cannot learn from them.
    """
    settings, space = study.distilled, costs.space
    observations = [] if settings.teacher == "supernet" else _observations(study, space)
    told = [observation.to_dict() for observation in observations]
    about = [space.fingerprint, settings.model_dump(mode="json", exclude={"observations"}), told, costs.vocabulary]
    folder = store_folder("distilled", fingerprint([*about, study.supernet.model_dump(mode="json")]))
    with lock_folder(folder):
        if not (folder / "distilled.json").exists():
            context = Context(space=space, vocabulary=_one(costs.vocabulary), seed=settings.seed)
            teacher = supernet if supernet is not None else create(settings.teacher, context=context)
            _fit(teacher.fit(observations), study, context, folder)
        return Distilled.read(folder, space)


def _fit(teacher: Predictor, study: StudyConfig, context: Context, folder: Path) -> None:
    settings, space = study.distilled, context.space
    assert space is not None  # noqa: S101 - set by the caller, for the type checker
    sample = space.canonical(space.sample(settings.labels, np.random.default_rng(settings.seed)))
    scores = teacher.predict(sample).mean
    labels = [
        Observation(architecture, {context.metric: float(score)})
        for architecture, score in zip(space.architectures(sample), scores, strict=True)
        if np.isfinite(score)
    ]
    if len(labels) < 0.5 * len(sample):
        raise InputError(
            f"the teacher {settings.teacher} scored only {len(labels)} of {len(sample)} architectures; "
            "choose another teacher or give it more labels."
        )
    student = Distilled(context, features=settings.features, recipe=settings.recipe)
    student.fit(labels).write(folder)


def _observations(study: StudyConfig, space: SearchSpace) -> list[Observation]:
    source = study.distilled.observations
    found = load(source)
    if found.space.fingerprint != space.fingerprint:
        raise InputError(
            f"the schedule {study.search.schedule} uses the distilled predictor, whose observations {source} are of "
            f"the space {found.space.name}; label some of {space.name} (foretell train --observe 10) and name them in "
            "the study (distilled: observations:), or search with --schedule supernet:1-30."
        )
    return list(found.observations)


def _one(vocabulary: int | tuple[int, int] | None) -> int | None:
    return vocabulary[0] if isinstance(vocabulary, tuple) else vocabulary
