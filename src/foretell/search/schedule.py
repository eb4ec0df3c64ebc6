"""Which predictor scores which iterations of a search."""

from __future__ import annotations

import re
from dataclasses import dataclass

from foretell.errors import InputError

__all__ = ["HS_NAS", "Schedule", "Stretch"]

HS_NAS = "distilled:1-15,supernet:16-30"
"""The paper's HS-NAS (1, 15)."""
_NONE = "none"
_STRETCH = re.compile(r"^(?P<name>[^:,]+(?::[^:,\d][^:,]*)*):(?P<first>\d+)(?:-(?P<last>\d+))?$")


@dataclass(frozen=True)
class Stretch:
    """Iterations `first` to `last` (counted from 1, both included) that one predictor scores."""

    predictor: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.predictor}:{self.first}-{self.last}"


@dataclass(frozen=True)
class Schedule:
    """Stretches that follow each other without gap or overlap, from iteration 1 on.

    HAT is "supernet:1-30"; the paper's HS-NAS(llm, supernet, 1, 15) is "distilled:1-15,supernet:16-30".
    """

    stretches: tuple[Stretch, ...]

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read "predictor:first-last,predictor:first-last"; "none" is no iteration at all.

        Raises:
            InputError: A part cannot be read, or there is a gap or an overlap; the message names it.
        """
        if text.strip() == _NONE:
            return cls(())
        stretches = [_stretch(part.strip(), text) for part in text.split(",")]
        expected = 1
        for stretch in stretches:
            if stretch.first != expected:
                fault = "leaves a gap" if stretch.first > expected else "overlaps"
                raise InputError(
                    f"the schedule {text!r} {fault} at iteration {min(stretch.first, expected)}: {stretch} must "
                    f"begin at {expected}; give stretches in order, such as distilled:1-15,supernet:16-30."
                )
            expected = stretch.last + 1
        return cls(tuple(stretches))

    def __str__(self) -> str:
        return ",".join(map(str, self.stretches)) or _NONE

    @property
    def iterations(self) -> int:
        """How many iterations there are."""
        return self.stretches[-1].last if self.stretches else 0

    @property
    def predictors(self) -> tuple[str, ...]:
        """The predictors by first use, each once."""
        return tuple(dict.fromkeys(stretch.predictor for stretch in self.stretches))

    def at(self, iteration: int) -> str:
        """The predictor of iteration 1, 2, ..."""
        return next(s.predictor for s in self.stretches if s.first <= iteration <= s.last)


def _stretch(part: str, text: str) -> Stretch:
    match = _STRETCH.match(part)
    if match is None:
        raise InputError(
            f"the schedule {text!r} has the part {part!r}; expected predictor:first-last, such as supernet:1-30."
        )
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if first < 1 or last < first:
        raise InputError(f"the schedule {text!r} has the stretch {part!r}; iterations count from 1 and upwards.")
    return Stretch(match["name"], first, last)
