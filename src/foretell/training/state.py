"""What changes from update to update of a training run, and its checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foretell.families.base import Network
from foretell.training.checkpoint import Checkpoint, load_own, save_network, save_tensors
from foretell.training.devices import Precision

__all__ = ["TrainingResult", "TrainingState"]


@dataclass
class TrainingResult:
    """What a training run came to.

    Attributes:
        best_loss: Lowest validation loss, bits a token.
        best_update: When it was reached; -1 is the average of the last checkpoints.
        history: The learning curve: update, training loss since the row before and validation loss (bits a
            token), one row a validation and, up to the second of a network that trains alone, three more between.
        updates: Updates done.
        tokens: Target tokens seen, each counted once for each architecture trained on it.
        seconds: Wall-clock time of training, over all sittings.
        cpu_seconds: Processor time of the same, which other work on the machine hardly changes.
        peak_memory: The most bytes that the process (or on a GPU, its tensors) ever held, over all sittings.
    """

    best_loss: float = math.inf
    best_update: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    updates: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0


class TrainingState:
    """Weights, optimiser, averages and result of a run, with the files that they are kept in.

    Args:
        network: Being trained.
        optimiser: Of its parameters.
        precision: Holds the scale of losses, where they are scaled.
        folder: Gets `state.safetensors` (everything to resume, beside it the one before) and `model.safetensors`
            (the best weights).
        about: What the weights depend on, and their `key`.
        older: Keys that checkpoints of the same run may have from earlier versions.

    Attributes:
        result: What the run came to so far.
        averaged: How many checkpoints the average is of.
        loss_sum: Training loss (nats) since the last row of the learning curve, summed over tokens.
        loss_tokens: How many tokens that is a sum over.
    """

    def __init__(
        self,
        network: Network,
        optimiser: torch.optim.Optimizer,
        precision: Precision,
        folder: Path,
        about: Mapping[str, Any],
        older: Sequence[str] = (),
    ) -> None:
        self.keys = (about["key"], *older)
        self.network, self.optimiser, self.precision, self.about = network, optimiser, precision, about
        self.best, self.latest = folder / "model.safetensors", folder / "state.safetensors"
        self.previous = folder / "state.previous.safetensors"
        self.result = TrainingResult()
        self.averaged = 0
        self.loss_sum, self.loss_tokens = 0.0, 0
        self._sum: dict[str, Tensor] = {}

    def add_to_average(self) -> None:
        """Count the present weights in."""
        for name, tensor in self.network.state_dict().items():
            seen = self._sum.get(name)
            self._sum[name] = tensor.clone() if seen is None else seen + tensor
        self.averaged += 1

    def averaged_weights(self) -> dict[str, Tensor]:
        """The mean of all that were counted in, by name."""
        return {name: tensor / self.averaged for name, tensor in self._sum.items()}

    def save_best(self) -> None:
        """Keep the present weights as the best.

        Raises:
            StorageError: They cannot be written.
        """
        save_network(self.best, self.network, self.about)

    def save(self) -> None:
        """Keep everything that a resumed run needs; the checkpoint before it stays beside it.

        Raises:
            StorageError: It cannot be written; the one before is intact.
        """
        tensors = {f"model.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self._sum.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
        tensors |= {f"scaler.{name}": tensor for name, tensor in self.precision.state().items()}
        about = {"key": self.about["key"], "result": asdict(self.result), "averaged": self.averaged}
        if self.loss_tokens:
            about["unreported"] = [self.loss_sum, self.loss_tokens]
        if not math.isfinite(self.result.best_loss):
            about["result"]["best_loss"] = None
        if self.latest.exists():
            self.latest.replace(self.previous)
        save_tensors(self.latest, tensors, about)

    def last_checkpoint(self) -> tuple[Checkpoint | None, bool]:
        """What to go on from, and whether the best weights up to it are there; if not, it holds them itself.

        Warns:
            DamagedCheckpointWarning: A file is cut or altered; it is not used.
        """
        for path in (self.latest, self.previous):
            # Another key: left from a run with other settings; it will be replaced.
            found = load_own(path, *self.keys)
            if found is None:
                continue
            result = found.about["result"]
            # A training that has paused before its first validation has no best weights yet.
            best_is_there = result["best_loss"] is None or load_own(self.best, *self.keys) is not None
            if best_is_there or result["best_update"] == result["updates"]:
                return found, best_is_there
        return None, False

    def take(self, checkpoint: Checkpoint) -> None:
        """Become what a checkpoint holds."""
        self.network.load_state_dict(checkpoint.part("model."))
        self._sum, self.averaged = checkpoint.part("average."), checkpoint.about["averaged"]
        self.precision.load_state(checkpoint.part("scaler."))
        optimiser = self.optimiser.state_dict()
        for name, tensor in checkpoint.part("optimiser.").items():
            index, _, value = name.partition(".")
            optimiser["state"].setdefault(int(index), {})[value] = tensor
        self.optimiser.load_state_dict(optimiser)
        self.loss_sum, self.loss_tokens = checkpoint.about.get("unreported", (0.0, 0))
        result = checkpoint.about["result"]
        self.result = TrainingResult(**{**result, "best_loss": result["best_loss"] or math.inf})
