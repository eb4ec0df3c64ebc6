"""Study files: read, checked, and their paths made absolute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from foretell.errors import InputError
from foretell.parsing import read_yaml
from foretell.study.architectures import resolved_source
from foretell.study.config import StudyConfig
from foretell.study.presets import with_published
from foretell.study.trial_config import TrialStudyConfig, trial_study_from
from foretell.study.validation import in_known_case, validation_sentence

__all__ = ["load_study", "read_study"]

_STUDENT = "student:"


def read_study(path: Path | None) -> StudyConfig | TrialStudyConfig:
    """Read a study file of either kind: one with an `objective` is a study of trials.

    Raises:
        InputError: As `load_study`.
    """
    data = _read(path) if path is not None else {}
    return trial_study_from(data, path) if path is not None and "objective" in data else load_study(path)


def load_study(path: Path | None, changes: dict[str, Any] | None = None) -> StudyConfig:
    """Read a study file; a published space brings its published recipes, where the file gives none.

    Args:
        path: A YAML file; None is the default study.
        changes: Values that replace the file's, from the command line.

    Raises:
        InputError: No such file, not YAML, or a value that makes no sense; one sentence says which.
        UnknownNameError: An unknown key; the message names the nearest.
    """
    data = _read(path) if path is not None else {}
    if "objective" in data:
        raise InputError(
            f"{path} is a study of trials, whose objective trains; this command trains by itself: give it to "
            "`foretell search`."
        )
    try:
        study = StudyConfig.model_validate(in_known_case(with_published({**data, **(changes or {})}), StudyConfig))
    except ValidationError as error:
        raise validation_sentence(error, str(path or "the study"), StudyConfig) from None
    return _resolve_paths(study, path.parent.absolute()) if path is not None else study


def _read(path: Path) -> dict[str, Any]:
    data = read_yaml(path, "the study")
    if data is not None and not isinstance(data, dict):
        raise InputError(f"the study {path} holds no keys with values; expected some such as corpus: and space:.")
    return data or {}


def _resolve_paths(study: StudyConfig, folder: Path) -> StudyConfig:
    """Paths in a study file are relative to the file; a run is read from anywhere."""
    corpus = study.corpus
    moved = {
        name: tuple(folder / path.expanduser() for path in getattr(corpus, name))
        for name in type(corpus).model_fields
        if name.endswith("paths")
    }
    space = study.space
    if space.endswith((".yaml", ".yml")):
        space = str(folder / Path(space).expanduser())
    labels = resolved_source(study.distilled.observations, folder)
    teacher = study.distilled.teacher
    if teacher.startswith(_STUDENT):
        teacher = f"{_STUDENT}{folder / Path(teacher.removeprefix(_STUDENT)).expanduser()}"
    llm = study.distilled.llm
    if llm.endswith(".gguf"):
        llm = f"local:{folder / Path(llm.removeprefix('local:')).expanduser()}"
    distilled = study.distilled.model_copy(update={"observations": labels, "teacher": teacher, "llm": llm})
    changes: dict[str, Any] = {"corpus": corpus.model_copy(update=moved), "space": space, "distilled": distilled}
    if study.metrics:
        changes["metrics"] = {
            name: each.model_copy(update={"cwd": folder / (each.cwd or Path()).expanduser()})
            for name, each in study.metrics.items()
        }
    if study.search.initial is not None:
        changes["search"] = study.search.model_copy(update={"initial": resolved_source(study.search.initial, folder)})
    return study.model_copy(update=changes)
