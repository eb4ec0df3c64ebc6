"""How good candidates are on text that neither importance nor search has seen, before and after healing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.families.base import Network
from foretell.records import read_object, write_json
from foretell.study.shrinking.config import Shrinking
from foretell.tasks import Task
from foretell.training import fast_precision
from foretell.training.loop import train
from foretell.training.recipe import Recipe
from foretell.training.sampling import Fixed

__all__ = ["Healer", "heal", "healing_recipe", "measured", "precision_of"]

_VALIDATE_EVERY = 100
"""Updates between two checkpoints of a long healing."""


@dataclass(frozen=True)
class Healer:
    """How candidates learn from their parent.

    Attributes:
        teacher: The parent.
        pupil: A network that learns from the second, with the weights of the first.
        task: The user's text.
        recipe: How.
        seed: Of the order of the text, the same for all.
        device: Where.
        about: What all candidates have in common, for the key of their checkpoints.
    """

    teacher: Any
    pupil: Callable[[Any, Any], Any]
    task: Task
    recipe: Recipe
    seed: int
    device: str
    about: dict[str, Any]


def precision_of(config: Shrinking, device: str | None = None) -> str:
    """Of what runs often, on the study's device or another."""
    return fast_precision(device or config.device) if config.precision == "auto" else config.precision


def healing_recipe(updates: int, learning_rate: float, max_tokens: int, precision: str) -> Recipe:
    """How candidates learn, or the parent before them.

    Args:
        updates: How many.
        learning_rate: At most.
        max_tokens: Of a batch.
        precision: "fp32" or "bf16".
    """
    return Recipe(
        updates=updates,
        max_tokens=max_tokens,
        learning_rate=learning_rate,
        precision=precision,
        warmup=max(1, updates // 10),
        betas=(0.9, 0.95),
        label_smoothing=0.0,
        dropout=0.0,
        validate_every=min(updates, _VALIDATE_EVERY),
        average_last=0,
    )


def heal(network: Any, name: str, folder: Path, healer: Healer, cut: dict[str, Any]) -> Any:
    """Distil the parent into a candidate, or finish, or find that.

    Args:
        network: The candidate; its weights are used.
        name: For the progress.
        folder: Of its checkpoints.
        healer: How.
        cut: What the candidate is.

    Raises:
        DivergedError: The loss became infinite.
        StorageError: A checkpoint cannot be written.
    """
    pupil = healer.pupil(network, healer.teacher)
    train(
        pupil,
        healer.task,
        healer.recipe,
        Fixed(),
        folder,
        seed=healer.seed,
        about={**healer.about, "cut": cut},
        title=f"healing {name}",
        device=healer.device,
    )
    (folder / "state.safetensors").unlink(missing_ok=True)  # three times the weights, and no longer of use
    network.load_state_dict(pupil.to("cpu").state_dict())
    return network.eval()


def measured(network: Network, task: Task, path: Path, key: str) -> dict[str, float]:
    """Metrics on the test text, kept on disk.

    Args:
        network: In evaluation mode.
        task: The user's text.
        path: Where they are kept.
        key: Names all that they depend on.
    """
    if path.exists():
        kept = read_object(path)
        if kept.get("key") == key:
            return dict(kept["metrics"])
    metrics = task.measure(network, ["test"]).metrics
    found = {name.removeprefix("test_"): value for name, value in metrics.items()}
    write_json(path, {"key": key, "metrics": found})
    return found
