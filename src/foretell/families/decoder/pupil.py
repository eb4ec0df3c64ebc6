"""A decoder that learns from a larger one: its training loss is how far its predictions are from the other's."""

from __future__ import annotations

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from foretell.families.decoder.genes import DecoderShape
from foretell.families.decoder.network import LanguageModel
from foretell.nn.rotary import RotaryPositions
from foretell.tasks.language_model.batches import TextBatch

__all__ = ["Pupil"]


class Pupil(LanguageModel):
    """See `LanguageModel`; made by `Pupil.of`, and kept on disk as the decoder that it is."""

    _teacher: tuple[LanguageModel, ...] = ()

    @classmethod
    def of(cls, network: LanguageModel, teacher: LanguageModel) -> Self:
        """A pupil with the weights of a network.

        Args:
            network: Its weights are used, not copied.
            teacher: Of the same vocabulary; is not changed, and is no part of the pupil.
        """
        config: dict[str, Any] = network.config()
        with torch.device("meta"):
            made = cls.from_config(config)
        made.positions = RotaryPositions(network.backbone.head_size, network.backbone.theta)
        made.load_state_dict(network.state_dict(), assign=True)
        for parameter in made.parameters():
            parameter.requires_grad_(True)
        made._teacher = (teacher,)  # in a tuple it is no submodule, whose weights would be trained and kept
        return made

    def loss(
        self, batch: TextBatch, member: DecoderShape | None = None, *, smoothing: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """In training, the divergence from the teacher's predictions in nats (arXiv 1503.02531); else see `Network`."""
        if not self.training or not self._teacher:
            return super().loss(batch, member, smoothing=smoothing)
        teacher = self._teacher[0].to(batch.inputs.device)
        with torch.no_grad():
            wanted = teacher(batch.inputs).float().flatten(0, 1).log_softmax(-1)
        said = self(batch.inputs, member).float().flatten(0, 1).log_softmax(-1)
        nll = F.nll_loss(said.detach(), batch.targets.flatten(), reduction="sum")
        total = F.kl_div(said, wanted, reduction="sum", log_target=True)
        return total, nll, torch.tensor(batch.tokens, device=total.device)
