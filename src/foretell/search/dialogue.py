"""An algorithm and those who train for it: nothing is trained twice, and nothing that is being trained is either."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretell.errors import IntegrityError
from foretell.search.algorithm import Algorithm, Asked, Setting
from foretell.search.algorithms import create
from foretell.search.keys import row_keys
from foretell.spaces import Population

__all__ = ["Dialogue", "Training"]

_PATIENCE = 64
"""So many times in succession may an algorithm ask for what is known, before a random architecture is trained."""


@dataclass(frozen=True)
class Training:
    """One training that an algorithm wants.

    Attributes:
        number: From 0, in the order in which they were asked for.
        row: The architecture, `int16 [1, columns]`, canonical.
        fidelity: How far, as a share of the full training.
    """

    number: int
    row: Population
    fidelity: float


@dataclass
class _Open:
    """A training that has not ended, and the candidates that wait for it."""

    training: Training
    waiting: list[int]


class Dialogue:
    """Turns what an algorithm asks into trainings, each of which is asked for once.

    Algorithms may ask for an architecture again. If its label is known, they are told at once; if it is being
    trained, when that ends. One that keeps asking for what is known gets company: a random architecture is trained.

    A dialogue is a function of the order of its calls. Whoever drives it writes that order down (`Training` and which
    were told before it) and goes on by `replay`.

    Args:
        name: Of the algorithm.
        setting: The job.
    """

    def __init__(self, name: str, setting: Setting) -> None:
        self.algorithm: Algorithm = create(name, setting)
        self.asked = 0
        self._setting = setting
        self._labels: dict[tuple[bytes, float], float] = {}
        self._open: dict[tuple[bytes, float], _Open] = {}
        self._on_record = None if setting.pool is None else set(row_keys(setting.costs.space.canonical(setting.pool)))
        self._random: Algorithm | None = None

    def ask(self) -> Training | None:
        """The next training; None while the algorithm has to be told first, or nothing is left to train.

        Raises:
            InfeasibleError: No architecture keeps the limits.
        """
        for _ in range(_PATIENCE):
            asked = self.algorithm.ask(1)
            if not len(asked.numbers):
                return None if self._open else self._company()
            training = self._new(asked)
            if training is not None:
                return training
        return self._company()

    @property
    def waits(self) -> bool:
        """Whether trainings were asked for that it was not told of."""
        return bool(self._open)

    def tell(self, training: Training, goodness: float) -> None:
        """What came out of a training: higher is better, NaN where it failed."""
        key = _key(training)
        waiting = self._open.pop(key).waiting
        self._labels[key] = goodness
        for number in waiting:
            self._tell(number, goodness)

    def replay(self, row: Population, fidelity: float) -> Training:
        """Ask, where it is on record what was asked for.

        Raises:
            IntegrityError: It asks for something else now.
        """
        recalled = self.algorithm.recall(row)
        training = self.ask() if recalled is None else self._new(recalled)
        if training is None or training.fidelity != fidelity or (training.row != row).any():
            number = self.asked - (training is not None)
            raise IntegrityError(
                f"trial {number} on record is not what this algorithm asks for; it was asked by another version or "
                "another algorithm: choose another folder."
            )
        return training

    def _new(self, asked: Asked) -> Training | None:
        """The training that is wanted, if it is a new one; else the algorithm is told, or waits."""
        (key,), number, fidelity = row_keys(asked.rows), int(asked.numbers[0]), float(asked.fidelities[0])
        if (key, fidelity) in self._labels:
            self._tell(number, self._labels[key, fidelity])
            return None
        if (key, fidelity) in self._open:
            self._open[key, fidelity].waiting.append(number)
            return None
        if self._on_record is not None and key not in self._on_record:
            self._tell(number, float("nan"))
            return None
        return self._begin(asked.rows, fidelity, [number])

    def _begin(self, row: Population, fidelity: float, waiting: list[int]) -> Training:
        training = Training(self.asked, row, fidelity)
        self.asked += 1
        self._open[_key(training)] = _Open(training, waiting)
        return training

    def _company(self) -> Training | None:
        """A random architecture that is not known yet; None where all are."""
        if self._random is None:
            self._random = create("random", self._setting)
        while len((asked := self._random.ask(1)).numbers):
            (key,) = row_keys(asked.rows)
            if (key, 1.0) not in self._labels and (key, 1.0) not in self._open:
                return self._begin(asked.rows, 1.0, [])
        return None

    def _tell(self, number: int, goodness: float) -> None:
        self.algorithm.tell(np.array([number]), np.array([goodness]))


def _key(training: Training) -> tuple[bytes, float]:
    return row_keys(training.row)[0], training.fidelity
