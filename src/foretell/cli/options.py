"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.errors import InputError

if TYPE_CHECKING:
    from foretell.observations import ObservationSet
    from foretell.predictors import Context
    from foretell.study import StudyConfig

__all__ = [
    "ExamplesOption",
    "ExecutorOption",
    "OutOption",
    "ResumeOption",
    "SpaceOption",
    "StudyArgument",
    "StudyOption",
    "keep_apart",
    "labelled",
    "study_from",
    "task_context",
]

StudyArgument = Annotated[
    Path | None, typer.Argument(metavar="STUDY.yaml", help="A study file; without one, the default study.")
]
StudyOption = Annotated[Path | None, typer.Option("--study", help="A study file; without one, the default study.")]
SpaceOption = Annotated[str | None, typer.Option("--space", help="A search space by name, or a YAML file.")]
ExamplesOption = Annotated[
    Path | None,
    typer.Option("--study", help="A study, whose corpus gives the paper's prompt its task examples."),
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder of the results.")]
ExecutorOption = Annotated[
    str | None,
    typer.Option("--executor", help="Where trainings run, if not where the study says: processes, ray or slurm."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with what is in the folder.")]


def keep_apart(out: Path | None, option: str, *sources: str | Path | None) -> None:
    """Refuse to write over what the command reads.

    Raises:
        InputError: `out` is one of the sources.
    """
    if out is None:
        return
    for source in sources:
        if source is not None and Path(source).expanduser().resolve() == out.expanduser().resolve():
            raise InputError(f"{out} is read by this command and would be lost; give {option} another file.")


def study_from(path: Path | None, **changes: Any) -> StudyConfig:
    """The study of a file with the command line's changes; None changes nothing.

    Keys with a double underscore reach into a part: `search__seed`.
    """
    from foretell.study import load_study

    # The space first: a published one brings its recipes, which further options may then change.
    space = changes.pop("space", None)
    if space is not None and path is not None and space.endswith((".yaml", ".yml")):
        space = str(Path(space).resolve())  # as seen from here, not from the study's folder
    study = load_study(path, None if space is None else {"space": space})
    data = study.model_dump(mode="json")
    for name, value in changes.items():
        if value is None:
            continue
        *parents, key = name.split("__")
        part = data
        for parent in parents:
            part = part.setdefault(parent, {})
        part[key] = value
    return load_study(None, data)


def labelled(known: ObservationSet, metric: str | None) -> ObservationSet:
    """Observations to learn from: where none was trained the scores of a teacher, which is said."""
    from foretell.cli.output import say

    quality = known.quality(metric)
    found, teacher = known.taught(quality)
    if teacher:
        unit = "" if any(quality.key in item.scores[teacher] for item in known.observations) else ", in its own unit"
        say(f"foretell: note: nothing here was trained; the labels are what {teacher} says{unit}", err=True)
    return found


def task_context(path: Path | None) -> Context | None:
    """What the predictors of a command may know of a study's task; None without a study."""
    if path is None:
        return None
    from foretell.predictors import Context
    from foretell.study import load_study
    from foretell.study.prompting import with_task

    return with_task(Context(), load_study(path))
