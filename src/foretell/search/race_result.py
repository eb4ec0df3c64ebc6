"""How a race ended: who went how far, what it cost, and how sure one may be of the winner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.metrics import Metric
from foretell.observations import Observation
from foretell.search.entrants import Entrants
from foretell.search.rung_model import Belief
from foretell.spaces import SearchSpace

__all__ = ["RaceResult", "Rung"]


@dataclass(frozen=True)
class Rung:
    """What happened on a rung.

    Attributes:
        share: Of the full training.
        places: How many entrants were meant to be trained here.
        trained: How many were, failed ones included.
        failed: How many of them failed.
        early: How many came here before the rung below was settled, because a worker was free.
        seconds: What the trainings took, added up.
    """

    share: float
    places: int
    trained: int
    failed: int
    early: int
    seconds: float


@dataclass(frozen=True)
class RaceResult:
    """How a race ended.

    Attributes:
        space: Of the entrants.
        target: What was to become good.
        entrants: Who raced.
        rungs: What happened on each, first to last.
        seen: What was seen of each entrant, by rung.
        seconds: What all trainings of each entrant took.
        belief: Of all entrants, after everything that was seen.
        chances: How probable it is of each entrant that it is the best of all that raced and did not fail, `[n]`.
        winner: The entrant that came out best of those trained in full.
        cost: What was planned, in full trainings.
        anew: Whether each rung was trained from the beginning.
    """

    space: SearchSpace
    target: Metric
    entrants: Entrants
    rungs: tuple[Rung, ...]
    seen: tuple[dict[int, Observation], ...]
    seconds: tuple[float, ...]
    belief: Belief
    chances: npt.NDArray[np.float64]
    winner: int
    cost: float
    anew: bool

    @property
    def best(self) -> Observation:
        """The winner's label of the full training."""
        return self.seen[self.winner][len(self.rungs) - 1]

    @property
    def probability(self) -> float:
        """That the winner is the best of those that raced."""
        return float(self.chances[self.winner])

    @property
    def finishers(self) -> list[int]:
        """Entrants that were trained in full, best believed first."""
        return [entrant for entrant in self.order() if self._reached(entrant) == len(self.rungs) - 1]

    def order(self) -> list[int]:
        """All entrants: those that came furthest first, of equals the best believed."""
        return sorted(range(len(self.seen)), key=lambda each: (-self._reached(each), -self.belief.mean[each], each))

    def to_dict(self) -> dict[str, Any]:
        """What `result.json` holds of it; beliefs in standard deviations of random architectures, from their mean."""
        return {
            "metric": self.target.to_dict(),
            "planned_trainings": round(self.cost, 3),
            "anew": self.anew,
            "rungs": [{**vars(rung), "seconds": round(rung.seconds, 2)} for rung in self.rungs],
            "probability": round(self.probability, 3),
            "standings": [self._standing(each) for each in self.order()],
        }

    def _reached(self, entrant: int) -> int:
        """The last rung that an entrant was trained on without failing; -1 for none."""
        return max((rung for rung, each in self.seen[entrant].items() if not each.failed), default=-1)

    def _standing(self, entrant: int) -> dict[str, Any]:
        seen, prior = self.seen[entrant], self.entrants.prior
        failed = next((each.failed for each in seen.values() if each.failed), "")
        return {
            "entrant": entrant,
            "architecture": self.space.architecture(self.entrants.rows[entrant]).to_dict(),
            "prior": [round(float(prior.mean[entrant]), 4), round(float(prior.std[entrant]), 4)],
            "belief": [round(float(self.belief.mean[entrant]), 4), round(float(self.belief.std[entrant]), 4)],
            "chance": round(float(self.chances[entrant]), 4),
            "seen": [
                {"share": self.rungs[rung].share, "metrics": dict(each.metrics)}
                for rung, each in sorted(seen.items())
                if not each.failed
            ],
            **({"failed": failed} if failed else {}),
        }
