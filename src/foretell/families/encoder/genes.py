"""What the members of a space of encoders share; their genes are those of decoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foretell.families.decoder.genes import StackBackbone

__all__ = ["Backbone"]


@dataclass(frozen=True)
class Backbone(StackBackbone):
    """What every encoder of a space has in common.

    Attributes:
        pooling: What the classifier reads: the "mean" over the text, or the "first" token, which is a mark.
        classes: Nominal number of classes for counting; a task's own replaces it where one is known.
    """

    family = "encoder"

    pooling: Literal["mean", "first"] = "mean"
    classes: int = 2
