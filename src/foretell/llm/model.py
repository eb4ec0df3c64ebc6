"""The contract of everything that completes text, and what goes in and comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from foretell.errors import ForetellError

__all__ = [
    "Decoding",
    "Gate",
    "LanguageModel",
    "LanguageModelError",
    "OnReply",
    "Reply",
    "Request",
    "Step",
    "Usage",
]


class LanguageModelError(ForetellError):
    """The language model or its endpoint refused or failed; every reply that came before is in the ledger."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one call.

    Attributes:
        prompt: Tokens read, cached ones included.
        completion: Tokens written.
        cached: Those of `prompt` that came from the provider's or the runtime's prefix cache.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0


@dataclass(frozen=True)
class Decoding:
    """How a reply is generated; every field is part of a call's key.

    Attributes:
        max_tokens: Longest reply.
        temperature: 0 is greedy; None leaves it to the provider.
        top_p: Nucleus sampling; None leaves it to the provider.
        seed: Of sampling, where the back end honours one.
        top_logprobs: Alternatives to report for each token; 0 asks for none.
        stop: Texts that end a reply.
        grammar: GBNF that a reply keeps, where the runtime in this process continues a text; empty: any text.
        verbatim: Tokens in succession that may be copied from prompt or reply, in the runtime in this process; longer
            copies become unlikely. 0: any number.
        schema: JSON schema that a reply keeps, as JSON, where an endpoint that is told messages can do that.
    """

    max_tokens: int = 25
    temperature: float | None = 0.0
    top_p: float | None = None
    seed: int | None = None
    top_logprobs: int = 0
    stop: tuple[str, ...] = ()
    grammar: str = ""
    verbatim: int = 0
    schema: str = ""

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON; without the forms that are not asked for, of which old keys know nothing."""
        fields = {**vars(self), "stop": list(self.stop)}
        return {name: value for name, value in fields.items() if value or name not in ("grammar", "verbatim", "schema")}


@dataclass(frozen=True)
class Request:
    """One question.

    Attributes:
        prefix: What is the same for many questions; back ends keep it in their prefix cache.
        query: What differs; the prompt is `prefix + query`.
        decoding: How to generate.
        repeat: Number of the repetition, so that repeated sampling is not answered from the ledger.
        attempt: Number of the retry after a reply that could not be used.
        template: Name and version of the template that made the prompt.
    """

    prefix: str
    query: str
    decoding: Decoding = field(default_factory=Decoding)
    repeat: int = 0
    attempt: int = 0
    template: str = ""

    @property
    def prompt(self) -> str:
        """The whole text."""
        return self.prefix + self.query


@dataclass(frozen=True)
class Step:
    """One generated token and what could have stood in its place.

    Attributes:
        token: The token's text.
        top: Natural log-probabilities of the likeliest tokens, by text.
    """

    token: str
    top: Mapping[str, float]


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        text: The generated text.
        raw: The body as it came, before any parsing, secrets removed.
        steps: Tokens with alternatives; None where the back end gives none.
        usage: Tokens.
        seconds: From sending to the last byte.
        fingerprint: What the provider says of the model that really answered.
        failure: Why there is no reply at all; such a reply is never stored as an answer.
        recorded: Whether it comes from the ledger, and so costs nothing now.
        cut: Whether it ended because it had no more room; not kept in the ledger.
    """

    text: str
    raw: str = ""
    steps: tuple[Step, ...] | None = None
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    fingerprint: str = ""
    failure: str = ""
    recorded: bool = False
    cut: bool = False


OnReply = Callable[[int, Reply], None]
"""Takes the index of a request and its reply, the moment it is there."""

Gate = Callable[[Request], None]
"""Called before each request is sent; raises when it may not be."""


@runtime_checkable
class LanguageModel(Protocol):
    """Anything that continues text.

    Attributes:
        name: How a user spells it: "openai:gpt-4o-mini", "http://host/v1#model", "local:gemma-3-270m".
        model: The model's own name, for the ledger and the price table.
        endpoint: Where it runs, without secrets; "local" in process.
        identity: What else a reply depends on (weights' hash, chat or raw completion); part of every key.
        style: "chat" replies to a message, "raw" continues the text itself.
        width: Requests that are best handed over together; 1 for a back end that answers one by one.
    """

    name: str
    model: str
    endpoint: str
    identity: Mapping[str, Any]
    style: Literal["chat", "raw"]
    width: int

    def complete(
        self, requests: Sequence[Request], *, on_reply: OnReply | None = None, gate: Gate | None = None
    ) -> list[Reply]:
        """Answer every request, in order; one that could not be answered has its `failure` set.

        Interrupted, it loses the requests in flight; what `on_reply` was given is the caller's.

        Raises:
            LanguageModelError: The back end is not usable, or failed too often in a row.
        """
        ...

    def score(self, prefix: str, continuations: Sequence[str]) -> npt.NDArray[np.float64]:
        """Natural log-probability of each continuation of `prefix`, `float64 [n]`; -inf below the reported top.

        Raises:
            LanguageModelError: The back end reports no log-probabilities of a given text.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, exactly where a tokenizer is at hand, else a careful estimate from above."""
        ...
