"""An architecture as a picture: where the boxes of its stacks stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from foretell.spaces import Architecture

__all__ = ["Box", "Link", "Picture", "PicturedFamily"]

_HEAD = 7.0


@dataclass(frozen=True)
class Box:
    """One part of a layer.

    Attributes:
        kind: "embedding", "attention", "cross", "ffn" or "output": its class in the style sheet.
        x: Left edge; all lengths are in the picture's own units, about a pixel each.
        y: Upper edge.
        width: Grows with the gene's value.
        height: Of the box.
        text: Inside it.
        heads: Squares that stand for attention heads.
    """

    kind: str
    x: float
    y: float
    width: float
    height: float
    text: str
    heads: int = 0

    @property
    def squares(self) -> list[float]:
        """Left edges of the squares that stand for heads."""
        return [self.x + self.width - (n + 1) * (_HEAD + 2) - 3 for n in range(self.heads)]


@dataclass(frozen=True)
class Link:
    """An arrow from an encoder layer to the decoder layer that attends to it."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Picture:
    """The whole picture, bottom to top as data flow.

    Attributes:
        width: Of the view box.
        height: Of the view box.
        boxes: All parts.
        links: Cross-attention.
        titles: Text, and where its middle stands.
        text: What the picture says, for who cannot see it.
    """

    width: float
    height: float
    boxes: list[Box]
    links: list[Link]
    titles: list[tuple[str, float]]
    text: str


@runtime_checkable
class PicturedFamily(Protocol):
    """A family whose architectures can be drawn."""

    def picture(self, architecture: Architecture) -> Picture:
        """The stacks of an architecture; widths are shares of the space's largest."""
        ...
