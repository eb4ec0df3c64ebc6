"""From prompts to numbers: which questions to ask, and what the replies say together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from foretell.llm.asking import Answer, Asker
from foretell.llm.digits import DigitTree
from foretell.llm.model import Decoding, Reply, Request
from foretell.llm.prompt import Prompt
from foretell.llm.replies import parse_number, parse_numbers
from foretell.metrics import Metric

__all__ = ["Estimated", "Estimator", "How", "combine"]

How = Literal["expected", "median", "greedy", "sampled"]
"""The expected value or the median over digit tokens (the text where a back end reports none), the likeliest text,
or a drawn one."""

_BY_DIGITS = ("expected", "median")

_TOP = 20  # the most alternatives that providers report
_LEAST_SEEN = 0.02


@dataclass(frozen=True)
class Estimated:
    """What was said of one architecture.

    Attributes:
        mean: The estimate; NaN for an abstention.
        std: Its standard deviation; NaN where nothing tells it.
        reason: Why there is no estimate.
        values: What each order and repeat said, NaN for abstentions.
    """

    mean: float
    std: float
    reason: str = ""
    values: tuple[float, ...] = ()


OnEstimate = Callable[[int, Estimated], None]
_Said = tuple[float, float, str]  # mean, standard deviation, reason
_Question = tuple[int, Prompt, int]  # row, prompt, repeat


def combine(said: Sequence[_Said]) -> Estimated:
    """Orders and repeats as one estimate: the mean of means, and the law of total variance."""
    values = tuple(mean for mean, _, _ in said)
    known = [(mean, std) for mean, std, _ in said if not math.isnan(mean)]
    if not known:
        reasons = dict.fromkeys(reason for _, _, reason in said if reason)
        return Estimated(math.nan, math.nan, "; ".join(reasons) or "no reply", values)
    means = np.array([mean for mean, _ in known])
    inner = np.array([std for _, std in known])
    within = float(np.nanmean(inner**2)) if np.isfinite(inner).any() else math.nan
    between = float(means.var(ddof=1)) if len(means) > 1 else math.nan
    parts = [each for each in (within, between) if not math.isnan(each)]
    return Estimated(float(means.mean()), math.sqrt(sum(parts)) if parts else math.nan, "", values)


@dataclass
class Estimator:
    """Asks about architectures and reads numbers from what comes back.

    Attributes:
        asker: Model, ledger and limits.
        metric: What is estimated.
        labels: The demonstrations' labels; they set the window of the expected value.
        how: See `How`.
        repeats: How often each question is asked.
        temperature: Of "sampled"; None leaves it to the provider.
        per_request: Architectures in one request; more than one reads plain numbers.
    """

    asker: Asker
    metric: Metric
    labels: Sequence[float]
    how: How = "expected"
    repeats: int = 1
    temperature: float | None = None
    per_request: int = 1

    def estimate(self, prompts: Sequence[Prompt], rows: Sequence[int], on_estimate: OnEstimate | None = None) -> None:
        """Estimate some of the architectures that the prompts ask about.

        Args:
            prompts: The same architectures in question behind different orders of demonstrations.
            rows: Which of them.
            on_estimate: Gets each row and its estimate as soon as all its replies are there.
        """
        tell = on_estimate or (lambda row, estimated: None)
        width = max(1, self.asker.model.width)
        step = len(rows) if width > 1 else 1
        for start in range(0, len(rows), max(step, 1)):
            _Chunk(self, prompts, rows[start : start + step], tell).run()

    def requests(self, prompts: Sequence[Prompt], rows: Sequence[int]) -> list[Request]:
        """The first request for each question: what an estimate of tokens and money counts."""
        if self.per_request > 1:
            groups = [rows[i : i + self.per_request] for i in range(0, len(rows), self.per_request)]
            return [self._several(p, g, r) for g in groups for p in prompts for r in range(self.repeats)]
        return [self._single(p, row, r) for row in rows for p in prompts for r in range(self.repeats)]

    # ---- requests

    def _tree(self) -> DigitTree:
        return DigitTree.over(self.metric.plausible(self.labels), self.labels, self.metric.decimals)

    def _decoding(self, tokens: int, *, top: bool, lines: bool = False) -> Decoding:
        # A text that is continued goes on with the next architecture; the number ends with its line.
        stop = ("\n",) if self.asker.model.style == "raw" and not lines else ()
        if self.how == "sampled":
            return Decoding(tokens, self.temperature, stop=stop)
        return Decoding(tokens, 0.0, top_logprobs=_TOP if top else 0, stop=stop)

    def _single(self, prompt: Prompt, row: int, repeat: int, written: str = "") -> Request:
        expected = self.how in _BY_DIGITS
        raw = self.asker.model.style == "raw"
        tokens = (1 if written else self._tree().longest) if expected and raw else 25
        decoding = self._decoding(tokens, top=expected)
        return Request(prompt.prefix, prompt.queries[row] + written, decoding, repeat, template=prompt.template)

    def _several(self, prompt: Prompt, members: Sequence[int], repeat: int) -> Request:
        decoding = self._decoding(12 * len(members) + 16, top=False, lines=True)
        return Request(prompt.prefix, prompt.together(members), decoding, repeat, template=f"{prompt.template}/several")

    # ---- replies

    def read(self, reply: Reply, tree: DigitTree | None) -> _Said:
        """Mean, standard deviation and reason of one reply."""
        if tree is not None:
            moments = tree.moments()
            if moments.seen >= _LEAST_SEEN and not math.isnan(moments.mean):
                return moments.median if self.how == "median" else moments.mean, moments.std, ""
        parsed = parse_number(reply.text, self.metric)
        if parsed.value is None:
            return math.nan, math.nan, parsed.reason
        return parsed.value, math.nan, ""

    def usable(self, reply: Reply) -> str:
        """Why a reply to one question cannot be used; empty where it can."""
        tree = self.grown(reply)
        return self.read(reply, tree)[2]

    def grown(self, reply: Reply) -> DigitTree | None:
        """The tree of a first reply, or None where it has no alternatives or they are not wanted."""
        if self.how not in _BY_DIGITS or not reply.steps or not any(step.top for step in reply.steps):
            return None
        tree = self._tree()
        tree.add("", reply.steps)
        return tree


@dataclass
class _Chunk:
    """The questions about some rows, answered together."""

    estimator: Estimator
    prompts: Sequence[Prompt]
    rows: Sequence[int]
    tell: OnEstimate

    def run(self) -> None:
        self.said: dict[int, list[_Said]] = {row: [] for row in self.rows}
        self.wanted = len(self.prompts) * self.estimator.repeats
        e = self.estimator
        every = [(row, prompt, repeat) for row in self.rows for prompt in self.prompts for repeat in range(e.repeats)]
        self._single(self._several() if e.per_request > 1 else every)

    def _note(self, row: int, said: _Said) -> None:
        self.said[row].append(said)
        if len(self.said[row]) == self.wanted:
            self.tell(row, combine(self.said[row]))

    def _single(self, questions: Sequence[_Question]) -> None:
        """One question a request, and where the back end continues text, its branches."""
        e = self.estimator
        branching: list[tuple[int, Prompt, int, DigitTree]] = []

        def on_answer(index: int, answer: Answer) -> None:
            row, prompt, repeat = questions[index]
            tree = None if answer.reason else e.grown(answer.reply)
            if tree is not None and e.asker.model.style == "raw" and tree.wanted():
                branching.append((row, prompt, repeat, tree))
            else:
                self._note(row, (math.nan, math.nan, answer.reason) if answer.reason else e.read(answer.reply, tree))

        first = [e._single(prompt, row, repeat) for row, prompt, repeat in questions]
        e.asker.ask(first, e.usable, on_answer)
        while branching:
            branching = self._grow(branching)

    def _grow(self, branching: list[tuple[int, Prompt, int, DigitTree]]) -> list[tuple[int, Prompt, int, DigitTree]]:
        """Ask every tree's likeliest unknown branches; the trees that still have some."""
        e = self.estimator
        asked = [(n, start) for n, (_, _, _, tree) in enumerate(branching) for start in tree.wanted()]
        requests = [e._single(branching[n][1], branching[n][0], branching[n][2], start) for n, start in asked]
        for (n, start), answer in zip(asked, e.asker.ask(requests), strict=True):
            branching[n][3].add(start, answer.reply.steps or ())
        still = []
        for n, (row, prompt, repeat, tree) in enumerate(branching):
            learnt = {start for m, start in asked if m == n}
            if set(tree.wanted()) - learnt:
                still.append((row, prompt, repeat, tree))
            else:
                self._note(row, e.read(Reply(""), tree))
        return still

    def _several(self) -> list[_Question]:
        """K architectures a request; the questions that a reply left without a number."""
        e, failed = self.estimator, list[_Question]()
        groups = [self.rows[i : i + e.per_request] for i in range(0, len(self.rows), e.per_request)]
        asked = [(group, prompt, repeat) for group in groups for prompt in self.prompts for repeat in range(e.repeats)]

        def check(members: int) -> Callable[[Reply], str]:
            return lambda reply: next((p.reason for p in parse_numbers(reply.text, members, e.metric) if p.reason), "")

        def on_answer(index: int, answer: Answer) -> None:
            group, prompt, repeat = by_size[index]
            for row, parsed in zip(group, parse_numbers(answer.reply.text, len(group), e.metric), strict=True):
                if parsed.value is None:
                    failed.append((row, prompt, repeat))
                else:
                    self._note(row, (parsed.value, math.nan, ""))

        for size in dict.fromkeys(len(group) for group in groups):
            by_size = [each for each in asked if len(each[0]) == size]
            e.asker.ask([e._several(p, group, r) for group, p, r in by_size], check(size), on_answer, patient=True)
        return failed
