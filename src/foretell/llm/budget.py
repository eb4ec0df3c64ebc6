"""Limits on what a run may spend, kept before each call and not after."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from foretell.errors import BudgetReachedError
from foretell.llm.model import LanguageModel, Reply, Request, Usage
from foretell.llm.prices import Price

__all__ = ["Budget", "Estimate"]


@dataclass(frozen=True)
class Estimate:
    """What a run will take, said before its first call.

    Attributes:
        calls: Calls that are not in the ledger yet, those for further digits included.
        tokens: Tokens read and written.
        dollars: Money; None where the price is unknown.
        seconds: Time; None where nothing is known of the speed.
    """

    calls: int
    tokens: int
    dollars: float | None
    seconds: float | None = None

    def __str__(self) -> str:
        money = "at an unknown price" if self.dollars is None else f"about ${self.dollars:,.2f}"
        return f"{self.calls:,} calls, about {self.tokens:,} tokens, {money}, {_time(self.seconds)}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "time unknown"
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"


class Budget:
    """Counts what is spent and what is in flight, and refuses calls that could pass a limit.

    Args:
        model: Counts the tokens of a prompt.
        price: Of the model; None where unknown.
        max_dollars: Limit on this run's money; None is no limit.
        max_tokens: Limit on this run's tokens, read and written; None is no limit.
        share: Of the price that is charged (a batch costs half).
    """

    def __init__(
        self,
        model: LanguageModel,
        price: Price | None,
        *,
        max_dollars: float | None = None,
        max_tokens: int | None = None,
        share: float = 1.0,
    ) -> None:
        self.model, self.price, self.share = model, price, share
        self.max_dollars, self.max_tokens = max_dollars, max_tokens
        self.tokens = 0
        self.dollars: float | None = 0.0 if price else None
        self.calls = 0
        self.refused = ""  # by which limit
        self._lock = threading.Lock()
        self._flying: dict[int, tuple[int, float]] = {}
        self._prefixes: dict[str, int] = {}

    def expected(self, request: Request) -> Usage:
        """The most that a request can use, nothing cached."""
        if request.prefix not in self._prefixes:
            self._prefixes[request.prefix] = self.model.count_tokens(request.prefix)
        prompt = self._prefixes[request.prefix] + self.model.count_tokens(request.query)
        room = getattr(self.model, "allowance", 0)  # of models that think before they answer
        return Usage(prompt, max(request.decoding.max_tokens, room))

    def cost(self, usage: Usage) -> float | None:
        """Dollars of a call; None where the price is unknown."""
        return None if self.price is None else self.price.dollars(usage) * self.share

    def admit(self, request: Request) -> None:
        """Reserve what a request can use.

        Raises:
            BudgetReachedError: It could pass a limit; what is finished is in the ledger.
        """
        if self.max_dollars is None and self.max_tokens is None:
            return
        usage = self.expected(request)
        tokens, dollars = usage.prompt + usage.completion, self.cost(usage) or 0.0
        with self._lock:
            flying_tokens = sum(each[0] for each in self._flying.values())
            flying_dollars = sum(each[1] for each in self._flying.values())
            if self.max_tokens is not None and self.tokens + flying_tokens + tokens > self.max_tokens:
                self.refused = f"--max-tokens {self.max_tokens:,}"
                raise BudgetReachedError(self.account())
            spent = (self.dollars or 0.0) + flying_dollars
            if self.max_dollars is not None and spent + dollars > self.max_dollars:
                self.refused = f"--max-usd {self.max_dollars:g}"
                raise BudgetReachedError(self.account())
            self._flying[id(request)] = (tokens, dollars)

    def settle(self, request: Request, reply: Reply) -> float | None:
        """Count a reply; the dollars it cost, None where unknown. What a server does not count is estimated."""
        usage = reply.usage
        if not reply.failure and not usage.prompt and self.model.endpoint != "local":
            usage = Usage(self.expected(request).prompt, self.model.count_tokens(reply.text))
        dollars = self.cost(usage)
        with self._lock:
            self._flying.pop(id(request), None)
            if not reply.failure:
                self.calls += 1
                self.tokens += usage.prompt + usage.completion
                self.dollars = None if dollars is None or self.dollars is None else self.dollars + dollars
        return dollars

    def account(self) -> str:
        """What is paid for by now, once a limit has refused a call."""
        money = "unknown" if self.dollars is None else f"${self.dollars:.4f}"
        return (
            f"the next call could pass {self.refused}: {self.calls:,} calls with {self.tokens:,} tokens ({money}) of "
            "this run are paid and kept; raise the limit and run the same command again to go on."
        )
