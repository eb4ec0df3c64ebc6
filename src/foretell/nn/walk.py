"""Many architectures of one stack on one batch, each layer that several share run once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from foretell.nn.transformer import Shape, Transformer, TransformerLayer

__all__ = ["walk"]

_Key = TypeVar("_Key", bound=Hashable)


@torch.inference_mode()
def walk(
    network: Transformer,
    shapes: Sequence[Shape],
    tokens: Tensor,
    loss: Callable[[Tensor, Shape], float],
    mask: Tensor | None = None,
) -> Tensor:
    """The loss of one batch under each of many architectures; what they share runs once.

    A layer's output depends on the layers before it and on nothing after it. Architectures are therefore walked as a
    tree, and every node is computed once; what a layer's attention makes is shared by all its feed-forward widths.

    Args:
        network: The supernet, in evaluation mode.
        shapes: The architectures; all fit into the network.
        tokens: int64 [B, T].
        loss: Of what the last layer of an architecture makes, [B, T, d], before the norm.
        mask: As for `Transformer.hidden`.

    Returns:
        float64 [number of architectures].
    """
    return _Walk(network, [network.resolve(shape) for shape in shapes], tokens, loss, mask).run()


class _Walk:
    """One batch; a node of the tree is a list of indices into the architectures that pass through it."""

    def __init__(
        self,
        network: Transformer,
        shapes: Sequence[Shape],
        tokens: Tensor,
        loss: Callable[[Tensor, Shape], float],
        mask: Tensor | None,
    ) -> None:
        self.network, self.shapes, self.tokens, self.loss, self.mask = network, shapes, tokens, loss, mask
        self.rotation = network.positions(0, tokens.shape[1])
        self.losses = torch.zeros(len(shapes), dtype=torch.float64)

    def run(self) -> Tensor:
        for members in self._groups(range(len(self.shapes)), lambda shape: shape.width):
            self._layer(members, 0, F.embedding(self.tokens, self.network.rows(self.shapes[members[0]])))
        return self.losses

    def _groups(self, members: Iterable[int], key: Callable[[Shape], _Key]) -> list[list[int]]:
        groups: dict[_Key, list[int]] = {}
        for index in members:
            groups.setdefault(key(self.shapes[index]), []).append(index)
        return list(groups.values())

    def _layer(self, members: list[int], depth: int, x: Tensor) -> None:
        """Score the architectures that end before layer number `depth`, and go on with the others."""
        done = [index for index in members if len(self.shapes[index].layers) == depth]
        if done:
            self.losses[done] = self.loss(x, self.shapes[done[0]])
        going = [index for index in members if len(self.shapes[index].layers) > depth]
        layer = cast("TransformerLayer", self.network.layers[depth]) if going else None
        for group in self._groups(going, lambda shape: (shape.layers[depth].heads, shape.layers[depth].kv_heads)):
            assert layer is not None  # noqa: S101 - some are going
            shape = self.shapes[group[0]].layers[depth]
            mixed = x + layer.attend(x, shape, self.rotation, self.mask) if shape.heads else x
            for same in self._groups(group, lambda shape: shape.layers[depth].ffn):
                neurons = self.shapes[same[0]].layers[depth].ffn
                self._layer(same, depth + 1, mixed + layer.feed(mixed, neurons) if neurons else mixed)
