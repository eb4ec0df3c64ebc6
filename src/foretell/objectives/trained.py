"""Labels from our own training: a task, a recipe, and the space's networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.objectives.base import Fidelities
from foretell.objectives.reading import failure
from foretell.objectives.store import claim, store_folder
from foretell.observations import Observation
from foretell.records import fingerprint
from foretell.spaces import Architecture
from foretell.tasks.translation import Split, Task

if TYPE_CHECKING:
    from foretell.training import Recipe

__all__ = ["TrainedObjective"]

_UNNAMED_PENALTY = 1.0
"""What folders were scored with before their names told it; whatever the default becomes, these keep their names."""


class TrainedObjective:
    """Trains from scratch, or from inherited weights; a small training is the beginning of the full one.

    Labels of the full training have the loss and the scores of all splits, smaller ones those of the validation
    sentences.

    Args:
        task: Sentences and vocabulary.
        recipe: How to train; its updates are the full training.
        beam: Of the translations that are scored.
        length_penalty: Of the same.
        device: "auto", "cpu", "cuda" or "cuda:N".
        inherit: Start from the weights in this supernet (a checkpoint or its folder).
    """

    metrics = ("valid_bleu", "valid_loss", "valid_chrf", "valid_ter")

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        *,
        beam: int = 4,
        length_penalty: float = _UNNAMED_PENALTY,
        device: str = "auto",
        inherit: Path | None = None,
    ) -> None:
        self.task, self.recipe, self.device, self.inherit = task, recipe, device, inherit
        self.beam, self.length_penalty = beam, length_penalty
        several = recipe.updates > 1
        self.fidelities = Fidelities(unit="updates", full=recipe.updates, continued=True) if several else Fidelities()

    @property
    def fingerprint(self) -> str:
        """Names task, recipe, decoding and inherited weights."""
        from foretell.training.checkpoint import weights_digest

        about: list[Any] = [self.task.fingerprint, self.recipe.model_dump(mode="json"), self.beam, self.length_penalty]
        if self.inherit is not None:
            folder = self.inherit.is_dir()
            about.append(weights_digest(self.inherit / "model.safetensors" if folder else self.inherit))
        return fingerprint(about)

    def store(self, architecture: Architecture, seed: int) -> Path:
        """Where the user's store keeps the training of an architecture, whatever study asks for it."""
        from foretell.training import training_key

        about: list[Any] = [training_key(architecture, self.task, self.recipe, seed, self.inherit), self.beam]
        if self.length_penalty != _UNNAMED_PENALTY:
            about.append(self.length_penalty)
        return store_folder("trained", fingerprint(about))

    def train(
        self, architecture: Architecture, *, seed: int, fidelity: float, folder: Path, title: str = "training"
    ) -> Observation:
        """As `label`, but a training that diverges is an error; `title` is what the progress display calls it.

        Raises:
            DivergedError: The loss became infinite or not a number.
        """
        from foretell.training import train_from_scratch

        until = int(self.fidelities.amount(fidelity) if fidelity < 1 else self.recipe.updates)
        splits: tuple[Split, ...] = ("valid",) if until < self.recipe.updates else ("valid", "test")
        with claim(folder):
            return train_from_scratch(
                architecture,
                self.task,
                self.recipe,
                folder,
                seed=seed,
                beam=self.beam,
                length_penalty=self.length_penalty,
                splits=splits,
                device=self.device,
                title=title,
                inherit=self.inherit,
                until=until,
            )

    def label(self, architecture: Architecture, *, seed: int, fidelity: float, folder: Path) -> Observation:
        """Train; see `Objective.label`. A training that diverges is a failed label."""
        from foretell.training import DivergedError

        share = self.fidelities.nearest(fidelity)
        try:
            return self.train(architecture, seed=seed, fidelity=share, folder=folder)
        except DivergedError as error:
            return failure(architecture, str(error), share, {"seed": seed, "objective": self.fingerprint})
