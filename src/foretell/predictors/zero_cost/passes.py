"""One pass through an untrained network, and what the proxies read off it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from foretell.families.probe import Probe, hooked
from foretell.predictors.zero_cost import formulas

__all__ = ["PASSES"]

AnyProbe = Probe[Any, Any]


def _weights(probe: AnyProbe) -> list[Tensor]:
    return list(probe.network.parameters())


def _values(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.detach() for tensor in tensors]


def _gradients(output: Tensor, weights: list[Tensor], *, again: bool = False) -> list[Tensor]:
    found = torch.autograd.grad(output, weights, create_graph=again, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


def _l2_norm(probe: AnyProbe) -> float:
    return formulas.l2_norm(_values(_weights(probe)))


def _grad_norm(probe: AnyProbe) -> float:
    return formulas.grad_norm(_gradients(probe.loss(), _weights(probe)))


def _plain(probe: AnyProbe) -> float:
    weights = _weights(probe)
    return formulas.plain(_values(weights), _gradients(probe.loss(), weights))


def _snip(probe: AnyProbe) -> float:
    weights = _weights(probe)
    return formulas.snip(_values(weights), _gradients(probe.loss(), weights))


def _grasp(probe: AnyProbe) -> float:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    weights = _weights(probe)
    # Only the plain implementation of attention can be differentiated twice.
    with sdpa_kernel(SDPBackend.MATH):
        gradients = _gradients(probe.loss(), weights, again=True)
        flow = sum((g * g.detach()).sum() for g in gradients)
        assert isinstance(flow, Tensor)  # noqa: S101 - there is at least one weight
        return formulas.grasp(_values(weights), _gradients(flow, weights))


def _synflow(probe: AnyProbe) -> float:
    network = probe.network.double()
    weights = _weights(probe)
    with torch.no_grad():
        for weight in weights:
            weight.abs_()
        # Uniform attention, the linear part: absolute weights would saturate every softmax.
        probe.look_everywhere()
    # Norms would undo the very growth that is measured.
    with hooked(network, probe.norms, lambda _module, inputs, _output: inputs[0]):
        return formulas.synflow(_values(weights), _gradients(probe.logits().sum(), weights))


def _fisher(probe: AnyProbe) -> float:
    activations: list[Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Tensor) -> None:
        if output.dim() == 3:
            activations.append(output)

    with hooked(probe.network, probe.linears, keep):
        loss = probe.loss()
    # A network without layers has none.
    gradients = _gradients(loss, activations) if activations else []
    return formulas.fisher(_values(activations), gradients)


def _nwot(probe: AnyProbe) -> float:
    return formulas.nwot(probe.codes())


def _jacobian(probe: AnyProbe) -> Tensor:
    """Gradient of all logits' sum with respect to what enters the network, `[examples, inputs]`."""
    entering: list[Tensor] = []

    def keep(_module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        entering.append(inputs[0].detach().requires_grad_())
        return (entering[0], *inputs[1:])

    handle = probe.entrance.register_forward_pre_hook(keep)
    try:
        total = probe.logits().sum()
    finally:
        handle.remove()
    (found,) = torch.autograd.grad(total, entering)
    return found.flatten(1)


def _jacov(probe: AnyProbe) -> float:
    return formulas.jacov(_jacobian(probe))


def _epe(probe: AnyProbe) -> float:
    order = torch.argsort(probe.lengths(), stable=True)
    quarter = torch.empty_like(order)
    quarter[order] = torch.arange(len(order)) * 4 // len(order)
    return formulas.epe(_jacobian(probe), quarter)


def _zen(probe: AnyProbe) -> float:
    def disturb(_module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        noise = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(0))
        return (inputs[0] + 0.01 * noise, *inputs[1:])

    with torch.no_grad():
        before = probe.features()
        handle = probe.entrance.register_forward_pre_hook(disturb)
        try:
            return formulas.zen(before, probe.features())
        finally:
            handle.remove()


PASSES: dict[str, Callable[[AnyProbe], float]] = {
    "l2_norm": _l2_norm,
    "grad_norm": _grad_norm,
    "plain": _plain,
    "snip": _snip,
    "grasp": _grasp,
    "synflow": _synflow,
    "fisher": _fisher,
    "nwot": _nwot,
    "jacov": _jacov,
    "epe": _epe,
    "zen": _zen,
}
"""Every proxy that runs the network: at most one forward and one backward pass on the batch, except `grasp`
(its definition differentiates the gradient once more) and `zen` (two forward passes, none backward)."""
