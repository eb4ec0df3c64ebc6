"""The study's distilled predictor: a teacher labels a sample of the space, a small network learns the labels."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError, IntegrityError
from foretell.llm.local import why_unusable
from foretell.objectives import Job, claim, store_folder
from foretell.observations import Observation, load
from foretell.predictors import Context, Predictor, create
from foretell.predictors.distilled import Distilled
from foretell.records import fingerprint, read_json, read_object, write_json
from foretell.spaces import Architecture, SearchSpace
from foretell.study.config import EMBEDDED, StudyConfig
from foretell.study.prompting import corpus_title
from foretell.study.teacher_inputs import model_bytes, teacher_inputs
from foretell.study.teaching import PROMPT, Taught, ask_stack, ask_teacher
from foretell.tasks.translation import DamagedCacheWarning
from foretell.training.keys import as_first_written

__all__ = ["NoLanguageModelWarning", "distil", "distil_job", "settle_teacher", "study_labels", "teacher_account"]

_TEACHER = "teacher.json"
_STUDENT = 1  # raise when a student of the same labels comes out otherwise
_FIRST_SETTINGS = ("teacher", "llm", "asked", "observations", "labels", "features", "recipe", "seed")
_RULES = 2  # raise when the way in which the default teacher is made changes, so that old students are not used


class NoLanguageModelWarning(UserWarning):
    """The language model cannot be asked here; the regression teaches alone."""


def settle_teacher(study: StudyConfig, folder: Path) -> tuple[StudyConfig, str]:
    """Decide, once a run, whether the language model can teach; if not, the regression does so alone.

    Args:
        study: What to run.
        folder: The run's folder; it remembers the decision, so that a resumed run ends as it would have ended.

    Returns:
        The study with the teacher that it gets, and why that is not the one it asks for.

    Raises:
        StorageError: The model's file, or the decision, cannot be written.

    Warns:
        NoLanguageModelWarning: The runtime is not installed, or the model cannot be had.
    """
    settings = study.distilled
    if settings.teacher != EMBEDDED or "distilled" not in study.predictors:
        return study, ""
    path = folder / _TEACHER
    if not path.exists():
        write_json(path, {"format": 1, "without_language_model": why_unusable(settings.llm.removeprefix("local:"))})
    reason = read_object(path, "without_language_model")["without_language_model"]
    if not reason:
        return study, ""
    # Each run decides once: what came of it must not depend on how often it was interrupted.
    note = f"the regression teaches without the language model {settings.llm}, which only a new run can use: {reason}"
    warnings.warn(note, NoLanguageModelWarning, stacklevel=2)
    alone = settings.model_copy(update={"teacher": "regression"})
    return study.model_copy(update={"distilled": alone}), note


def distil(study: StudyConfig, costs: CostModel, supernet: Predictor | None = None) -> Distilled:
    """The study's student, from the store if it was distilled before.

    Args:
        study: Says which teacher, fitted on what.
        costs: The space and its costs, latency included where it was measured.
        supernet: The teacher, if it is the study's supernet.

    Raises:
        InputError: The observations are not of the study's space, or the teacher cannot learn from them.
        LanguageModelError: The language model cannot be asked; every reply that came is kept.

    Warns:
        DamagedCacheWarning: The student in the store was damaged.
    """
    space = costs.space
    observations = study_labels(study, space)
    folder = _folder(study, costs, observations)
    with claim(folder):
        if (student := _kept(folder, space)) is not None:
            return student
        _distil(study, costs, observations, supernet, folder)
        return Distilled.read(folder, space)


def _kept(folder: Path, space: SearchSpace) -> Distilled | None:
    """The student in a folder, if there is one and its files are whole."""
    if not (folder / "distilled.json").exists():
        return None
    try:
        return Distilled.read(folder, space)
    except IntegrityError as error:
        warnings.warn(f"{error} It is made again.", DamagedCacheWarning, stacklevel=3)
        return None


def distil_job(study: StudyConfig) -> Job:
    """Distil in a process of its own, for teachers that take minutes; `distil` then finds the student."""
    return Job("language model", _distil_alone, {"study": study.model_dump(mode="json")})


def teacher_account(study: StudyConfig, costs: CostModel) -> dict[str, Any]:
    """What `result.json` says of the student's teacher; the student must be there."""
    account: dict[str, Any] = read_json(_folder(study, costs, study_labels(study, costs.space)) / _TEACHER)
    return {key: value for key, value in account.items() if key != "format"}


