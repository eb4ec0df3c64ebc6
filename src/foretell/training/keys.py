"""What names a training: all that its result depends on, and nothing that stands at its default.

So a default that is added later renames nothing; one that is *changed* must raise `TRAINING`, as must whatever
else makes the same data and recipe come to other weights. Keys of the first version named the defaults, too, and
neither version nor precision: they are known still, so that nothing that was trained under them is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from foretell.records import fingerprint
from foretell.tasks import Task
from foretell.training.devices import resolve_precision
from foretell.training.recipe import Recipe

__all__ = ["TRAINING", "as_first_written", "first_recipe", "training_keys"]

TRAINING = 1
"""Raise when a training comes to other weights than before."""

_FIRST_RECIPE = (
    "updates",
    "max_tokens",
    "tokens_per_update",
    "learning_rate",
    "warmup",
    "schedule",
    "initial_learning_rate",
    "final_learning_rate",
    "betas",
    "epsilon",
    "weight_decay",
    "clip_norm",
    "label_smoothing",
    "dropout",
    "attention_dropout",
    "precision",
    "validate_every",
    "average_last",
)


def training_keys(
    about: Mapping[str, Any],
    task: Task,
    recipe: Recipe,
    seed: int,
    device: str = "auto",
    *,
    spelled: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """Names of a run of `train`; the first is what it is called now, the others are what it was called before.

    Args:
        about: What the weights depend on besides the task, the recipe and the seed; the space by its fingerprint,
            whatever its name.
        task: The data, by their fingerprint.
        recipe: How; "auto" precision counts as what it comes to on the device.
        seed: Of initial weights, data order and dropout.
        device: "auto", "cpu", "cuda" or "cuda:N".
        spelled: Defaults that the first version named besides.

    Raises:
        InputError: There is no such device.
    """
    now = {
        **{name: value for name, value in about.items() if name != "space"},
        "task": task.fingerprint,
        "recipe": recipe.model_dump(mode="json", exclude_defaults=True, exclude={"precision"}),
        "seed": seed,
        "precision": resolve_precision(recipe.precision, device),
        "code": TRAINING,
    }
    first = first_recipe(recipe)
    if first is None:
        return (fingerprint(now),)
    before = {**about, **(spelled or {}), "recipe": first, "seed": seed, "task": task.fingerprint}
    return fingerprint(now), fingerprint(before)


def first_recipe(recipe: Recipe) -> dict[str, Any] | None:
    """A recipe as keys of the first version had it (`as_first_written`)."""
    return as_first_written(recipe, _FIRST_RECIPE)


def as_first_written(settings: BaseModel, names: tuple[str, ...]) -> dict[str, Any] | None:
    """Settings as keys of the first version had them, defaults spelled out.

    Args:
        settings: What is named.
        names: The fields that there were then.

    Returns:
        The values by name; None where a later field differs from its default, for then no such key was written.
    """
    if set(settings.model_dump(exclude_defaults=True)) - set(names):
        return None
    values = settings.model_dump(mode="json")
    return {name: values[name] for name in names if name in values}
