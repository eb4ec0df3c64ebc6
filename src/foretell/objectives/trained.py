"""Labels from our own training: a task, a recipe, and the space's networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.errors import InputError
from foretell.objectives.base import Fidelities
from foretell.objectives.reading import failure
from foretell.objectives.scorer import ExternalScorer
from foretell.objectives.store import claim, store_folder
from foretell.observations import Observation
from foretell.records import fingerprint
from foretell.spaces import Architecture
from foretell.tasks import Split, Task, measuring_options

if TYPE_CHECKING:
    from foretell.training import Recipe

__all__ = ["TrainedObjective"]


class TrainedObjective:
    """Trains from scratch, or from inherited weights; a small training is the beginning of the full one.

    Labels of the full training have the loss and the task's metrics of all splits, smaller ones those of the
    validation split.

    Args:
        task: What to learn, and how that is judged.
        recipe: How to train; its updates are the full training.
        device: "auto", "cpu", "cuda" or "cuda:N".
        inherit: Start from the weights in this supernet (a checkpoint or its folder).
        scorers: Programs that measure further metrics on what the network says; the task must have references.
        options: Of `Task.measure`.

    Raises:
        UnknownNameError: An option that the task does not have.
        InputError: A scorer measures what the task does.
    """

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        *,
        device: str = "auto",
        inherit: Path | None = None,
        scorers: Sequence[ExternalScorer] = (),
        **options: Any,
    ) -> None:
        self.task, self.recipe, self.device, self.inherit = task, recipe, device, inherit
        self.scorers = tuple(scorers)
        for scorer in self.scorers:
            if f"valid_{scorer.name}" in task.metrics:
                raise InputError(f"the task measures {scorer.name} itself; give the scorer another name.")
        self.metrics = (*task.metrics, *(f"valid_{scorer.name}" for scorer in self.scorers))
        self.options = measuring_options(task.options, options)
        several = recipe.updates > 1
        self.fidelities = Fidelities(unit="updates", full=recipe.updates, continued=True) if several else Fidelities()

    @property
    def fingerprint(self) -> str:
        """Names task, recipe, options and inherited weights, and the versions of the code that they go through."""
        from foretell.training import weights_digest
        from foretell.training.keys import training_keys

        about = {} if self.inherit is None else {"inherited": weights_digest(self.inherit)}
        key = training_keys(about, self.task, self.recipe, 0, self.device)[0]  # seeds are told apart by who asks
        scored = [{scorer.name: scorer.settings.told} for scorer in self.scorers]
        return fingerprint([key, self._changed(), self.task.measuring, *scored])

    def _changed(self) -> dict[str, Any]:
        """How a network is measured, as far as names have to tell it."""
        return {name: value for name, value in self.options.items() if value != self.task.options[name]}

    def store(self, architecture: Architecture, seed: int) -> Path:
        """Where the user's store keeps the training of an architecture, whatever study asks for it."""
        from foretell.training import scratch_keys

        key = scratch_keys(architecture, self.task, self.recipe, seed, self.inherit, self.device)[0]
        changed, first = self._changed(), self._first_name(architecture, seed)
        return store_folder("trained", fingerprint([key, changed]) if changed else key, first)

    def _first_name(self, architecture: Architecture, seed: int) -> str | None:
        """What the first version called the folder; None where it could not have been asked for."""
        from foretell.training import first_recipe, weights_digest

        if (recipe := first_recipe(self.recipe)) is None:
            return None
        about: list[Any] = [architecture.space.fingerprint, architecture.spelled(), self.task.fingerprint, recipe, seed]
        about += [] if self.inherit is None else [weights_digest(self.inherit)]
        # The beam was always named, a length penalty where it was not the default.
        told = [value for name, value in self.options.items() if name == "beam" or name in self._changed()]
        return fingerprint([fingerprint(about), *told])

    def train(
        self, architecture: Architecture, *, seed: int, fidelity: float, folder: Path, title: str = "training"
    ) -> Observation:
        """As `label`, but a training that diverges is an error; `title` is what the progress display calls it.

        Raises:
            DivergedError: The loss became infinite or not a number.
            InputError: A scorer failed; the training is kept.
        """
        from foretell.training import train_from_scratch

        until = int(self.fidelities.amount(fidelity) if fidelity < 1 else self.recipe.updates)
        splits: tuple[Split, ...] = ("valid",) if until < self.recipe.updates else ("valid", "test")
        with claim(folder):
            found = train_from_scratch(
                architecture,
                self.task,
                self.recipe,
                folder,
                seed=seed,
                splits=splits,
                device=self.device,
                title=title,
                inherit=self.inherit,
                until=until,
                keep_outputs=bool(self.scorers),
                **self.options,
            )
            return self._scored(found, splits, folder, None if until == self.recipe.updates else until)

    def _scored(self, found: Observation, splits: Sequence[Split], folder: Path, until: int | None) -> Observation:
        """A label with what scorers make of the network's outputs."""
        from foretell.training import kept_outputs

        if not self.scorers:
            return found
        outputs = kept_outputs(folder, until)
        metrics = dict(found.metrics)
        for split in splits:
            sources, references = zip(*self.task.examples(split), strict=True)
            texts = {"hypotheses": outputs[split], "sources": sources, "references": references}
            metrics |= {f"{split}_{scorer.name}": scorer.score(texts, folder) for scorer in self.scorers}
        return replace(found, metrics=metrics)

    def label(self, architecture: Architecture, *, seed: int, fidelity: float, folder: Path) -> Observation:
        """Train; see `Objective.label`. A training that diverges is a failed label."""
        from foretell.training import DivergedError

        share = self.fidelities.nearest(fidelity)
        try:
            return self.train(architecture, seed=seed, fidelity=share, folder=folder)
        except DivergedError as error:
            about: dict[str, Any] = {"seed": seed, "objective": self.fingerprint}
            if error.updates is not None and error.cpu_seconds is not None:
                about |= {"updates": error.updates, "training_cpu_seconds": round(error.cpu_seconds, 2)}
            return failure(architecture, str(error), share, about)
