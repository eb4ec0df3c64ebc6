"""One update: the gradients of some architectures on some batches, and the optimiser's step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from foretell.families.base import Network, networks_of
from foretell.spaces import Architecture
from foretell.tasks import Batch, Batches
from foretell.training.devices import Precision
from foretell.training.distillation import distilled_losses, taught_losses
from foretell.training.distributed import Ranks
from foretell.training.recipe import Recipe
from foretell.training.sampling import SamplingRule

__all__ = ["Updates", "member_of"]

_FAR_APART = 0x9E3779B97F4A7C15
"""Between the random streams of processes; the seeds of one process's updates lie close together."""


class Updates:
    """The updates of one training run, each a function of the weights, the seed and its number alone.

    Args:
        network: Being trained, on the device.
        data: Training batches.
        recipe: How.
        rule: Which architectures at which update.
        seed: Of dropout.
        device: Where.
        ranks: This process among those that train together.
        teacher: On the device; what it says is learnt instead of the labels. None: nobody teaches.
    """

    def __init__(
        self,
        network: Network,
        data: Batches,
        recipe: Recipe,
        rule: SamplingRule,
        seed: int,
        device: torch.device,
        ranks: Ranks,
        teacher: Network | None = None,
    ) -> None:
        self.teacher = teacher
        self.network, self.data, self.recipe, self.rule = network, data, recipe, rule
        self.seed, self.device, self.ranks = seed, device, ranks
        self.precision = Precision(recipe.precision, device)
        self.parameters = [each for each in network.parameters() if each.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.parameters,
            lr=recipe.learning_rate,
            betas=recipe.betas,
            eps=recipe.epsilon,
            weight_decay=recipe.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )

    def take(self, update: int) -> tuple[float, int]:
        """One optimiser step; returns the summed loss (nats) and the targets it is a sum over."""
        # Dropout masks are a function of the seed, the update and the process: nothing random need be saved.
        torch.manual_seed((self.seed * 1_000_003 + update + self.ranks.rank * _FAR_APART) % 2**63)
        positions = range(update * self.recipe.accumulate, (update + 1) * self.recipe.accumulate)
        batches = [self.batch(position) for position in self.ranks.mine(positions)]
        architectures = self.rule.at(update)
        tokens = self.ranks.count(sum(batch.tokens for batch in batches), self.device) * len(architectures)
        total = torch.zeros((), device=self.device)
        for loss in self._losses(batches, [member_of(architecture) for architecture in architectures]):
            self.precision.backward(loss / tokens)
            total += loss.detach()
        self.ranks.sum_gradients(self.parameters)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(update)
        self.precision.step(self.optimiser, self.parameters, self.recipe.clip_norm)
        return float(self.ranks.sum(total)), tokens

    def batch(self, position: int) -> Batch:
        """The batch at a position of the endless stream of epochs."""
        epoch, index = divmod(position, len(self.data))
        return self.data.epoch(epoch)[index].to(self.device)

    def _losses(self, batches: Sequence[Batch], members: Sequence[Any]) -> Iterator[Tensor]:
        """The losses (nats, summed over targets) of each architecture on each batch, one graph at a time."""
        if self.teacher is not None:
            for batch in batches:
                yield from taught_losses(self.network, self.teacher, batch, members, self.precision)
            return
        smoothing = self.recipe.label_smoothing
        if self.rule.distillation:
            for batch in batches:
                yield from distilled_losses(
                    self.network, batch, members, smoothing, self.rule.distillation, self.precision
                )
            return
        for member in members:
            for batch in batches:
                with self.precision.autocast():
                    loss, _, _ = self.network.loss(batch, member, smoothing=smoothing)
                yield loss


def member_of(architecture: Architecture | None) -> Any:
    """What a network takes as the part to run as; None stays None, the whole."""
    return None if architecture is None else networks_of(architecture.space).member(architecture)
