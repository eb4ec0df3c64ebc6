"""How long this machine takes for an update of a training, by making a few."""

from __future__ import annotations

import time

from foretell.families.base import Network
from foretell.machine import torch_threads
from foretell.tasks import Task
from foretell.training.devices import choose_device
from foretell.training.distributed import Ranks
from foretell.training.recipe import Recipe
from foretell.training.sampling import SamplingRule
from foretell.training.update import Updates

__all__ = ["seconds_per_update"]

_MOST_SECONDS = 2.0
_UPDATES = 12
_WARM = 2  # the first updates also allocate


def seconds_per_update(network: Network, task: Task, recipe: Recipe, rule: SamplingRule, device: str = "auto") -> float:
    """Seconds of one update, the median of a few that are made and thrown away.

    Args:
        network: Freshly built; its weights are changed.
        task: Gives the batches.
        recipe: How it would be trained.
        rule: Which architectures at which update.
        device: "auto", "cpu", "cuda" or "cuda:N"; a CPU is timed on one thread, as runs use it.

    Raises:
        InputError: There is no such device.
    """
    place = choose_device(device)
    network.to(place).train()
    updates = Updates(network, task.batches(recipe.max_tokens, 1), recipe, rule, 1, place, Ranks())
    took: list[float] = []
    start = time.perf_counter()
    with torch_threads(1):
        for update in range(_UPDATES):
            began = time.perf_counter()
            updates.take(update)  # hands over a number, and so has waited for the device
            took.append(time.perf_counter() - began)
            if update >= _WARM and time.perf_counter() - start > _MOST_SECONDS:
                break
    return sorted(took[_WARM:])[(len(took) - _WARM) // 2]
