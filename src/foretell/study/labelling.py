"""A study's own trainings for those who drive them: what each cost on record, and those that are there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foretell.objectives import Fidelities, Job, TrainedObjective
from foretell.spaces import Architecture
from foretell.study.config import StudyConfig
from foretell.study.jobs import scratch_job, trained_objective
from foretell.tasks import Task

__all__ = ["Charges", "StudyTrainings"]


@dataclass
class StudyTrainings:
    """Trains architectures by the study's recipe, each in the user's store, where it is found again.

    Attributes:
        study: Corpus, vocabulary and recipe.
        task: Its task.
        seed: Of every training.
    """

    study: StudyConfig
    task: Task
    seed: int

    @property
    def objective(self) -> TrainedObjective:
        """What trains."""
        return trained_objective(self.study, self.task)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of metrics."""
        return self.objective.metrics

    @property
    def fidelities(self) -> Fidelities:
        """Unit and amount of the full training."""
        return self.objective.fidelities

    def job(self, architecture: Architecture, share: float, title: str) -> Job:
        """Train an architecture so far; the result is `Observation.to_dict`, one that failed says so."""
        return scratch_job(self.study, architecture, self.seed, title, share=share)

    def known(self, architecture: Architecture, share: float) -> dict[str, Any] | None:
        """The label, where a training that came so far is in the store."""
        objective = self.objective
        updates, full = objective.fidelities.amount(share), objective.fidelities.full
        folder = objective.store(architecture, self.seed)
        name = "observation.json" if updates == full else f"observation-{updates:g}.json"
        if not (folder / name).exists():
            return None
        return objective.label(architecture, seed=self.seed, fidelity=share, folder=folder).to_dict()


@dataclass
class Charges:
    """What trainings cost those who asked for them: processor seconds on record, and nothing for what was paid before.

    A part of a training costs its part of the seconds; one that goes on from a smaller one costs what is new, which is
    nothing where early stopping had ended it. Measuring the network on the validation split costs what it cost, each
    time; records that do not tell count none.
    """

    _paid: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __call__(self, result: Any) -> float:
        """Seconds of a label, given as `Observation.to_dict`, alone or under "observation"."""
        found = result["observation"] if isinstance(result, Mapping) and "observation" in result else result
        about, share = found.get("provenance", {}), float(found.get("fidelity", 1.0))
        seconds = float(about.get("training_cpu_seconds", about.get("training_seconds", 0.0)))
        key = f"{found['architecture']} {about.get('seed')}"
        before, done = self._paid.get(key, (0.0, 0.0))
        if share <= before:
            return 0.0
        updates = float(about.get("updates", share))  # those of other objectives tell their shares alone
        self._paid[key] = share, updates
        return seconds * (updates - done) / updates + float(about.get("measuring_cpu_seconds", 0.0))
