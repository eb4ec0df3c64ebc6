"""Where the parts of a network's layers, heads and neurons, can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

__all__ = ["Reading", "Site", "Sited"]


class Site(NamedTuple):
    """The attention or the feed-forward network of a layer.

    Attributes:
        name: `NUMBER.groups` or `NUMBER.neurons`.
        module: Reads what the parts say, [B, T, channels], as its first input.
        before: Matrices whose rows make the parts, the same number of rows each part.
        after: The matrix whose columns read them, [d, channels].
        parts: How many there are.
    """

    name: str
    module: nn.Module
    before: tuple[Tensor, ...]
    after: Tensor
    parts: int


class Reading(NamedTuple):
    """Where the channels of embeddings and layers are read.

    Attributes:
        norm: Its output is read, [B, T, d].
        readers: The matrices that do, [outputs, d].
    """

    norm: nn.Module
    readers: tuple[Tensor, ...]


class Sited(Protocol):
    """A network whose parts can be told apart."""

    layers: nn.ModuleList

    def sites(self) -> list[Site]:
        """Of every layer."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """All that is learnt."""
        ...

    def loss(self, batch: Any, *, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
        """See `foretell.families.base.Network.loss`."""
        ...

    def entrance(self) -> nn.Parameter:
        """A small parameter that all sites depend on."""
        ...
