"""One pass through an untrained network, and what the proxies read off it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import PAD, FeedForward
from foretell.nn.attention import CrossAttention, SelfAttention
from foretell.nn.elastic import ElasticLayerNorm, ElasticLinear
from foretell.predictors.zero_cost import formulas
from foretell.tasks.translation import Batch

__all__ = ["PASSES"]


def _loss(network: Seq2SeqTransformer, batch: Batch) -> Tensor:
    """Mean cross-entropy a token, differentiable any number of times."""
    logits = network(batch.source, batch.target_in)
    return F.cross_entropy(logits.flatten(0, 1), batch.target_out.flatten(), ignore_index=PAD)


def _weights(network: Seq2SeqTransformer) -> list[Tensor]:
    return list(network.parameters())


def _values(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.detach() for tensor in tensors]


def _gradients(output: Tensor, weights: list[Tensor], *, again: bool = False) -> list[Tensor]:
    found = torch.autograd.grad(output, weights, create_graph=again, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


def _l2_norm(network: Seq2SeqTransformer, _batch: Batch) -> float:
    return formulas.l2_norm(_values(_weights(network)))


def _grad_norm(network: Seq2SeqTransformer, batch: Batch) -> float:
    return formulas.grad_norm(_gradients(_loss(network, batch), _weights(network)))


def _plain(network: Seq2SeqTransformer, batch: Batch) -> float:
    weights = _weights(network)
    return formulas.plain(_values(weights), _gradients(_loss(network, batch), weights))


def _snip(network: Seq2SeqTransformer, batch: Batch) -> float:
    weights = _weights(network)
    return formulas.snip(_values(weights), _gradients(_loss(network, batch), weights))


def _grasp(network: Seq2SeqTransformer, batch: Batch) -> float:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    weights = _weights(network)
    # Only the plain implementation of attention can be differentiated twice.
    with sdpa_kernel(SDPBackend.MATH):
        gradients = _gradients(_loss(network, batch), weights, again=True)
        flow = sum((g * g.detach()).sum() for g in gradients)
        assert isinstance(flow, Tensor)  # noqa: S101 - there is at least one weight
        return formulas.grasp(_values(weights), _gradients(flow, weights))


def _synflow(network: Seq2SeqTransformer, batch: Batch) -> float:
    network = network.double()
    weights = _weights(network)
    with torch.no_grad():
        for weight in weights:
            weight.abs_()
        _look_everywhere(network)
    # Norms would undo the very growth that is measured.
    with _hooked(network, ElasticLayerNorm, lambda _module, inputs, _output: inputs[0]):
        return formulas.synflow(_values(weights), _gradients(network(batch.source, batch.target_in).sum(), weights))


def _look_everywhere(network: Seq2SeqTransformer) -> None:
    """Zero the queries: uniform attention, the linear part; absolute weights would saturate every softmax."""
    for module in network.modules():
        if isinstance(module, SelfAttention):
            module.input.weight[: module.qkv_dim].zero_()
            module.input.bias[: module.qkv_dim].zero_()
        elif isinstance(module, CrossAttention):
            module.query.weight.zero_()
            module.query.bias.zero_()


def _fisher(network: Seq2SeqTransformer, batch: Batch) -> float:
    activations: list[Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Tensor) -> None:
        if output.dim() == 3:
            activations.append(output)

    with _hooked(network, ElasticLinear, keep):
        gradients = _gradients(_loss(network, batch), activations)
    return formulas.fisher(_values(activations), gradients)


def _nwot(network: Seq2SeqTransformer, batch: Batch) -> float:
    def keeper(side: list[Tensor]) -> Callable[..., None]:
        return lambda module, inputs, _output: side.append(module.expand(*inputs) > 0)

    encoder: list[Tensor] = []
    decoder: list[Tensor] = []
    with (
        torch.no_grad(),
        _hooked(network.encoder, FeedForward, keeper(encoder)),
        _hooked(network.decoder, FeedForward, keeper(decoder)),
    ):
        network.features(batch.source, batch.target_in)
    sides = ((encoder, batch.source), (decoder, batch.target_in))
    return formulas.nwot([torch.cat(side, dim=-1)[tokens != PAD] for side, tokens in sides])


def _jacobian(network: Seq2SeqTransformer, batch: Batch) -> Tensor:
    """Gradient of all logits' sum with respect to what enters the encoder, `[sentences, inputs]`."""
    entering: list[Tensor] = []

    def keep(_module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        entering.append(inputs[0].detach().requires_grad_())
        return (entering[0], *inputs[1:])

    handle = network.encoder[0].register_forward_pre_hook(keep)
    try:
        total = network(batch.source, batch.target_in).sum()
    finally:
        handle.remove()
    (found,) = torch.autograd.grad(total, entering)
    return found.flatten(1)


def _jacov(network: Seq2SeqTransformer, batch: Batch) -> float:
    return formulas.jacov(_jacobian(network, batch))


def _epe(network: Seq2SeqTransformer, batch: Batch) -> float:
    lengths = (batch.target_out != PAD).sum(dim=1)
    order = torch.argsort(lengths, stable=True)
    quarter = torch.empty_like(order)
    quarter[order] = torch.arange(len(order)) * 4 // len(order)
    return formulas.epe(_jacobian(network, batch), quarter)


def _zen(network: Seq2SeqTransformer, batch: Batch) -> float:
    def disturb(_module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        noise = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(0))
        return (inputs[0] + 0.01 * noise, *inputs[1:])

    with torch.no_grad():
        before = network.features(batch.source, batch.target_in)
        handle = network.encoder[0].register_forward_pre_hook(disturb)
        try:
            return formulas.zen(before, network.features(batch.source, batch.target_in))
        finally:
            handle.remove()


@contextmanager
def _hooked(network: nn.Module, kind: type, hook: Callable[..., Any]) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in network.modules() if isinstance(module, kind)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


PASSES: dict[str, Callable[[Seq2SeqTransformer, Batch], float]] = {
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
