"""Where ways to find an architecture compete in equal time, and what each of them found and was charged."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from foretell.costs import Constraints, CostModel
from foretell.metrics import Metric
from foretell.objectives import Job, ProcessExecutor, VirtualExecutor
from foretell.observations import Observation
from foretell.predictors import Predictor
from foretell.spaces import Architecture, SearchSpace
from foretell.study.config import StudyConfig
from foretell.study.labelling import Charges, StudyTrainings
from foretell.tasks import Task

__all__ = ["Arena", "Found", "brief"]


@dataclass(frozen=True)
class Arena:
    """Where methods compete: one study, one limit, one seed, the same seconds for all.

    Attributes:
        study: Corpus, space, recipes.
        task: Its task.
        costs: Of its space.
        limits: In absolute numbers.
        metric: By which a method judges what it has trained: one of the validation split.
        seed: Of every method's draws.
        seconds: For each method, by the virtual clock.
        workers: How many train beside each other, by that clock.
        folder: For the files of methods.
        predictors: Fitted on other tasks: "regression", and "experience" where there is one.
        pace: Processor seconds that a full training takes on average; None: not known.
    """

    study: StudyConfig
    task: Task
    costs: CostModel
    limits: Constraints
    metric: Metric
    seed: int
    seconds: float
    workers: int
    folder: Path
    predictors: tuple[Predictor, ...] = ()
    pace: float | None = None

    @property
    def space(self) -> SearchSpace:
        """What is searched."""
        return self.costs.space

    @cached_property
    def trainings(self) -> StudyTrainings:
        """What trains."""
        return StudyTrainings(self.study, self.task, self.study.train.seed)

    def executor(self, limit: float | None) -> VirtualExecutor:
        """Workers by the virtual clock, on the cores that there are."""
        return VirtualExecutor(
            ProcessExecutor(), self.workers, seconds=Charges(), limit=limit, known=lambda job: self._known(job)
        )

    def _known(self, job: Job) -> Any:
        """A label in the store, for which no process need be started."""
        inner = job.arguments.get("arguments", job.arguments)  # the race wraps its jobs
        if inner.get("share") is None:
            return None
        architecture = Architecture.from_dict(self.space, inner["architecture"])
        found = self.trainings.known(architecture, inner["share"])
        if found is None or inner is job.arguments:
            return found
        return {"observation": found, "seconds": 0.0}


@dataclass
class Found:
    """What a method picks.

    Attributes:
        architecture: Its winner.
        seconds: By the clock, when it had it.
        worked: Seconds of all workers together.
        trained: What it had trained: architecture, fidelity, metrics.
        about: What else is worth knowing.
    """

    architecture: Architecture
    seconds: float
    worked: float = 0.0
    trained: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)


def brief(item: Observation) -> dict[str, Any]:
    """What is kept of a training; `seconds` are those of all of it, from its beginning."""
    return {
        "architecture": item.architecture.to_dict(),
        "fidelity": item.fidelity,
        "metrics": dict(item.metrics),
        "seconds": Charges()(item.to_dict()),
        **({"failed": item.failed} if item.failed else {}),
    }
