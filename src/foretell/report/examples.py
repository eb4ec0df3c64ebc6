"""What the winner says: a few examples of the test split with what it makes of them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from foretell.errors import InputError, IntegrityError
from foretell.records import read_json, write_json
from foretell.study import StudyConfig
from foretell.study.use import trained_network
from foretell.tasks import Task
from foretell.tasks.classification import TextClassification

__all__ = ["Confusion", "Example", "confusion_of", "examples_of"]

_COUNT = 8


class Example(BaseModel):
    """What goes in, what should come out, and what the winner made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    reference: str
    translation: str


class Confusion(BaseModel):
    """How often the texts of a class (row) were taken for each class (column)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]


def confusion_of(folder: Path, study: StudyConfig) -> Confusion | None:
    """Of a run's winner, read from its folder or computed once and kept there; None for tasks without classes.

    Raises:
        InputError: It is not kept, and the corpus is not on this machine, or the winner's network is gone.
        IntegrityError: The file is damaged.
    """
    path = folder / "winner" / "confusion.json"
    if path.exists():
        try:
            kept = read_json(path)
            return Confusion(classes=kept["classes"], matrix=kept["matrix"])
        except (ValidationError, KeyError, TypeError) as error:
            raise IntegrityError(f"{path} holds no confusion matrix ({type(error).__name__}); delete it.") from None
    if study.task != "classification":
        return None
    task = _task(study)
    assert isinstance(task, TextClassification)  # noqa: S101 - the only such kind
    classes, matrix = task.confusion(trained_network(folder))
    write_json(path, {"format": 1, "classes": list(classes), "matrix": matrix})
    return confusion_of(folder, study)


def examples_of(folder: Path, study: StudyConfig) -> tuple[Example, ...]:
    """The examples of a run: read from its folder, or translated once and kept there.

    They are spread evenly over the test split, so that nobody has picked them.

    Raises:
        InputError: None are kept, and the corpus is not on this machine, or the winner's network is gone.
        IntegrityError: A file is damaged.
    """
    path = folder / "winner" / "examples.json"
    if path.exists():
        try:
            return tuple(Example.model_validate(row) for row in read_json(path)["examples"])
        except (ValidationError, KeyError, TypeError) as error:
            raise IntegrityError(f"{path} does not hold examples ({type(error).__name__}); delete it.") from None
    found = _shown(folder, study)
    write_json(path, {"format": 1, "examples": [example.model_dump() for example in found]})
    return found


def _shown(folder: Path, study: StudyConfig) -> tuple[Example, ...]:
    shown = _task(study).show(trained_network(folder), _COUNT, **study.measuring)
    return tuple(Example(source=given, reference=wanted, translation=said) for given, wanted, said in shown)


def _task(study: StudyConfig) -> Task:
    if not study.task_kind.is_kept(study.corpus):
        raise InputError("the corpus is not on this machine; draw the page where the search ran.")
    return study.make_task()
