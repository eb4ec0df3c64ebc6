"""HAT's latency predictor by its published recipe."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np

from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.families.encoder_decoder.genes import Backbone

__all__ = ["HatNetwork"]

_WIDTHS = (10, 400, 400, 400, 400, 1)
_STEPS = 5000
_BATCH = 128
_RATE = 1e-5
_LATENCY_NORMS = {"gpu_titanxp": 200.0, "cpu_xeon": 300.0, "cpu_raspberrypi": 5000.0}


@dataclass(frozen=True)
class HatNetwork:
    """Four hidden layers of 400 ReLUs on ten normalised averages; Adam at 1e-5, 5,000 steps of 128 rows.

    Weights of rows are ignored, as published: there is no notion of a slow block in it.

    Attributes:
        norm: Divisors of the ten averages.
        unit: Milliseconds of one unit of the target: published by device, else the mean rounded to one digit.
        layers: Weights `[out, in]` and biases `[out]` of each layer.
    """

    norm: Floats
    unit: float
    layers: tuple[tuple[Floats, Floats], ...]
    name: ClassVar[str] = "hat-mlp"

    @staticmethod
    def fits(inputs: LatencyInputs) -> str | None:
        """See `LatencyForm`."""
        return f"{len(inputs)} samples are fewer than one batch of {_BATCH}" if len(inputs) < _BATCH else None

    @classmethod
    def fit(cls, inputs: LatencyInputs, ms: Floats, weights: Floats) -> Self:
        """Train, seeded; about a minute on one core."""
        import torch
        from torch import nn

        norm = np.array(Backbone.of(inputs.space).latency_norm or np.maximum(inputs.averages.max(0), 1e-9))
        unit = _unit(ms)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            modules = [nn.Linear(a, b) for a, b in pairwise(_WIDTHS)]
            network = nn.Sequential(*[m for linear in modules for m in (linear, nn.ReLU())][:-1])
            x = torch.tensor(inputs.averages / norm, dtype=torch.float32)
            y = torch.tensor(ms / unit, dtype=torch.float32)[:, None]
            optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
            for _ in range(_STEPS):
                rows = torch.randperm(len(x))[:_BATCH]
                optimiser.zero_grad()
                loss: torch.Tensor = nn.functional.mse_loss(network(x[rows]), y[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        arrays = [(m.weight.detach().double().numpy(), m.bias.detach().double().numpy()) for m in modules]
        return cls(norm, unit, tuple(arrays))

    def refit(self, inputs: LatencyInputs, ms: Floats, weights: Floats) -> HatNetwork:
        """See `LatencyForm`."""
        return HatNetwork.fit(inputs, ms, weights)

    def predict(self, inputs: LatencyInputs) -> Floats:
        """Milliseconds, `[n]`."""
        x = inputs.averages / self.norm
        for weight, bias in self.layers[:-1]:
            x = np.maximum(x @ weight.T + bias, 0.0)
        weight, bias = self.layers[-1]
        result: Floats = (x @ weight.T + bias)[:, 0] * self.unit
        return result

    def to_json(self) -> dict[str, Any]:
        """See `LatencyForm`; weights in single precision, as they were trained."""
        layers = [[_short(weight), _short(bias)] for weight, bias in self.layers]
        return {"form": self.name, "norm": self.norm.tolist(), "unit": self.unit, "layers": layers}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """See `LatencyForm`."""
        layers = tuple((np.array(weight, np.float64), np.array(bias, np.float64)) for weight, bias in value["layers"])
        return cls(np.array(value["norm"], np.float64), float(value["unit"]), layers)


def _short(values: Floats) -> Any:
    return np.round(values, 7).tolist()


def _unit(ms: Floats) -> float:
    """The published divisor that is nearest the mean, where one is within a factor of two."""
    mean = float(ms.mean())
    published = min(_LATENCY_NORMS.values(), key=lambda norm: abs(np.log(norm / mean)))
    return published if 0.5 <= published / mean <= 2 else mean
