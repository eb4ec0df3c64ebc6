"""The language model as generator: it is shown limits, genes and scores, and writes several architectures a call."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field, fields

import numpy as np

from foretell.errors import InputError
from foretell.llm.asking import Asker
from foretell.llm.forms import grammar, schema
from foretell.llm.model import Decoding, LanguageModelError, Request
from foretell.llm.proposal_prompt import VERSION, Known, ProposalPrompt, Row
from foretell.llm.repairing import Keeps, nearest_feasible, read_architectures
from foretell.metrics import Metric
from foretell.spaces import Population, SearchSpace

__all__ = ["Known", "ProposalWarning", "Proposals", "Proposer"]

PER_CALL = 8
_BEST, _WORST, _BEFORE = 8, 3, 8  # architectures that are shown, and proposals without a label
_COOL, _STEP, _HOTTEST = 0.8, 0.2, 1.4  # temperatures: a step up where less than half of a reply was new, else down
_VERBATIM = 8  # tokens of a line that a small model may copy, which else writes one line eight times
_PATIENCE = 6  # calls in succession without anything new, until the model is asked no more


class ProposalWarning(UserWarning):
    """The language model proposes nothing that can be used, or cannot be shown all that it should be."""


@dataclass
class Proposals:
    """What was asked of a model, and what came of it.

    Attributes:
        calls: Replies that were read.
        asked: Architectures that were asked for.
        valid: Those that were right as they came: of the space, within the limits, new.
        repaired: Those that were none, or broke a limit, and for which the nearest that is right was taken.
        repeated: Those that were known, or proposed before.
        dropped: Those that could not be read, had nothing near within the limits, or were more than asked for.
        judged: Of the valid and repaired, those that were believed worse than others and not given to the search.
        instead: Architectures that mutation made where the model proposed nothing.
        tokens: Read and written.
        seconds: Of the replies, as they were when they were bought.
    """

    calls: int = 0
    asked: int = 0
    valid: int = 0
    repaired: int = 0
    repeated: int = 0
    dropped: int = 0
    judged: int = 0
    instead: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, float]:
        """All counts, ready for JSON."""
        return {each.name: round(getattr(self, each.name), 3) for each in fields(self)}


@dataclass
class Proposer:
    """Asks a model for new architectures; what it proposes depends on its arguments and on the replies alone.

    Attributes:
        asker: Model, ledger and limits.
        space: The space.
        metric: What is to become good.
        keeps: Which rows keep the limits.
        limits: The same in words; empty for none.
        seed: Of sampling.
        pool: All that can be proposed, `int16 [n, columns]`, where that is not the whole space.
        per_call: Architectures that one reply shall have.
        max_tokens: A call that could go beyond these is not made; None: no limit.
        context: Tokens that the model has room for, in a prompt and its reply.
        task: What the networks are for, in a few words; empty: nobody knows.
        said: What it has proposed so far.
        last: Its last reply, as it came.
    """

    asker: Asker
    space: SearchSpace
    metric: Metric
    keeps: Keeps
    limits: str = ""
    seed: int = 0
    pool: Population | None = None
    per_call: int = PER_CALL
    max_tokens: int | None = None
    context: int = 8192
    task: str = ""
    said: Proposals = field(default_factory=Proposals)
    last: str = field(default="", init=False)
    _fruitless: int = field(default=0, init=False)
    _heat: float = field(default=_COOL, init=False)
    _spent: bool = field(default=False, init=False)
    _left_out: bool = field(default=False, init=False)
    _warned: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        raw = self.asker.model.style == "raw"
        self._prompt = ProposalPrompt(self.space, self.metric, self.limits, raw, self.task)

    @property
    def exhausted(self) -> bool:
        """Whether the model is asked no more: it repeats itself, or its tokens are used."""
        return self._spent or self._fruitless >= _PATIENCE

    def propose(self, n: int, known: Known, taken: Population, *, least: int, calls: int = 2) -> Population:
        """New architectures that keep the limits, canonical, `int16 [m, columns]`, at most `n`.

        Args:
            n: How many are wanted.
            least: So many are enough to stop asking.
            known: Those with labels.
            taken: All that must not come again, `int16 [m, columns]`, canonical.
            calls: So many in succession may bring nothing new, each at a higher temperature than the one before.

        Warns:
            ProposalWarning: Nothing was proposed.
        """
        found = taken[:0]
        empty = 0
        while len(found) < least and empty < calls and not self.exhausted:
            more = self.ask(n - len(found), known, np.concatenate([taken, found]))
            empty = 0 if len(more) else empty + 1
            found = np.concatenate([found, more])
        if not len(found):
            self._warn()
        return found

    def ask(self, n: int, known: Known, taken: Population) -> Population:
        """What one call brings; see `propose`.

        Raises:
            InputError: The model has no room for one architecture.
            LanguageModelError: There is no reply.
            BudgetReachedError: The budget of the session would be passed.
        """
        ranked, said = self._ranked(known), self.said
        request, wanted = self._request(min(n, self.per_call), ranked, taken)
        if self.max_tokens is not None and said.tokens + self._most(request.prompt, wanted) > self.max_tokens:
            self._spent = True
            return taken[:0]
        (answer,) = self.asker.ask([request])
        usage, text = answer.reply.usage, answer.reply.text
        if answer.reply.failure:
            raise LanguageModelError(f"{self.asker.model.name} gave {answer.reply.failure}; run the same again later.")
        self.last = text
        said.calls += 1
        said.asked += wanted
        said.tokens += usage.prompt + usage.completion or len(request.prompt + text) // 3
        said.seconds += answer.reply.seconds
        rows = self._take(text, wanted, ranked, taken)
        self._fruitless = 0 if rows else self._fruitless + 1
        self._heat = min(_HOTTEST, self._heat + _STEP) if 2 * len(rows) < wanted else max(_COOL, self._heat - _STEP)
        return np.array(rows, dtype=np.int16).reshape(-1, self.space.width)

    def _take(self, text: str, wanted: int, ranked: Known, taken: Population) -> list[Row]:
        """The rows of a reply that can be used."""
        shown = np.array([row for row, _ in ranked], dtype=np.int16).reshape(-1, self.space.width)
        seen = {row.tobytes() for row in (*taken, *shown)}
        base = shown[-1] if ranked else self.space.canonical(np.zeros((1, self.space.width), dtype=np.int16))[0]
        rng = np.random.default_rng([self.seed, self.said.calls, 5])
        rows: list[Row] = []
        read = 0
        for each in read_architectures(self.space, text, base):
            read += 1
            row, exact = (None, False) if each is None or read > wanted else each
            if row is not None and not self._allowed(row):
                row, exact = nearest_feasible(self.space, row, self.keeps, rng, shown, self.pool), False
            if row is None:
                self.said.dropped += 1
            elif row.tobytes() in seen:
                self.said.repeated += 1
            else:
                seen.add(row.tobytes())
                rows.append(row)
                self.said.valid += exact
                self.said.repaired += not exact
        self.said.dropped += max(0, wanted - read)
        return rows

    def _allowed(self, row: Row) -> bool:
        on_record = self.pool is None or bool((self.space.canonical(self.pool) == row).all(axis=1).any())
        return on_record and bool(self.keeps(row[None])[0])

    def _request(self, wanted: int, ranked: Known, taken: Population) -> tuple[Request, int]:
        """The question, with as many known architectures as there is room for, and for how many it asks."""
        middle, prompt = max(len(ranked) - _BEST, 0), self._prompt
        shown = [*ranked[: min(_WORST, middle)], *ranked[middle:]]
        labelled = {row.tobytes() for row, _ in ranked}
        before = [row for row in taken if row.tobytes() not in labelled][-_BEFORE:]
        while self._most(prompt.heading + (query := prompt.ending(wanted, shown, before)), wanted) > self.context:
            if not shown and not before and wanted == 1:
                raise InputError(
                    f"the prompt for {self.space.name} is too long for {self.context:,} tokens even without known "
                    "architectures; give the model more room (context), or shorten the genes' descriptions."
                )
            self._leave_out()
            if before:
                before = before[1:]
            elif shown:
                shown = shown[1:]
            else:
                wanted //= 2
        number = self.said.calls
        decoding = Decoding(
            self._room(wanted),
            round(self._heat, 1),
            seed=self.seed * 1000 + number,
            grammar=grammar(self.space, wanted, prompt.start(ranked)) if prompt.raw else "",
            verbatim=max(_VERBATIM, prompt.longest // 10) if prompt.raw else 0,
            schema="" if prompt.raw else json.dumps(schema(self.space), ensure_ascii=False),
        )
        return Request(prompt.heading, query, decoding, number, template=f"propose/{VERSION}"), wanted

    def _leave_out(self) -> None:
        if not self._left_out:
            self._left_out = True
            text = f"{self.asker.model.name} has no room for all known architectures ({self.context:,} tokens)"
            warnings.warn(f"{text}; the worst are not shown to it.", ProposalWarning, stacklevel=5)

    def _ranked(self, known: Known) -> Known:
        """Those with a label, the worst first."""
        finite = [(row, value) for row, value in known if np.isfinite(value)]
        return sorted(finite, key=lambda item: (self.metric.goodness(item[1]), item[0].tobytes()))

    def _room(self, wanted: int) -> int:
        """Tokens of a reply: a digit is one, and most words are fewer than they have letters."""
        return wanted * (self._prompt.longest + 16) + 32

    def _most(self, prompt: str, wanted: int = 1) -> int:
        """Tokens of a call, from above; by the length of the text, so that it is the same wherever it is asked."""
        return len(prompt.encode()) * 2 // 3 + self._room(wanted)

    def _warn(self) -> None:
        """Say that nothing is proposed: the first time, and when it will stay so."""
        why = "may use no more tokens" if self._spent else "proposed nothing new"
        ending = " and is asked no more" if self.exhausted else ""
        if why + ending not in self._warned:
            self._warned.add(why + ending)
            text = f"{self.asker.model.name} {why} after {self.said.calls} calls{ending}; mutation stands in for it."
            warnings.warn(text, ProposalWarning, stacklevel=4)
