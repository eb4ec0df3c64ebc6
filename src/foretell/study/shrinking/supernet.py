"""Training the parts of a parent together by distillation from it, before the best of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foretell.spaces import Architecture
from foretell.study.shrinking.config import SupernetSettings
from foretell.study.shrinking.judging import Healer, healing_recipe
from foretell.training.adapters import attach_adapters, merge_adapters
from foretell.training.devices import choose_device
from foretell.training.distributed import joined
from foretell.training.loop import train
from foretell.training.state import TrainingResult

__all__ = ["NearLimits", "train_parts"]


class NearLimits:
    """A sandwich at the limits: at every update the whole, one of some parts, and the same width everywhere.

    The smallest part of all is nothing that anyone would want; the limits are where the search looks.

    Args:
        parts: That keep the limits, the best first.
        narrow: The same width everywhere at the limits; None where there is no such part.
        seed: Of the draws.
    """

    distillation = 0.0

    def __init__(self, parts: Sequence[Architecture], narrow: Architecture | None, seed: int) -> None:
        self.parts, self.narrow, self.seed = list(parts), narrow, seed

    def at(self, update: int) -> list[Architecture | None]:
        """The whole and one or two of its parts."""
        rng = np.random.default_rng([self.seed, update])
        drawn = self.parts[int(rng.integers(len(self.parts)))]
        return [None, drawn, *self._ends()]

    @property
    def validated(self) -> list[Architecture | None]:
        """The part that was best at first, and the same width everywhere."""
        return [self.parts[0], *self._ends()]

    def _ends(self) -> list[Architecture | None]:
        return [] if self.narrow is None else [self.narrow]


def train_parts(
    network: Any,
    rule: NearLimits,
    settings: SupernetSettings,
    folder: Path,
    healer: Healer,
    max_tokens: int,
    order: str,
) -> TrainingResult:
    """Train a network's parts, or finish or find that; alone, or with the processes that `torchrun` started.

    Args:
        network: Has the weights of the parent; those that are best for the parts afterwards.
        rule: Which parts.
        settings: How long, and whether by adapters.
        folder: Of its checkpoints.
        healer: Who teaches, on what and where; its recipe is that of single parts and is not used.
        max_tokens: Of a batch.
        order: Names the order of the network's parts.

    Raises:
        DivergedError: The loss became infinite.
        InputError: An update has fewer batches than there are processes.
        RankLostError: Another process has ended.
        StorageError: A checkpoint cannot be written.
    """
    precision = healer.recipe.precision
    recipe = healing_recipe(settings.updates, settings.learning_rate, max_tokens, precision, settings.batches)
    network.requires_grad_(True)
    network.recompute = healer.recompute
    if settings.adapters:
        attach_adapters(network, network.layers, settings.adapters, healer.seed)
    parts = [part.to_text() for part in rule.parts]
    narrow = None if rule.narrow is None else rule.narrow.to_text()
    with joined(choose_device(healer.device)) as ranks:
        result = train(
            network,
            healer.task,
            recipe,
            rule,
            folder,
            seed=healer.seed,
            about={**healer.about, "order": order, "parts": parts, "narrow": narrow, "adapters": settings.adapters},
            title="training the parts",
            device=healer.device,
            ranks=ranks,
            teacher=healer.teacher,
        )
        if ranks.first:
            (folder / "state.safetensors").unlink(missing_ok=True)  # three times the weights, and no longer of use
    healer.teacher_back()
    network.to("cpu").eval()
    if settings.adapters:
        merge_adapters(network.layers)
    return result
