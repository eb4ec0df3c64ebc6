"""The expected value of a number that a model is about to write, from the probabilities of its tokens.

A greedy reply throws away what the model knows: "25.4" at 51 % and "24.9" at 49 % are told as 25.4. The tree
of digit tokens has every number that the model could write with its probability. Branches outside the
plausible window are cut and the rest renormalised, small branches are not followed further but count with the
middle of the numbers that they hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from foretell.llm.model import Step

__all__ = ["DigitTree", "Moments"]

_LONGEST = 24  # signs of a number; a token with more is no answer
_DIGITS = re.compile(r"-?[0-9]*(?:\.[0-9]*)?")
_WIDEST = 1e6  # what windows without an end are cut to; see _NUMBER in replies.py


@dataclass(frozen=True)
class Moments:
    """What the tree says.

    Attributes:
        mean: Expected value, NaN where no branch lies in the window.
        median: Half of the probability lies below it.
        std: Standard deviation.
        seen: Share of probability, of what the model reported for the first token, inside the window.
    """

    mean: float
    median: float
    std: float
    seen: float


@dataclass
class DigitTree:
    """Probabilities of numbers, learnt branch by branch.

    Attributes:
        low: Smallest number considered.
        high: Largest number considered.
        decimals: Digits after the point as prompts show them.
        resolved: Digits after the point that are worth asking for.
        floor: Branches with less probability are not asked about.
    """

    low: float
    high: float
    decimals: int = 2
    resolved: int = 1
    floor: float = 0.03
    _edges: dict[str, dict[str, float]] = field(default_factory=dict)
    _seen: float = 1.0

    @classmethod
    def over(cls, window: tuple[float, float], labels: Sequence[float], decimals: int) -> DigitTree:
        """A tree for a window, with digits resolved to about a tenth of the labels' range."""
        spread = max(labels) - min(labels) if len(labels) > 1 else 0.0
        spread = spread or 0.1 * abs(labels[0]) or 1.0
        resolved = min(decimals, max(1, math.ceil(-math.log10(spread / 10))))
        return cls(max(-_WIDEST, window[0]), min(_WIDEST, window[1]), decimals, resolved)

    @property
    def longest(self) -> int:
        """Tokens that a greedy reply needs so that its path is resolved."""
        return max(len(str(int(self.high))), len(str(int(self.low)))) + 1 + self.resolved

    def add(self, written: str, steps: Sequence[Step]) -> None:
        """Learn the alternatives along a reply.

        Args:
            written: The start of the number that stood in the prompt already.
            steps: The reply's tokens; those after the number are ignored.
        """
        for step in steps:
            if not self._reaches(written) or written in self._edges:
                return
            self._edges[written] = self._allowed(written, step.top)
            if not written:
                self._seen = sum(self._edges[written].values())
            written += step.token.strip() if not written else step.token
            if not _DIGITS.fullmatch(written):
                return

    def wanted(self) -> list[str]:
        """Starts of numbers whose continuation matters and is not known, likeliest first."""
        leaves = [(mass, start) for start, mass in self._leaves() if mass >= self.floor and not self._ended(start)]
        return [start for _, start in sorted(leaves, reverse=True)]

    def moments(self) -> Moments:
        """Mean, median and standard deviation of the numbers as far as they are known."""
        spans = sorted((*self._span(start), mass) for start, mass in self._leaves())
        total = sum(mass for _, _, mass in spans)
        if not total:
            return Moments(math.nan, math.nan, math.nan, 0.0)
        mean = sum(mass * (a + b) / 2 for a, b, mass in spans) / total
        square = sum(mass * (a * a + a * b + b * b) / 3 for a, b, mass in spans) / total
        return Moments(mean, _median(spans, total), math.sqrt(max(square - mean * mean, 0.0)), self._seen)

    # ---- inside

    def _leaves(self) -> list[tuple[str, float]]:
        """Starts that are not expanded, with their share of the window's probability."""
        result, stack = [], [("", 1.0)]
        while stack:
            start, mass = stack.pop()
            start = self._certain(start)
            edges = self._edges.get(start)
            total = sum(edges.values()) if edges else 0.0
            if not edges or not total:
                if start and self._reaches(start):
                    result.append((start, mass))
                continue
            stack += [(start + token, mass * p / total) for token, p in edges.items()]
        return result

    def _certain(self, start: str) -> str:
        """Add the decimal point where no further digit can precede it: nobody need be asked."""
        whole = start.removeprefix("-").isdigit() and not any(self._reaches(start + digit) for digit in "0123456789")
        return f"{start}." if whole and start not in self._edges else start

    def _ended(self, start: str) -> bool:
        _, point, fraction = start.partition(".")
        return bool(point) and len(fraction) >= self.resolved

    def _allowed(self, start: str, top: Mapping[str, float]) -> dict[str, float]:
        """Probabilities of tokens that continue the number inside the window."""
        edges: dict[str, float] = {}
        for token, logprob in top.items():
            text = token.strip() if not start else token
            if text and _DIGITS.fullmatch(start + text) and self._reaches(start + text):
                edges[text] = edges.get(text, 0.0) + math.exp(logprob)
        return edges

    def _reaches(self, start: str) -> bool:
        """Whether some number in the window begins like this."""
        if not start:
            return True
        if len(start) > _LONGEST:
            return False
        if start[0] == "-":
            return self.low < 0 and self._mirrored()._reaches(start[1:])
        if not start[0].isdigit() or (start[0] == "0" and start[1:2].isdigit()):
            return False
        if "." in start:
            least, most = self._span(start)
            return least < most
        wholes = (int(start) * 10**more for more in range(7))
        return any(w <= self.high and w + 10**more > self.low for more, w in enumerate(wholes))

    def _mirrored(self) -> DigitTree:
        """The window of the negative numbers without their sign."""
        return DigitTree(max(0.0, -self.high), -self.low, self.decimals, self.resolved)

    def _span(self, start: str) -> tuple[float, float]:
        """The window's numbers that begin like this; equal bounds where there are none."""
        if start == "-":
            return self.low, min(self.high, 0.0)
        if start[0] == "-":
            least, most = self._mirrored()._span(start[1:])
            return -most, -least
        whole, point, fraction = start.partition(".")
        if not point:
            return max((self._cut(int(whole) * 10.0**k, 10.0**k) for k in range(7)), key=lambda span: span[1] - span[0])
        return self._cut(float(f"{whole}.{fraction or 0}"), 10.0 ** -len(fraction))

    def _cut(self, least: float, width: float) -> tuple[float, float]:
        # The last number that begins with 25.3 and has two decimals is 25.39. A number that is written in full
        # keeps a hair of width, so that "none" can be told from "exactly one".
        most = least + max(width - 10.0**-self.decimals, 1e-9)
        low, high = max(least, self.low), min(most, self.high)
        return (low, high) if low < high else (low, low)


def _median(spans: Sequence[tuple[float, float, float]], total: float) -> float:
    """Of sorted spans, each with its mass spread evenly; spans that overlap only do so by less than a digit."""
    below = 0.0
    for low, high, mass in spans:
        if below + mass >= total / 2:
            return low + (high - low) * (total / 2 - below) / mass
        below += mass
    return spans[-1][1]
