"""What a language model is told that is to propose architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from foretell.display import one_line, shortened
from foretell.llm.forms import SEPARATOR, as_json, as_line, in_order
from foretell.metrics import Metric
from foretell.spaces import Architecture, Gene, SearchSpace

__all__ = ["VERSION", "Known", "ProposalPrompt", "Row"]

VERSION = 2
"""Part of every call's key; raise it when any word below changes."""

Row = npt.NDArray[np.int16]
Known = Sequence[tuple[Row, float]]
"""Canonical rows `int16 [columns]` with the values of the metric."""

_LONGEST = 300  # characters of a gene's description
_REACH = 0.1  # of the upper half of the scores: so much better than the best is what a continued line begins with


@dataclass(frozen=True)
class ProposalPrompt:
    """The same beginning for all calls of a search, and the endings. Text of the user's stays on its line.

    Attributes:
        space: Its genes, descriptions and choices are explained.
        metric: What is to become good.
        limits: In words; empty for none.
        raw: Whether the model continues the text, in lines, instead of answering it in JSON.
        task: What the networks are for, in a few words; empty: nobody knows.
    """

    space: SearchSpace
    metric: Metric
    limits: str
    raw: bool
    task: str = ""

    @cached_property
    def heading(self) -> str:
        """Task, genes, limits."""
        family = self.space.family
        kind = "neural networks" if family is None else f"neural networks: {family.about}"
        task = f" The task is {shortened(one_line(self.task), _LONGEST)}." if self.task else ""
        lines = [
            f"You design {kind}.{task} Wanted: the best {self.metric.word} ({self.metric.sentence}).",
            "A network has these properties, in this order:",
            *map(self._about, in_order(self.space)),
        ]
        if self.limits:
            lines.append(f"Every network must keep {one_line(self.limits)}.")
        return "\n".join(lines) + "\n\n"

    @cached_property
    def longest(self) -> int:
        """Characters of about the longest architecture."""
        return max(len(self._spell(each)) for each in (self.space.largest(), self.space.smallest()))

    def ending(self, wanted: int, shown: Known, before: Sequence[Row]) -> str:
        """The question.

        Args:
            wanted: For how many it asks.
            shown: Known architectures, the worst first.
            before: Proposed before, without a label; only who answers is told, who continues would copy them.
        """
        metric = self._fitted(shown)
        lines = [
            f"{metric.word} {metric.format(value)}{SEPARATOR}{self._spell(self.space.architecture(row))}"
            for row, value in shown
        ]
        told = ["Known networks, the worst first:", *lines, ""] if lines else []
        if self.raw:
            return "\n".join([*told, "New networks that are better, each another:", ""])
        if before:
            told += ["Proposed before:", *(self._spell(self.space.architecture(row)) for row in before), ""]
        how = 'as JSON: {"architectures": [{...}, ...]}, every property in each'
        ask = f"Propose {wanted} new networks that should be better, all different and none of the above, {how}."
        return "\n".join([*told, ask, ""])

    def start(self, ranked: Known) -> str:
        """What a continued line begins with: a score a little better than the best of `ranked`."""
        if not ranked:
            return ""
        metric, good = self._fitted(ranked), self.metric.goodness(np.array([value for _, value in ranked]))
        target = float(metric.from_goodness(good.max() + _REACH * (good.max() - np.median(good))))
        return f"{metric.word} {metric.format(min(max(target, metric.low), metric.high))}{SEPARATOR}"

    def _about(self, gene: Gene) -> str:
        many = f"a list with one value for each of {one_line(gene.depth)}, each " if gene.depth else ""
        meaning = shortened(one_line(gene.description), _LONGEST)
        values = ", ".join(one_line(str(choice)) for choice in gene.choices)
        return f"- {one_line(gene.name)}: {meaning}{'; ' if meaning else ''}{many}one of {values}"

    def _fitted(self, known: Known) -> Metric:
        """The metric with the decimals that these values need."""
        return self.metric.for_labels([value for _, value in known])

    def _spell(self, architecture: Architecture) -> str:
        return as_line(architecture) if self.raw else as_json(architecture)
