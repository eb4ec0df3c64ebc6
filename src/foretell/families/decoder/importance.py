"""How much each part of a decoder matters on some text, by scores of the literature.

Neurons and groups of heads: what they add on average ("activation", as Minitron, arXiv 2407.14679, does), the first
order of what leaving them out does to the loss ("first_order", as LLM-Pruner, arXiv 2305.11627, does), and the size of
their weights ("magnitude"). Layers: how far their output is from their input (ShortGPT's block influence, arXiv
2403.03853).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from foretell.families.decoder.cutting import Parts
from foretell.families.decoder.network import LanguageModel
from foretell.nn.transformer import TransformerLayer
from foretell.progress import track
from foretell.tasks.language_model.batches import TextBatch

__all__ = ["SCORES", "Score", "magnitudes", "measured_importance", "orders_of"]

Score = Literal["activation", "first_order"]
SCORES: tuple[Score, ...] = get_args(Score)


def measured_importance(network: LanguageModel, batches: Sequence[TextBatch]) -> dict[str, Tensor]:
    """Scores on text: `NUMBER.groups.SCORE`, `NUMBER.neurons.SCORE` and `influence`, one number a part.

    Args:
        network: In evaluation mode; its gradients are left as they are.
        batches: Whole blocks of text.
    """
    found: dict[str, Tensor] = {}
    with _only_activations_learn(network), ExitStack() as stack:
        for number, module in enumerate(network.layers):
            layer = cast("TransformerLayer", module)
            stack.callback(layer.register_forward_hook(_influence(found, number)).remove)
            if layer.self_attn is not None:
                groups = network.shape.layers[number].kv_heads
                hook = _noting(found, f"{number}.groups", groups)
                stack.callback(layer.self_attn.o_proj.register_forward_pre_hook(hook).remove)
            if layer.mlp is not None:
                hook = _noting(found, f"{number}.neurons", network.shape.layers[number].ffn)
                stack.callback(layer.mlp.down_proj.register_forward_pre_hook(hook).remove)
        with track("importance", len(batches)) as meter:
            for number, batch in enumerate(batches, 1):
                loss, _, _ = network.loss(batch, smoothing=0.0)
                loss.backward()  # type: ignore[no-untyped-call]
                meter.update(number)
    influence = [found.pop(f"{number}.influence") for number in range(len(network.layers))]
    return {**_finished(network, found), "influence": torch.stack(influence)}


def magnitudes(network: LanguageModel) -> dict[str, Tensor]:
    """The size of the weights of each part, `NUMBER.groups.magnitude` and `NUMBER.neurons.magnitude`."""
    found: dict[str, Tensor] = {}
    for number, module in enumerate(network.layers):
        layer, shape = cast("TransformerLayer", module), network.shape.layers[number]
        if layer.self_attn is not None:
            squares = [
                each.weight.detach().square().sum(1).view(shape.kv_heads, -1).sum(1)
                for each in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj)
            ]
            squares.append(layer.self_attn.o_proj.weight.detach().square().sum(0).view(shape.kv_heads, -1).sum(1))
            found[f"{number}.groups.magnitude"] = torch.stack(squares).sum(0).sqrt()
        if layer.mlp is not None:
            squares = [layer.mlp.up_proj.weight.detach().square().sum(1)]
            squares.append(layer.mlp.down_proj.weight.detach().square().sum(0))
            if layer.mlp.gate_proj is not None:
                squares.append(layer.mlp.gate_proj.weight.detach().square().sum(1))
            found[f"{number}.neurons.magnitude"] = torch.stack(squares).sum(0).sqrt()
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
def _only_activations_learn(network: LanguageModel) -> Iterator[None]:
    """No gradients of weights but one vector's, from which on there are gradients of all that is computed."""
    before = [parameter.requires_grad for parameter in network.parameters()]
    network.requires_grad_(False)
    first = cast("TransformerLayer", network.layers[0])
    norm = first.input_layernorm or first.post_attention_layernorm
    assert norm is not None  # noqa: S101 - a checkpoint's layers do something
    norm.weight.requires_grad_(True)
    kept = norm.weight.grad
    try:
        yield
    finally:
        norm.weight.grad = kept
        for parameter, learns in zip(network.parameters(), before, strict=True):
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


def _influence(found: dict[str, Tensor], number: int) -> Any:
    def hook(_module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        alike = F.cosine_similarity(inputs[0].detach(), output.detach(), dim=-1)
        _add(found, f"{number}.influence", (1 - alike).sum())

    return hook


def _finished(network: LanguageModel, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is read, times the size of what is made of it."""
    scores: dict[str, Tensor] = {}
    for name, value in found.items():
        number, part, kind = name.split(".")
        if kind != "squares":
            scores[name] = value
            continue
        layer = cast("TransformerLayer", network.layers[int(number)])
        last = layer.self_attn.o_proj if part == "groups" and layer.self_attn is not None else None
        matrix = last if last is not None else layer.mlp.down_proj if layer.mlp is not None else None
        assert matrix is not None  # noqa: S101 - it was hooked
        whole = value * matrix.weight.detach().square().sum(0)
        size = network.shape.layers[int(number)]
        parts = size.kv_heads if part == "groups" else size.ffn
        scores[f"{number}.{part}.activation"] = whole.view(parts, -1).sum(1).sqrt()
    return scores