def _distil_alone(study: dict[str, Any]) -> None:
    config = StudyConfig.model_validate(study)
    task = config.make_task()
    distil(config, CostModel(spaces.create(config.space), **task.sizes))


def _folder(study: StudyConfig, costs: CostModel, observations: list[Observation]) -> Path:
    """Where the student is kept: the name depends on everything that it does."""
    settings = study.distilled
    stacked = settings.teacher == EMBEDDED
    unused = {"observations"} if stacked else {"observations", "llm", "asked"}
    # Which model is the default one may change, and so may the teacher: they are always named.
    named = {"teacher": settings.teacher, **({"llm": settings.llm} if stacked else {})}
    told = settings.model_dump(mode="json", exclude=unused, exclude_defaults=True) | named
    labels = [each.to_dict() for each in observations]
    asked: list[Any] = [_RULES, PROMPT, corpus_title(study), *model_bytes(settings.llm)] if stacked else []
    about = {
        "space": costs.space.fingerprint,
        "settings": told,
        "observations": labels,
        "vocabulary": costs.vocabulary,
        "teacher": asked or teacher_inputs(study),
        "code": _STUDENT,
    }
    spelled = as_first_written(settings, _FIRST_SETTINGS)
    if spelled is None:
        return store_folder("distilled", fingerprint(about))
    spelled = {name: value for name, value in spelled.items() if name not in unused}
    before = [costs.space.fingerprint, spelled, labels, costs.vocabulary, asked or teacher_inputs(study, first=True)]
    return store_folder("distilled", fingerprint(about), fingerprint(before))


def _distil(
    study: StudyConfig,
    costs: CostModel,
    observations: list[Observation],
    supernet: Predictor | None,
    folder: Path,
) -> None:
    settings, space, start = study.distilled, costs.space, time.process_time()
    context = Context(
        space,
        metric=study.quality(),
        vocabulary=_one(costs.vocabulary),
        seed=settings.seed,
        task=corpus_title(study),
    )
    sample = space.canonical(space.sample(settings.labels, np.random.default_rng(settings.seed)))
    if settings.teacher == EMBEDDED:
        taught = ask_stack(settings, observations, sample, context, folder, folder.name)
    else:
        teacher = supernet if supernet is not None else create(settings.teacher, context=context)
        taught = ask_teacher(teacher, observations, sample)
    student = _student(study, taught, space.architectures(sample), context)
    took = {"student_mae": student.student_mae, "seconds": round(time.process_time() - start, 2)}
    write_json(folder / _TEACHER, {"format": 1, **taught.account(), **took})
    student.write(folder)


def _student(study: StudyConfig, taught: Taught, sample: list[Architecture], context: Context) -> Distilled:
    settings, quality = study.distilled, context.quality
    labels = [
        Observation(architecture, {quality.key: float(quality.from_goodness(score))})
        for architecture, score in zip(sample, taught.scores, strict=True)
        if np.isfinite(score)
    ]
    if len(labels) < 0.5 * len(sample):
        raise InputError(
            f"the teacher {settings.teacher} scored only {len(labels)} of {len(sample)} architectures; "
            "choose another teacher or give it more labels."
        )
    return Distilled(context, features=settings.features, recipe=settings.recipe).fit(labels)


def study_labels(study: StudyConfig, space: SearchSpace) -> list[Observation]:
    """What the teacher is fitted on; nothing for the study's own supernet."""
    if study.distilled.teacher == "supernet":
        return []
    source = study.distilled.observations
    found = load(source)
    if found.space.fingerprint != space.fingerprint:
        raise InputError(
            f"the schedule {study.search.schedule} uses the distilled predictor, whose observations {source} are of "
            f"the space {found.space.name}; label some of {space.name} (foretell train --observe 10) and name them in "
            "the study (distilled: observations:), or search with --schedule supernet:1-30."
        )
    return list(found.taught(study.quality())[0].observations)


def _one(vocabulary: int | tuple[int, int] | None) -> int | None:
    return vocabulary[0] if isinstance(vocabulary, tuple) else vocabulary
