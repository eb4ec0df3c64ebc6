"""A student that `foretell distill` has kept, as a predictor: `student:FOLDER`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.observations import Observation
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.distilled import Distilled
from foretell.spaces import Population, SearchSpace

__all__ = ["Student", "from_folder"]


class Student(Predictor):
    """Says what the student learnt from its teacher; labels teach it nothing more.

    Args:
        student: Fitted, as `Distilled.read` gives it.
        context: What every predictor may know.
        name: The name in tables.
    """

    minimum = 0
    spread = False
    learns = False

    def __init__(self, student: Distilled, context: Context, name: str) -> None:
        super().__init__(replace(context, space=student.space, metric=student.quality))
        self.student, self.name = student, name

    def fit(self, observations: Sequence[Observation]) -> Self:
        """Nothing to learn: the teacher has taught it."""
        return self

    def _score(self, population: Population) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
        return self.student._score(population)


def from_folder(folder: str, context: Context) -> Student:
    """The student in a folder that `foretell distill` wrote.

    Args:
        folder: The folder.
        context: Its space must be the student's.

    Raises:
        InputError: There is none, it is of another space, or nobody says of which space architectures are.
        IntegrityError: Its files are damaged.
    """
    path = Path(folder).expanduser()
    if not (path / "distilled.json").exists():
        raise InputError(f"{path} holds no student; make one with `foretell distill LABELS --out {path}`.")
    if context.space is None:
        raise InputError(f"student:{folder} needs to know the space; give observations of it.")
    space: SearchSpace = context.space
    return Student(Distilled.read(path, space), context, f"student:{folder}")
