"""Taking parts out of a decoder, or putting them in another order, without changing what the rest computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.decoder.network import LanguageModel
from foretell.nn.rotary import RotaryPositions
from foretell.nn.transformer import TransformerLayer

__all__ = ["Parts", "cut", "leading_parts", "permute", "reorder", "reorder_channels"]


class Parts(NamedTuple):
    """Parts of one layer, in order.

    Attributes:
        groups: Key-value heads, int64 [groups]; each goes with its query heads.
        neurons: Of the feed-forward network, int64 [neurons].
    """

    groups: Tensor
    neurons: Tensor


def leading_parts(shape: DecoderShape, orders: Sequence[Parts] | None = None) -> list[Parts]:
    """The first parts of every layer, as many as a shape has.

    Args:
        shape: The dimensions, with empty layers where some are left out.
        orders: What comes first in each layer; None: as they stand.
    """
    whole = [Parts(torch.arange(layer.kv_heads), torch.arange(layer.ffn)) for layer in shape.layers]
    if orders is None:
        return whole
    return [
        Parts(order.groups[: layer.kv_heads], order.neurons[: layer.ffn])
        for layer, order in zip(shape.layers, orders, strict=True)
    ]


@torch.no_grad()
def reorder(network: LanguageModel, orders: Sequence[Parts]) -> None:
    """Put the parts of every layer in another order, in place; the outputs stay what they are, up to rounding.

    Args:
        network: Changed.
        orders: A permutation of each layer's parts.
    """
    for layer, shape, order in zip(network.layers, network.shape.layers, orders, strict=True):
        permute(layer, _chosen(network, shape, order))


@torch.no_grad()
def reorder_channels(network: LanguageModel, order: Tensor) -> None:
    """Put the channels of embeddings, norms and layers in another order, in place; the outputs stay what they are.

    Args:
        network: Changed; its tokens' logits are the same up to rounding, for norms do not know the order.
        order: A permutation of its channels, int64 [width].
    """
    for name, parameter in network.named_parameters():
        dim = _across_channels(name)
        if dim is not None:
            parameter.copy_(parameter.index_select(dim, order.to(parameter.device)))


def _across_channels(name: str) -> int | None:
    """The dimension of a parameter that goes along the channels of embeddings and layers; None where none does."""
    if name.endswith("norm.weight") and not name.endswith(("q_norm.weight", "k_norm.weight")):
        return 0
    if name.endswith(("o_proj.weight", "down_proj.weight")):
        return 0
    reads = ("embed_tokens", "lm_head.weight", "q_proj.weight", "k_proj.weight", "v_proj.weight")
    return 1 if name.endswith((*reads, "gate_proj.weight", "up_proj.weight")) else None


@torch.no_grad()
def permute(layer: nn.Module, chosen: Mapping[str, tuple[int, Tensor]]) -> None:
    """Put rows or columns of a layer's parameters in another order, in place.

    Args:
        layer: Changed.
        chosen: Of each parameter that changes, the dimension and the order in it, int64.
    """
    for name, parameter in layer.named_parameters():
        if name in chosen:
            dim, rows = chosen[name]
            parameter.copy_(parameter.index_select(dim, rows.to(parameter.device)))


@torch.no_grad()
def cut(network: LanguageModel, parts: Sequence[Parts], width: int | None = None) -> LanguageModel:
    """A stand-alone network of some parts, in evaluation mode, on the same device; empty layers are not in it.

    Args:
        network: Left as it is.
        parts: Of each of its layers.
        width: So many of its first channels; None: all.
    """
    width = width or network.shape.width
    tensors: dict[str, Tensor] = {
        name: tensor.clone() for name, tensor in network.state_dict().items() if not name.startswith("layers.")
    }
    shapes: list[LayerShape] = []
    for layer, shape, kept in zip(network.layers, network.shape.layers, parts, strict=True):
        ratio = shape.heads // shape.kv_heads if shape.heads else 0
        left = LayerShape(ratio * len(kept.groups), len(kept.groups), len(kept.neurons))
        if not left.heads and not left.ffn:
            continue
        chosen = _chosen(network, shape, kept)
        for name, parameter in cast("TransformerLayer", layer).named_parameters():
            attends = name.startswith(("self_attn.", "input_layernorm."))
            if left.heads if attends else left.ffn:
                dim, rows = chosen.get(name, (0, None))
                new = parameter.clone() if rows is None else parameter.index_select(dim, rows.to(parameter.device))
                tensors[f"layers.{len(shapes)}.{name}"] = new
        shapes.append(left)
    for name, tensor in tensors.items():
        along = _across_channels(name)
        if along is not None and width < network.shape.width:
            tensors[name] = tensor.narrow(along, 0, width).clone()
    with torch.device("meta"):
        made = LanguageModel(DecoderShape(width, tuple(shapes)), network.backbone, network.vocabulary)
    made.positions = RotaryPositions(network.backbone.head_size, network.backbone.theta).to(network.norm.weight.device)
    made.load_state_dict(tensors, assign=True)
    for parameter in made.parameters():
        parameter.requires_grad_(True)
    return made.eval()


def _chosen(network: LanguageModel, shape: LayerShape, parts: Parts) -> dict[str, tuple[int, Tensor]]:
    """Of each matrix, in which dimension and which rows or columns are taken."""
    size = network.backbone.head_size
    found: dict[str, tuple[int, Tensor]] = {}
    if shape.heads:
        keys = _channels(parts.groups, size)
        queries = _channels(parts.groups, size * (shape.heads // shape.kv_heads))
        for name, rows in (("q", queries), ("k", keys), ("v", keys)):
            found[f"self_attn.{name}_proj.weight"] = found[f"self_attn.{name}_proj.bias"] = (0, rows)
        found["self_attn.o_proj.weight"] = (1, queries)
    if shape.ffn:
        found["mlp.gate_proj.weight"] = found["mlp.up_proj.weight"] = (0, parts.neurons)
        found["mlp.down_proj.weight"] = (1, parts.neurons)
    return found


def _channels(groups: Tensor, size: int) -> Tensor:
    """Channels of groups of so many, in order."""
    return (groups[:, None] * size + torch.arange(size)).flatten()
