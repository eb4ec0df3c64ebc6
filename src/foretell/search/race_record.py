"""A race on disk: who entered, what was begun, and what was seen, each the moment it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from foretell.errors import InputError, IntegrityError
from foretell.observations import Observation
from foretell.records import append_jsonl, read_jsonl, storage
from foretell.search.entrants import Entrants
from foretell.search.rung_model import Belief
from foretell.spaces import Architecture, SearchSpace

__all__ = ["RaceRecord"]

_FORMAT = 1


class RaceRecord:
    """A growing file: entrants with what was believed of them, then trainings begun and ended.

    What was decided stands there before it is done, so that a resumed race repeats it whatever ended first; what was
    seen is never trained again.

    Args:
        path: The file, made if it does not exist.
        space: Of the entrants.
        about: What the race depends on; a file that says something else is refused.
        draw: Says who enters, if the file does not.

    Attributes:
        entrants: Who races.
        begun: Entrant and rung of each training, in the order in which they were begun, and whether it was early:
            before the rung below was settled.
        ended: What was seen, by entrant and rung.
        seconds: What each of them took.

    Raises:
        IntegrityError: The file is of another race, or damaged.
        StorageError: It cannot be written.
    """

    def __init__(self, path: Path, space: SearchSpace, about: dict[str, Any], draw: Callable[[], Entrants]) -> None:
        self.path, self.space = path, space
        self.begun: dict[tuple[int, int], bool] = {}
        self.ended: dict[tuple[int, int], Observation] = {}
        self.seconds: dict[tuple[int, int], float] = {}
        header = {"format": _FORMAT, "space": space.fingerprint, **about}
        lines = read_jsonl(path, repair=True)
        try:
            if lines and {key: lines[0].get(key) for key in header} != header:
                raise IntegrityError(f"{path} is of another race or version; choose another folder, or delete it.")
            self.entrants = _entrants(space, lines[0]["entrants"]) if lines else draw()
            for line in lines[1:]:
                self._take(line)
        except (InputError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, InputError) and not lines:
                raise
            raise IntegrityError(f"{path} holds no race ({error!r}); restore or delete it.") from error
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = path.open("a", encoding="utf-8")
        if not lines:
            self._write({**header, "entrants": _told(space, self.entrants)})

    def begin(self, entrant: int, rung: int, *, early: bool = False) -> None:
        """Note that a training is about to begin."""
        self._write({"begun": [entrant, rung], **({"early": True} if early else {})})
        self.begun[entrant, rung] = early

    def end(self, entrant: int, rung: int, observation: Observation, seconds: float) -> None:
        """Note what a training came to."""
        seconds = round(seconds, 3)
        self._write({"ended": [entrant, rung], "seconds": seconds, "observation": observation.to_dict()})
        self.ended[entrant, rung], self.seconds[entrant, rung] = observation, seconds

    @property
    def pending(self) -> list[tuple[int, int]]:
        """What was begun and has not ended, in order."""
        return [each for each in self.begun if each not in self.ended]

    def close(self) -> None:
        """Close the file; nothing is pending."""
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        append_jsonl(self._file, [line])

    def _take(self, line: dict[str, Any]) -> None:
        if "begun" in line:
            self.begun[self._place(line["begun"])] = bool(line.get("early", False))
            return
        place = self._place(line["ended"])
        self.ended[place] = Observation.from_dict(self.space, line["observation"])
        self.seconds[place] = float(line["seconds"])

    def _place(self, value: Sequence[int]) -> tuple[int, int]:
        entrant, rung = map(int, value)
        if not 0 <= entrant < len(self.entrants):
            raise ValueError(f"no entrant {entrant}")
        return entrant, rung


def _told(space: SearchSpace, entrants: Entrants) -> list[dict[str, Any]]:
    columns = zip(
        space.architectures(entrants.rows),
        *(column.tolist() for column in (entrants.prior.mean, entrants.prior.std, entrants.mean, entrants.std)),
        strict=True,
    )
    names = ("prior_mean", "prior_std", "mean", "std")
    return [{"architecture": a.to_dict(), **dict(zip(names, numbers, strict=True))} for a, *numbers in columns]


def _entrants(space: SearchSpace, lines: Sequence[dict[str, Any]]) -> Entrants:
    rows = space.population([Architecture.from_dict(space, line["architecture"]) for line in lines])
    columns = [np.array([float(line[name]) for line in lines]) for name in ("prior_mean", "prior_std", "mean", "std")]
    return Entrants(rows, Belief(columns[0], columns[1]), columns[2], columns[3])
