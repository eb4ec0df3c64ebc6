"""How finalists race: how many, and how far they are trained before some of them leave."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from foretell.errors import InputError
from foretell.objectives import Fidelities

__all__ = ["Race", "percent"]

_PERCENT = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*%")
_EXAMPLE = "such as [12.5%, 25%, 50%, 100%]"


class Race(BaseModel):
    """A race: entrants are trained to a first rung, the better part of them on to the next, the last to the end.

    Attributes:
        entrants: Architectures that are trained to the first rung.
        rungs: How far the entrants on each rung are trained: shares of the full training, written as "12.5%" or
            0.125, in order; the last is 100 %.
        finishers: How many are trained in full; between the first rung and the last the number falls by about the
            same factor from rung to rung.
        predictor: From whose posterior entrants are drawn; None: what the study has.
        metric: What is to become good; empty: the study's metric.
        rules: Whether what simple rules pick (most FLOPs, most parameters, uniformly scaled) races too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    entrants: int = Field(default=8, ge=2)
    rungs: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0)
    finishers: int = Field(default=1, ge=1)
    predictor: str | None = None
    metric: str = ""
    rules: bool = False

    @field_validator("rungs", mode="before")
    @classmethod
    def _shares(cls, value: Any) -> Any:
        return [_share(each) for each in value] if isinstance(value, (list, tuple)) else value

    @field_validator("rungs")
    @classmethod
    def _in_order(cls, rungs: tuple[float, ...]) -> tuple[float, ...]:
        shown = ", ".join(map(percent, rungs))
        if not rungs:
            raise InputError(f"the race has no rungs; give growing shares of the full training, {_EXAMPLE}.")
        if max(rungs) > 1:
            raise InputError(
                f"the rung {percent(max(rungs))} is above 100 %, the full training; give shares {_EXAMPLE}."
            )
        if min(rungs) <= 0:
            raise InputError(f"the rung {percent(min(rungs))} is no training at all; give shares {_EXAMPLE}.")
        if any(after <= before for before, after in pairwise(rungs)):
            raise InputError(
                f"the rungs {shown} are not in order; give growing shares of the full training, {_EXAMPLE}."
            )
        if rungs[-1] != 1:
            raise InputError(f"the rungs {shown} do not end in the full training; add 100%, {_EXAMPLE}.")
        return rungs

    @model_validator(mode="after")
    def _fewer_finish(self) -> Race:
        if self.finishers > self.entrants:
            raise InputError(
                f"the race has {self.finishers} finishers but only {self.entrants} entrants; let fewer finish."
            )
        return self

    def resolved(self, fidelities: Fidelities) -> tuple[float, ...]:
        """The shares that an objective really trains to; rungs that come to the same amount are one.

        Raises:
            InputError: The objective has only the full training.
        """
        if not fidelities.unit and self.rungs != (1.0,):
            raise InputError(
                f"the rungs {', '.join(map(percent, self.rungs))} are parts of a training, but this objective has "
                "only the full one; declare how far it can train (fidelity: {unit: epochs, full: 10}), or give rungs: "
                "[100%]."
            )
        return tuple(dict.fromkeys(fidelities.nearest(share) for share in self.rungs))

    def places(self, rungs: Sequence[float]) -> tuple[int, ...]:
        """How many entrants are trained on each of these rungs."""
        if len(rungs) == 1:
            return (self.entrants,)
        shrink = (self.finishers / self.entrants) ** (1 / (len(rungs) - 1))
        return tuple(max(self.finishers, round(self.entrants * shrink**rung)) for rung in range(len(rungs)))

    def cost(self, fidelities: Fidelities) -> float:
        """What the race takes, in full trainings."""
        rungs = self.resolved(fidelities)
        before = (0.0, *rungs) if fidelities.continued else (0.0,) * (len(rungs) + 1)
        return sum(n * (share - had) for n, share, had in zip(self.places(rungs), rungs, before, strict=False))


def percent(share: float) -> str:
    """A share as people write it: "12.5%"."""
    return f"{round(100 * share, 1):g}%"


def _share(value: Any) -> Any:
    """A share as it may be written; what is none is left for the message that says so."""
    if isinstance(value, str):
        found = _PERCENT.fullmatch(value.strip())
        if found is None:
            raise InputError(f"the rung {value!r} is no share of a training; write it as 12.5% or 0.125.")
        return float(found["number"]) / 100
    return value
