"""Asking questions: the ledger first, then the model, bounded retries of replies that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from foretell.errors import BudgetReachedError, InputError
from foretell.llm.budget import Budget, Estimate
from foretell.llm.ledger import Ledger, Pace, call_key
from foretell.llm.model import LanguageModel, LanguageModelError, Reply, Request
from foretell.llm.prices import Price
from foretell.llm.replies import unfinished

__all__ = ["Answer", "Asker"]

_HOPELESS = 20  # replies of which none can be used: the next will not be better
_SHOWN = 200  # characters of an example
_GUESSED_CALLS = 8.0  # of a question whose number is read from the probabilities of its digits
_GUESSED_LOCAL, _GUESSED_REMOTE = 0.05, 1.0  # seconds a call

Check = Callable[[Reply], str]
"""Why a reply cannot be used; empty where it can."""


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes:
        reply: The last reply.
        reason: Empty for a usable reply, else why the question stays unanswered.
    """

    reply: Reply
    reason: str = ""


@dataclass
class Asker:
    """A model with its ledger and limits.

    A reply that is paid for is recorded before anything else happens with it. A reply that cannot be used is
    asked for again under a new key, at most `attempts` times in all, and only where asking again can help.

    Attributes:
        model: Who answers.
        ledger: What was answered before.
        budget: The limits of this run.
        attempts: The most replies that one question may have.
        offline: Refuse what is not in the ledger; no network and no model are needed then.
        proven: Do not stop after twenty replies without an answer: the model has given answers before.
    """

    model: LanguageModel
    ledger: Ledger
    budget: Budget
    attempts: int = 3
    offline: bool = False
    proven: bool = False
    answered_by_ledger: int = field(default=0, init=False)
    _usable: int = field(default=0, init=False)
    _unusable: int = field(default=0, init=False)
    _example: str = field(default="", init=False)

    @classmethod
    def on(cls, model: LanguageModel, ledger: Ledger, price: Price | None, **limits: int | float | None) -> Asker:
        """An asker with a budget of its own; `limits` are those of `Budget`."""
        return cls(model, ledger, Budget(model, price, **limits))  # type: ignore[arg-type]

    def ask(
        self,
        requests: Sequence[Request],
        check: Check | None = None,
        on_answer: Callable[[int, Answer], None] | None = None,
        *,
        patient: bool = False,
    ) -> list[Answer]:
        """Answer every request, in order.

        Interrupted at any moment, every reply that came is in the ledger, and asking again goes on from there.

        Questions that are spelt alike are asked once: two architectures that a short prompt does not tell
        apart cannot have different answers.

        Args:
            requests: Questions.
            check: Says why a reply cannot be used; None accepts all.
            on_answer: Gets each index and its final answer as soon as it is there.
            patient: Go on although none of the first twenty replies can be used, as whoever can ask otherwise does.

        Raises:
            InputError: Offline, and a reply is not in the ledger.
            BudgetReachedError: A limit would be passed.
            LanguageModelError: The model is not usable, or none of its first twenty replies is an answer.
        """
        final: dict[int, Answer] = {}
        alike: dict[Request, list[int]] = {}
        for index, request in enumerate(requests):
            alike.setdefault(request, []).append(index)

        def finish(index: int, answer: Answer) -> None:
            for each in alike[requests[index]]:
                final[each] = answer
                if on_answer is not None:
                    on_answer(each, answer)

        pending = [(indices[0], request) for request, indices in alike.items()]
        for attempt in range(self.attempts):
            last = attempt == self.attempts - 1 or self._repeats_itself(requests)
            pending = [(index, replace(request, attempt=attempt)) for index, request in pending]
            again: list[tuple[int, Request]] = []
            self._round(pending, check or (lambda reply: ""), finish, again, last=last, patient=patient)
            pending = sorted(again, key=lambda item: item[0])
            if not pending:
                break
        return [final[index] for index in range(len(requests))]

    def estimate(self, requests: Sequence[Request]) -> Estimate:
        """What the questions whose first requests are not in the ledger would take, nothing cached.

        How long one takes, and how many calls, is what the ledger knows of the model, else a guess.
        """
        keys = {call_key(self.model, request): request for request in requests}
        found = self.ledger.find(list(keys))
        missing = [request for key, request in keys.items() if key not in found]
        usages = [self.budget.expected(request) for request in missing]
        pace = self.ledger.pace(self.model) or self._guess(requests)
        tokens = round(pace.calls * sum(usage.prompt + usage.completion for usage in usages))
        costs = [self.budget.cost(usage) for usage in usages]
        dollars = None if self.budget.price is None else pace.calls * sum(cost or 0.0 for cost in costs)
        # Only a back end that says how many calls it makes at the same time has a pace; a batch takes its time.
        width = getattr(self.model, "concurrency", 1 if self.model.endpoint == "local" else 0)
        seconds = len(missing) * pace.seconds / width if width else None
        return Estimate(round(pace.calls * len(missing)), tokens, dollars, seconds)

    def _guess(self, requests: Sequence[Request]) -> Pace:
        """For a model that was never asked: digits branch where text is continued and probabilities are read."""
        by_digits = self.model.style == "raw" and any(request.decoding.top_logprobs for request in requests)
        calls = _GUESSED_CALLS if by_digits else 1.0
        return Pace(calls, calls * (_GUESSED_LOCAL if self.model.endpoint == "local" else _GUESSED_REMOTE))

    def _repeats_itself(self, requests: Sequence[Request]) -> bool:
        """Greedy decoding in this process says the same again."""
        return self.model.endpoint == "local" and all(request.decoding.temperature == 0 for request in requests)

    def _round(
        self,
        pending: Sequence[tuple[int, Request]],
        check: Check,
        finish: Callable[[int, Answer], None],
        again: list[tuple[int, Request]],
        *,
        last: bool,
        patient: bool,
    ) -> None:
        """One attempt at all pending requests; those to be asked again are appended to `again`."""
        keys = [call_key(self.model, request) for _, request in pending]
        found = self.ledger.find(keys)
        self.answered_by_ledger += len(found)

        def judge(index: int, request: Request, reply: Reply) -> None:
            reason = reply.failure or check(reply)
            self._note(request, reply, reason)
            if reason and not reply.failure and not last:
                again.append((index, request))
            else:
                finish(index, Answer(reply, reason))

        missing = []
        for (index, request), key in zip(pending, keys, strict=True):
            if key in found:
                judge(index, request, found[key])
            else:
                missing.append((index, request, key))
        if not missing:
            return
        if self.offline:
            raise InputError(
                f"{len(missing):,} of {len(pending):,} replies of {self.model.name} are not in the ledger "
                f"{self.ledger.path}, and --offline forbids to ask for them; run once without it."
            )

        def on_reply(position: int, reply: Reply) -> None:
            index, request, key = missing[position]
            dollars = self.budget.settle(request, reply)
            if not reply.failure:
                self.ledger.record(key, self.model, request, reply, dollars)
            judge(index, request, reply)

        def gate(request: Request) -> None:
            if not (patient or self.proven or self._usable) and self._unusable >= _HOPELESS:
                raise LanguageModelError(
                    f"none of the first {self._unusable} replies of {self.model.name} is an answer, {self._example}; "
                    "nothing more is asked: see what it is told with `foretell label --show-prompt`, or choose another "
                    "model."
                )
            self.budget.admit(request)

        try:
            self.model.complete([request for _, request, _ in missing], on_reply=on_reply, gate=gate)
        except BudgetReachedError:  # calls that were in flight have ended since
            raise BudgetReachedError(f"{self.budget.account()} {self._spent()}") from None

    def _spent(self) -> str:
        """What the model has cost in all runs that share the ledger."""
        own = (self.model.endpoint, self.model.model)
        found = [total for endpoint, model, total in self.ledger.by_model() if (endpoint, model) == own]
        calls = sum(total.calls for total in found)
        tokens = sum(total.prompt_tokens + total.completion_tokens for total in found)
        known = [total.dollars for total in found if total.dollars is not None]
        money = f"${sum(known):.4f}" if len(known) == len(found) else "unknown"
        return f"In all runs so far: {calls:,} calls with {tokens:,} tokens ({money})."

    def _note(self, request: Request, reply: Reply, reason: str) -> None:
        """Count what can be used; a model that was cut off while it thought gets another chance first."""
        if not reason:
            self._usable += 1
        elif not reply.failure and (request.attempt or not unfinished(reply.text)):
            self._unusable += 1
            said = " ".join(reply.text.split())
            shown = said if len(said) <= _SHOWN else f"{said[: _SHOWN - 3]}..."
            self._example = f"for example {shown!r}" if said else "they are empty"
