"""What people are told of an exported model."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Card"]


@dataclass(frozen=True)
class Card:
    """What the model card says beyond the network itself.

    Attributes:
        title: Its first line.
        lines: Sentences or Markdown: where the model comes from, its limits and scores.
        licence: Identifier of the licence, if it is known.
    """

    title: str
    lines: tuple[str, ...] = ()
    licence: str | None = None
