"""How good candidates are on text that neither importance nor search has seen, before and after healing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.families.base import Network
from foretell.records import read_object, write_json
from foretell.study.shrinking.config import ShrinkConfig, Shrinking
from foretell.tasks import Task
from foretell.training import fast_precision
from foretell.training.loop import train
from foretell.training.recipe import Recipe
from foretell.training.sampling import Fixed
from foretell.training.state import TrainingResult

__all__ = ["Healer", "about_of", "heal", "healer_of", "healing_recipe", "kept", "measured", "precision_of"]

_CODE = 1
"""Raised by hand when scores, searches or measurements come out otherwise than before."""
_VALIDATE_EVERY = 100
"""Updates between two checkpoints of a long healing."""


@dataclass(frozen=True)
class Healer:
    """How candidates learn from their parent.

    Attributes:
        teacher: The parent; None: the text itself.
        task: The user's text.
        recipe: How.
        seed: Of the order of the text, the same for all.
        device: Where.
        about: What all candidates have in common, for the key of their checkpoints.
        recompute: Whether layers are computed again on the way back (gradient checkpointing).
    """

    teacher: Any
    task: Task
    recipe: Recipe
    seed: int
    device: str
    about: dict[str, Any]
    recompute: bool = False

    def teacher_back(self) -> None:
        """Bring the parent back to the CPU, where it is judged and cut."""
        if self.teacher is not None:
            self.teacher.to("cpu")


def precision_of(config: Shrinking, device: str | None = None) -> str:
    """Of what runs often, on the study's device or another."""
    return fast_precision(device or config.device) if config.precision == "auto" else config.precision


def about_of(parent: str, text: str) -> dict[str, Any]:
    """What everything in a run depends on; the parent's and the text's fingerprints are in it."""
    return {"code": _CODE, "parent": parent, "text": text}


def healer_of(config: Shrinking, parent: Network, task: Task, max_tokens: int, about: dict[str, Any]) -> Healer:
    """How candidates of a study learn from their parent."""
    recipe = healing_recipe(max(1, config.heal), config.learning_rate, max_tokens, precision_of(config))
    recompute = isinstance(config, ShrinkConfig) and config.gradient_checkpointing
    return Healer(parent, task, recipe, config.seed, config.device, about, recompute)


def healing_recipe(updates: int, learning_rate: float, max_tokens: int, precision: str, batches: int = 1) -> Recipe:
    """How candidates learn, or the parent before them.

    Args:
        updates: How many.
        learning_rate: At most.
        max_tokens: Of a batch.
        precision: "fp32" or "bf16".
        batches: Of an update.
    """
    return Recipe(
        updates=updates,
        max_tokens=max_tokens,
        tokens_per_update=batches * max_tokens if batches > 1 else None,
        learning_rate=learning_rate,
        precision=precision,
        warmup=max(1, updates // 10),
        betas=(0.9, 0.95),
        label_smoothing=0.0,
        dropout=0.0,
        validate_every=min(updates, _VALIDATE_EVERY),
        average_last=0,
    )


def heal(
    network: Any, title: str, folder: Path, healer: Healer, cut: dict[str, Any], until: int | None = None
) -> TrainingResult:
    """Distil the parent into a candidate, or finish, or find that.

    Args:
        network: The candidate; has the best weights afterwards, on the CPU and in evaluation mode.
        title: For the progress.
        folder: Of its checkpoints.
        healer: How.
        cut: What the candidate is.
        until: Pause after so many updates; None: to the end.

    Returns:
        How it went so far.

    Raises:
        DivergedError: The loss became infinite.
        StorageError: A checkpoint cannot be written.
    """
    network.requires_grad_(True)
    network.recompute = healer.recompute
    result = train(
        network,
        healer.task,
        healer.recipe,
        Fixed(),
        folder,
        seed=healer.seed,
        about={**healer.about, "cut": cut},
        title=title,
        device=healer.device,
        until=until,
        teacher=healer.teacher,
    )
    if result.updates == healer.recipe.updates:
        (folder / "state.safetensors").unlink(missing_ok=True)  # three times the weights, and no longer of use
    healer.teacher_back()
    network.to("cpu").eval()
    return result


def measured(network: Network, task: Task, path: Path, key: str) -> dict[str, float]:
    """Metrics on the test text, kept on disk.

    Args:
        network: In evaluation mode.
        task: The user's text.
        path: Where they are kept.
        key: Names all that they depend on.
    """

    def measure() -> dict[str, float]:
        metrics = task.measure(network, ["test"]).metrics
        return {name.removeprefix("test_"): value for name, value in metrics.items()}

    return kept(path, key, measure)


def kept(path: Path, key: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Metrics, kept on disk by all that they depend on."""
    if path.exists():
        found = read_object(path)
        if found.get("key") == key:
            return dict(found["metrics"])
    metrics = measure()
    write_json(path, {"key": key, "metrics": metrics})
    return metrics
