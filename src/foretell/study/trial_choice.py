"""Which trial comes next: the algorithm of a study, what it was asked and told, on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.errors import InfeasibleError
from foretell.records import append_jsonl, file_size, read_jsonl
from foretell.search import Dialogue, Training
from foretell.spaces import Architecture, SearchSpace

__all__ = ["Trial", "TrialChoice", "Work"]


@dataclass(frozen=True)
class Trial:
    """An architecture that a study wants to know the metric of.

    Attributes:
        number: From 0.
        architecture: What to train.
        fidelity: How far, as a share of the full training.
        raced: Whether the study's race trained it; the algorithm did not ask for it.
    """

    number: int
    architecture: Architecture
    fidelity: float = 1.0
    raced: bool = False

    @property
    def params(self) -> dict[str, Any]:
        """Gene names to values, by Optuna's word."""
        return self.architecture.to_dict()


class Work:
    """How many full trainings some trials are together, but for those of the race.

    Args:
        trials: The first of them.
        continued: Whether a training goes on from a smaller one of the same architecture.
    """

    def __init__(self, trials: Iterable[Trial], *, continued: bool) -> None:
        self.total, self.continued = 0.0, continued
        self._furthest: dict[Architecture, float] = {}
        for trial in trials:
            self.add(trial)

    def add(self, trial: Trial) -> None:
        """Count one more."""
        if trial.raced:
            return
        before = self._furthest.get(trial.architecture, 0.0) if self.continued else 0.0
        self.total += max(0.0, trial.fidelity - before)
        self._furthest[trial.architecture] = max(trial.fidelity, before)


class TrialChoice:
    """Asks an algorithm for trials, and keeps in a file what it asked and which results it knew then.

    An algorithm is a function of what it was asked and told in which order: that order is read from the file and
    gone through again before the first new trial, in a study that is gone on with.

    Args:
        path: Gets a line for each trial.
        space: Of the architectures.
        begin: Makes the algorithm's dialogue, at its beginning.
        goodness: Of the result of a trial, by its number; NaN where it failed.

    Attributes:
        trials: All that were asked for, in order.
        proposals: What a language model had been asked for and come up with when the last of them was; None: no model.
    """

    def __init__(
        self, path: Path, space: SearchSpace, begin: Callable[[], Dialogue], goodness: Callable[[int], float]
    ) -> None:
        self.path, self.space, self.trials = path, space, list[Trial]()
        self._begin, self._goodness = begin, goodness
        self._knew: list[list[int]] = []  # of each trial, what the algorithm was told before it
        self.proposals: dict[str, float] | None = None
        self.read()

    def read(self) -> None:
        """Take in what stands in the file, which somebody else may have gone on with."""
        trials, knew, proposals = list[Trial](), list[list[int]](), None
        for line in read_jsonl(self.path, repair=True):
            architecture = Architecture.from_dict(self.space, line["architecture"])
            fidelity, raced = float(line.get("fidelity", 1.0)), bool(line.get("raced", False))
            trials.append(Trial(len(trials), architecture, fidelity, raced))
            knew.append([int(number) for number in line.get("told", [])])
            proposals = line.get("proposals", proposals)
        self._forget()
        self.trials, self._knew, self.proposals = trials, knew, proposals
        self._size = file_size(self.path)

    @property
    def changed(self) -> bool:
        """Whether the file is not as it was last read or written here: others wrote, or a write was interrupted."""
        return file_size(self.path) != self._size

    def _forget(self) -> None:
        """Leave the algorithm, which is gone through again from the record before the next trial."""
        self._dialogue: Dialogue | None = None
        self._trainings: list[Training | None] = []
        self._told: set[int] = set()
        self._unwritten: list[int] = []  # told since the last trial was asked for

    @property
    def asynchronous(self) -> bool:
        """Whether the algorithm decides by whatever has ended so far."""
        return self.dialogue.algorithm.asynchronous

    @property
    def dialogue(self) -> Dialogue:
        """The algorithm, where the trials on record have brought it.

        Raises:
            IntegrityError: They are not what it asks for.
        """
        if self._dialogue is None:
            try:
                return self._replayed()
            except BaseException:
                self._forget()  # it has gone a part of the way only
                raise
        return self._dialogue

    def _replayed(self) -> Dialogue:
        self._dialogue = dialogue = self._begin()
        for trial, knew in zip(self.trials, self._knew, strict=True):
            self._tell(knew)
            if trial.raced:
                self._trainings.append(None)
                continue
            row = self.space.population([trial.architecture])
            self._trainings.append(dialogue.replay(row, trial.fidelity))
        self._unwritten.clear()
        return dialogue

    def ask(self, known: Iterable[int], *, sync: bool = True) -> Trial | None:
        """The next trial; it is on the disk when this returns. None while more has to be known first.

        Args:
            known: The trials whose results may be known to it.
            sync: Whether even a power failure must not lose it.

        Raises:
            InfeasibleError: No architecture keeps the limits, or all that do were asked for.
        """
        try:
            return self._asked(known, sync)
        except InfeasibleError:
            raise
        except BaseException:
            self._forget()  # it may have gone on from what is on record: nobody could go through that again
            raise

    def _asked(self, known: Iterable[int], sync: bool) -> Trial | None:
        dialogue = self.dialogue
        self._tell(number for number in sorted(known) if number not in self._told)
        training = dialogue.ask()
        if training is None:
            if dialogue.waits:
                return None
            raise InfeasibleError(
                f"every architecture of {self.space.name} that was found to keep the limits has been tried "
                f"({len(self.trials)} of them); ask for fewer trials, or widen the space."
            )
        trial = Trial(len(self.trials), self.space.architecture(training.row[0]), training.fidelity)
        more: dict[str, Any] = {"fidelity": trial.fidelity} if trial.fidelity != 1 else {}
        proposals = dialogue.algorithm.proposals
        if proposals is not None:
            more["proposals"] = proposals.to_dict()
        self._trainings.append(training)
        self._write(trial, {"told": self._unwritten, **more}, sync)
        self._unwritten = []
        self.proposals = more.get("proposals", self.proposals)
        return trial

    def note_raced(self, architecture: Architecture) -> Trial:
        """Make a trial of what a race has trained; it is on the disk when this returns."""
        trial = Trial(len(self.trials), architecture, raced=True)
        self._write(trial, {"raced": True})
        if self._dialogue is not None:  # else it is gone through with the others, if a further trial is asked for
            self._trainings.append(None)
        return trial

    def _write(self, trial: Trial, more: dict[str, Any], sync: bool = True) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            append_jsonl(file, [{"number": trial.number, "architecture": trial.params, **more}], sync=sync)
        self.trials.append(trial)
        self._knew.append(list(more.get("told", [])))
        self._size = file_size(self.path)

    def _tell(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            training = self._trainings[number]
            self._told.add(number)
            if training is None:
                continue  # the race's, for which the algorithm did not ask
            self.dialogue.tell(training, self._goodness(number))
            self._unwritten.append(number)
