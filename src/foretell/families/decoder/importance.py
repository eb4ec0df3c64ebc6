"""How much each part of a network matters on some text, by scores of the literature.

Neurons and groups of heads: what they add on average ("activation", as Minitron, arXiv 2407.14679, does), the first
order of what leaving them out does to the loss ("first_order", as LLM-Pruner, arXiv 2305.11627, does), and the size of
their weights ("magnitude"). Layers: how far their output is from their input (ShortGPT's block influence, arXiv
2403.03853).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from foretell.families.decoder.cutting import Parts
from foretell.families.sites import Reading, Sited
from foretell.progress import track

__all__ = ["SCORES", "Score", "magnitudes", "measured_importance", "orders_of"]

Score = Literal["activation", "first_order"]
SCORES: tuple[Score, ...] = get_args(Score)


def measured_importance(network: Sited, batches: Sequence[Any], readings: Sequence[Reading] = ()) -> dict[str, Tensor]:
    """Scores on text: `NUMBER.groups.SCORE`, `NUMBER.neurons.SCORE` and `influence`, one number a part.

    Args:
        network: In evaluation mode; its gradients are left as they are.
        batches: Of texts, hardly padded.
        readings: Where its channels are read: `channels.SCORE` are told, too.
    """
    found: dict[str, Tensor] = {}
    with _only_activations_learn(network), ExitStack() as stack:
        for number, layer in enumerate(network.layers):
            stack.callback(layer.register_forward_hook(_influence(found, number)).remove)
        for site in network.sites():
            hook = _noting(found, site.name, site.parts)
            stack.callback(site.module.register_forward_pre_hook(hook).remove)
        for reading in readings:
            stack.callback(reading.norm.register_forward_hook(_reading(found, reading)).remove)
        with track("importance", len(batches)) as meter:
            for number, batch in enumerate(batches, 1):
                loss, _, _ = network.loss(batch, smoothing=0.0)
                loss.backward()  # type: ignore[no-untyped-call]
                meter.update(number)
    influence = [found.pop(f"{number}.influence") for number in range(len(network.layers))]
    for site in network.sites():  # what is read, times the size of what is made of it
        whole = found.pop(f"{site.name}.squares") * site.after.detach().square().sum(0)
        found[f"{site.name}.activation"] = whole.view(site.parts, -1).sum(1).sqrt()
    if readings:
        found["channels.activation"] = found["channels.activation"].sqrt()
    return {**found, "influence": torch.stack(influence)}


def magnitudes(network: Sited) -> dict[str, Tensor]:
    """The size of the weights of each part, `NUMBER.groups.magnitude` and `NUMBER.neurons.magnitude`."""
    found: dict[str, Tensor] = {}
    for site in network.sites():
        squares = [each.detach().square().sum(1) for each in site.before]
        squares.append(site.after.detach().square().sum(0))
        parts = [each.view(site.parts, -1).sum(1) for each in squares]
        found[f"{site.name}.magnitude"] = torch.stack(parts).sum(0).sqrt()
    return found


def orders_of(scores: Mapping[str, Tensor], score: str, layers: int) -> list[Parts]:
    """Every layer's parts, the most important first."""
    nothing = torch.empty(0)
    return [
        Parts(
            *(
                scores.get(f"{number}.{part}.{score}", nothing).argsort(descending=True, stable=True)
                for part in ("groups", "neurons")
            )
        )
        for number in range(layers)
    ]


@contextmanager
def _only_activations_learn(network: Sited) -> Iterator[None]:
    """No gradients of weights but one vector's, from which on there are gradients of all that is computed."""
    parameters = list(network.parameters())
    before = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(False)
    first = network.entrance().requires_grad_(True)
    kept = first.grad
    try:
        yield
    finally:
        first.grad = kept
        for parameter, learns in zip(parameters, before, strict=True):
            parameter.requires_grad_(learns)


def _add(found: dict[str, Tensor], name: str, value: Tensor) -> None:
    found[name] = found[name] + value.detach() if name in found else value.detach()


def _noting(found: dict[str, Tensor], name: str, parts: int) -> Any:
    """A hook on a last matrix: mean squares of what it reads, and what leaving a part out does at first order."""

    def hook(_module: Any, inputs: tuple[Tensor, int]) -> None:
        x = inputs[0]  # [B, T, channels]
        values = x.detach()
        _add(found, f"{name}.squares", values.square().sum((0, 1)))

        def backward(gradient: Tensor) -> None:
            change = (values * gradient).sum(1).view(len(values), parts, -1).sum(-1)
            _add(found, f"{name}.first_order", change.abs().sum(0))

        x.register_hook(backward)  # type: ignore[no-untyped-call]

    return hook


def _reading(found: dict[str, Tensor], reading: Reading) -> Any:
    """A hook on a norm: what each channel says to its readers, and what leaving it out there does at first order."""
    sizes = torch.stack([each.detach().square().sum(0) for each in reading.readers]).sum(0)

    def hook(_module: Any, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        values = output.detach()
        _add(found, "channels.activation", values.square().sum((0, 1)) * sizes)

        def backward(gradient: Tensor) -> None:
            _add(found, "channels.first_order", (values * gradient).sum(1).abs().sum(0))

        output.register_hook(backward)  # type: ignore[no-untyped-call]

    return hook


def _influence(found: dict[str, Tensor], number: int) -> Any:
    def hook(_module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        alike = F.cosine_similarity(inputs[0].detach(), output.detach(), dim=-1)
        _add(found, f"{number}.influence", (1 - alike).sum())

    return hook
