"""What trains the entrants of a race."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from foretell.objectives import Fidelities, Job, Objective, label_folder, label_job
from foretell.spaces import Architecture

__all__ = ["ObjectiveRunner", "Runner"]


class Runner(Protocol):
    """What trains entrants: an objective, behind jobs.

    Attributes:
        metrics: What its labels have.
        fidelities: How far it can train.
    """

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of metrics."""
        ...

    @property
    def fidelities(self) -> Fidelities:
        """Unit and amount of the full training."""
        ...

    def job(self, architecture: Architecture, share: float, title: str) -> Job:
        """Train an architecture so far, on from where it was; the result is `Observation.to_dict`.

        A training that fails is an observation that says so, not an error.
        """
        ...


@dataclass(frozen=True)
class ObjectiveRunner:
    """Any objective.

    Attributes:
        objective: Gives the labels.
        seed: Handed to every training.
        folder: Where the folders of architectures are.
    """

    objective: Objective
    seed: int
    folder: Path

    @property
    def metrics(self) -> tuple[str, ...]:
        """See `Runner`."""
        return self.objective.metrics

    @property
    def fidelities(self) -> Fidelities:
        """See `Runner`."""
        return self.objective.fidelities

    def job(self, architecture: Architecture, share: float, title: str) -> Job:
        """See `Runner`."""
        folder = label_folder(self.folder, self.objective, architecture, self.seed, share)
        return label_job(self.objective, architecture, seed=self.seed, fidelity=share, folder=folder, title=title)
