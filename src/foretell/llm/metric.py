"""What a prompt and a parser must know of the predicted metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foretell.display import one_line

__all__ = ["Metric", "metric_named"]


@dataclass(frozen=True)
class Metric:
    """A quality as it is written in prompts and read from replies.

    Attributes:
        key: The name in observations: "valid_bleu".
        label: The word before the number: "BLEU".
        meaning: What it measures, for a sentence.
        low: The smallest value that there can be.
        high: The largest value that there can be.
        decimals: Digits after the point in prompts.
    """

    key: str
    label: str
    meaning: str
    low: float
    high: float
    decimals: int = 2

    def format(self, value: float) -> str:
        """A label as prompts show it."""
        return f"{value:.{self.decimals}f}"

    def plausible(self, labels: Sequence[float]) -> tuple[float, float]:
        """Where values of a job with these labels can be expected: their range, widened on both sides.

        The margin is twice their range, at least 15 % of their mean; the metric's bounds hold anyway.
        """
        if not labels:
            return self.low, self.high
        least, most = min(labels), max(labels)
        margin = max(2 * (most - least), 0.15 * abs(sum(labels) / len(labels)))
        return max(self.low, least - margin), min(self.high, most + margin)


_KNOWN = (
    ("bleu", "BLEU", "BLEU of the translations, 0 to 100, higher is better", 0.0, 100.0),
    ("chrf", "chrF", "character F-score of the translations, 0 to 100, higher is better", 0.0, 100.0),
    ("ter", "TER", "edits a hundred words that the translations need, lower is better", 0.0, 500.0),
    ("comet", "COMET", "COMET score of the translations, higher is better", -2.0, 2.0),
    ("perplexity", "perplexity", "perplexity of the references, lower is better", 1.0, 1e6),
    ("loss", "loss", "loss on the references, lower is better", 0.0, 1e3),
    ("accuracy", "accuracy", "share of correct answers, higher is better", 0.0, 100.0),
)


def metric_named(key: str, labels: Sequence[float] = ()) -> Metric:
    """The metric of an observation key; one that nobody has described is shown under its own name.

    Args:
        key: Such as "valid_bleu" or "test_comet".
        labels: Known values; where they are small (COMET, losses) they decide the number of decimals, so that
            the third significant digit of their range can be read. Others have two, as published.
    """
    decimals = 2
    if labels and max(map(abs, labels)) < 10:
        spread = max(labels) - min(labels) or 0.1 * abs(labels[0]) or 1.0
        decimals = max(2, min(5, 2 - math.floor(math.log10(spread))))
    for part, label, meaning, low, high in _KNOWN:
        if part in key.lower():
            return Metric(key, label, meaning, low, high, decimals)
    word = one_line(key.removeprefix("valid_").removeprefix("test_").replace("_", " "))
    return Metric(key, word, f"{word}, higher is better", -1e6, 1e6, decimals)
