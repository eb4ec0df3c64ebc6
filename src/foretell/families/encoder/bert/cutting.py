"""Taking parts out of an encoder, or putting them in another order, without changing what the rest computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor

from foretell.families.decoder.cutting import Parts, permute
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.encoder.bert.network import BertLayer, SentenceEncoder

__all__ = ["cut", "reorder"]

_Encoder = TypeVar("_Encoder", bound=SentenceEncoder)


@torch.no_grad()
def reorder(network: SentenceEncoder, orders: Sequence[Parts]) -> None:
    """Put the parts of every layer in another order, in place; the outputs stay what they are, up to rounding.

    Args:
        network: Changed.
        orders: A permutation of each layer's heads (`groups`) and neurons.
    """
    for layer, order in zip(network.layers, orders, strict=True):
        permute(layer, _chosen(network, order))


@torch.no_grad()
def cut(network: _Encoder, parts: Sequence[Parts]) -> _Encoder:
    """A stand-alone encoder of some parts, in evaluation mode, on the same device; empty layers are not in it.

    Args:
        network: Left as it is.
        parts: Of each of its layers.
    """
    tensors: dict[str, Tensor] = {
        name: tensor.clone() for name, tensor in network.state_dict().items() if not name.startswith("layers.")
    }
    shapes: list[LayerShape] = []
    for layer, kept in zip(network.layers, parts, strict=True):
        left = LayerShape(len(kept.groups), len(kept.groups), len(kept.neurons))
        if not left.heads and not left.ffn:
            continue
        chosen = _chosen(network, kept)
        with torch.device("meta"):
            wanted = dict(BertLayer(network.shape.width, left, network.backbone).named_parameters())
        for name, parameter in cast("BertLayer", layer).named_parameters():
            if name in wanted:
                dim, rows = chosen.get(name, (0, None))
                new = parameter.clone() if rows is None else parameter.index_select(dim, rows.to(parameter.device))
                tensors[f"layers.{len(shapes)}.{name}"] = new
        shapes.append(left)
    with torch.device("meta"):
        made = network.like(DecoderShape(network.shape.width, tuple(shapes)))
    made.load_state_dict(tensors, assign=True)
    return made.requires_grad_(True).eval()


def _chosen(network: SentenceEncoder, parts: Parts) -> dict[str, tuple[int, Tensor]]:
    """Of each matrix, in which dimension and which rows or columns are taken."""
    size = network.backbone.head_size
    channels = (parts.groups[:, None] * size + torch.arange(size)).flatten()
    found = {f"{name}.{kind}": (0, channels) for name in ("query", "key", "value") for kind in ("weight", "bias")}
    found["expand.weight"] = found["expand.bias"] = (0, parts.neurons)
    return {**found, "output.weight": (1, channels), "contract.weight": (1, parts.neurons)}
