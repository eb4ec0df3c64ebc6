"""The published predictor network: three hidden layers of 400, trained with torch, run with numpy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from foretell.errors import IntegrityError
from foretell.machine import torch_threads

__all__ = ["PUBLISHED", "Perceptron", "TrainingPlan"]

_HIDDEN = 400
_LAYERS = 4  # it is called 3 hidden layers; the published code makes 4
_CHECKS = 40

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrainingPlan:
    """How a perceptron is trained.

    Attributes:
        steps: Adam updates.
        batch: Rows of an update, drawn without replacement.
        learning_rate: At the first update.
        standardise: Scale the targets to mean 0 and deviation 1, and let the rate fall to 0 along a cosine.
        held_out: Share of the rows kept out, by which the best weights are chosen; 0 keeps the last ones.
    """

    steps: int
    batch: int
    learning_rate: float
    standardise: bool
    held_out: float


PUBLISHED = TrainingPlan(steps=5000, batch=128, learning_rate=1e-5, standardise=False, held_out=0.0)
"""HAT's recipe for latency, and that of arXiv 2310.16712 for distilled predictions."""


class Perceptron:
    """Fitted weights.

    Args:
        weights: Of each layer, `[inputs, outputs]`.
        biases: Of each layer, `[outputs]`.
        center: Added to the last layer's output times `scale`.
        scale: See `center`.

    Raises:
        ValueError: Layers that do not follow each other down to one output, or are not of 32-bit numbers.
    """

    def __init__(self, weights: list[Matrix], biases: list[Matrix], center: float = 0.0, scale: float = 1.0) -> None:
        _check_shapes(weights, biases)
        self.weights, self.biases, self.center, self.scale = weights, biases, center, scale

    def predict(self, x: Matrix) -> npt.NDArray[np.float64]:
        """Outputs [n] for rows [n, inputs]; a row's output does not depend on the other rows, to the last bit.

        Each row is multiplied on its own, all of them in one call: a product of whole matrices rounds a row by
        its place among the others, on some processors. It costs twice the time, which is milliseconds.
        """
        x = x[:, None, :]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = np.maximum(np.matmul(x, weight) + bias, 0)
        output = (x[:, 0] * self.weights[-1][:, 0]).sum(axis=1) + self.biases[-1]
        return output.astype(np.float64) * self.scale + self.center

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the weights."""
        digest = hashlib.sha256(np.array([self.center, self.scale]).tobytes())
        for array in (*self.weights, *self.biases):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def to_bytes(self) -> bytes:
        """The weights as a safetensors file."""
        from safetensors.numpy import save

        arrays = {f"weight.{i}": np.ascontiguousarray(w) for i, w in enumerate(self.weights)}
        arrays |= {f"bias.{i}": np.ascontiguousarray(b) for i, b in enumerate(self.biases)}
        arrays["target"] = np.array([self.center, self.scale])
        return save(arrays)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read what `to_bytes` made.

        Raises:
            IntegrityError: The file is missing, cut or altered.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays = load(path.read_bytes())
            count = sum(name.startswith("weight.") for name in arrays)
            weights = [arrays[f"weight.{i}"] for i in range(count)]
            biases = [arrays[f"bias.{i}"] for i in range(count)]
            center, scale = arrays["target"].tolist()
            return cls(weights, biases, center, scale)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"{path} cannot be read ({error}); distil again.") from error

    @classmethod
    def fit(cls, x: Matrix, y: npt.NDArray[np.float64], plan: TrainingPlan, seed: int) -> tuple[Self, float | None]:
        """Train on rows `x` [n, inputs] with targets `y` [n].

        Returns:
            The network, and its mean absolute error on the held-out rows (None without any).
        """
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(x))
        held = order[: int(plan.held_out * len(x))]
        learned = order[len(held) :]
        center, scale = (float(y[learned].mean()), float(y[learned].std()) or 1.0) if plan.standardise else (0.0, 1.0)
        target = ((y - center) / scale).astype(np.float32)
        with torch_threads(1):
            weights, biases, error = _train(x, target, learned, held, plan, rng)
        return cls(weights, biases, center, scale), None if error is None else error * scale


def _train(
    x: Matrix,
    y: Matrix,
    learned: npt.NDArray[np.intp],
    held: npt.NDArray[np.intp],
    plan: TrainingPlan,
    rng: np.random.Generator,
) -> tuple[list[Matrix], list[Matrix], float | None]:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        sizes = [x.shape[1], *[_HIDDEN] * _LAYERS, 1]
        layers = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
    network = torch.nn.Sequential(*[part for layer in layers for part in (layer, torch.nn.ReLU())][:-1])
    optimiser = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, fused=True)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)[:, None]
    batch = min(plan.batch, len(learned))
    best, kept = float("inf"), None
    for step in range(plan.steps):
        if plan.standardise:
            optimiser.param_groups[0]["lr"] = plan.learning_rate * 0.5 * (1 + np.cos(np.pi * step / plan.steps))
        rows = torch.from_numpy(rng.choice(learned, size=batch, replace=False))
        optimiser.zero_grad(set_to_none=True)
        torch.nn.functional.mse_loss(network(inputs[rows]), targets[rows]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if len(held) and ((step + 1) % max(plan.steps // _CHECKS, 1) == 0 or step + 1 == plan.steps):
            with torch.inference_mode():
                error = float((network(inputs[held]) - targets[held]).abs().mean())
            if error < best:
                best, kept = error, [tensor.clone() for tensor in network.state_dict().values()]
    tensors = kept or list(network.state_dict().values())
    arrays = [tensor.detach().numpy() for tensor in tensors]
    return [np.ascontiguousarray(w.T) for w in arrays[0::2]], arrays[1::2], best if len(held) else None


def _check_shapes(weights: list[Matrix], biases: list[Matrix]) -> None:
    """Refuse layers that do not follow each other down to one output."""
    if not weights or any(w.ndim != 2 or w.dtype != np.float32 for w in weights):
        raise ValueError("no matrices of 32-bit numbers")
    outputs = [w.shape[1] for w in weights]
    if outputs[:-1] != [w.shape[0] for w in weights[1:]] or outputs[-1] != 1:
        raise ValueError("layers that do not follow each other")
    if [b.shape for b in biases] != [(n,) for n in outputs] or any(b.dtype != np.float32 for b in biases):
        raise ValueError("biases that do not belong to the layers")
