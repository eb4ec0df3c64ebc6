"""Opening a language model by its spelling, together with its ledger, price and limits."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from foretell.errors import InputError
from foretell.llm.asking import Asker
from foretell.llm.budget import Budget
from foretell.llm.ledger import Ledger
from foretell.llm.model import LanguageModel
from foretell.llm.models import DEFAULT_MODEL, MODELS
from foretell.llm.prices import BATCH_SHARE, Price, price_of
from foretell.tasks.translation import cache_folder

__all__ = ["DEFAULT_LLM", "Session", "default_ledger", "open_model", "open_session", "spelling_of"]

DEFAULT_LLM = f"local:{DEFAULT_MODEL}"
_FORMS = "local:NAME, openai:MODEL or URL#MODEL, such as http://127.0.0.1:8080/v1#my-model"
_OPENAI = "https://api.openai.com/v1"
_CALL = re.compile("/+(?:chat(?:/+completions)?|completions|models|responses|embeddings|messages)/*$")
"""How the address of a call ends, which people give instead of the base."""


@dataclass
class Session:
    """A model, what it was asked before, and what this run may spend.

    Attributes:
        model: Who answers.
        ledger: What was answered.
        budget: Counts and limits, shared by everything that uses the session.
        offline: Answer from the ledger only.
        attempts: The most replies that one question may have.
        proven: Whether it has answered such questions before, so that a row of replies without an answer is no reason
            to stop.
    """

    model: LanguageModel
    ledger: Ledger
    budget: Budget
    offline: bool = False
    attempts: int = 8
    proven: bool = False

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # a loaded model and an open file are shared, also by copies of a predictor

    def asker(self) -> Asker:
        """Who asks on behalf of this session."""
        return Asker(self.model, self.ledger, self.budget, self.attempts, self.offline, self.proven)


def default_ledger() -> Path:
    """Where calls are recorded where nobody says otherwise: one ledger for all runs of a user.

    `$FORETELL_LEDGER`, else a file in the cache folder.
    """
    named = os.environ.get("FORETELL_LEDGER")
    return Path(named).expanduser() if named else cache_folder() / "llm" / "ledger.sqlite"


@cache
def open_model(
    spelling: str = DEFAULT_LLM,
    *,
    style: str = "",
    concurrency: int = 32,
    timeout: float = 60.0,
    threads: int | None = None,
    context: int = 8192,
) -> LanguageModel:
    """The model of a spelling; opened once in a process, loaded or connected at its first call.

    Args:
        spelling: "local:NAME", "local:PATH.gguf", "openai:MODEL" or "URL#MODEL"; URL is the base of an
            OpenAI-compatible server, such as "http://127.0.0.1:8080/v1".
        style: "chat" or "raw" completion of endpoints; empty is chat.
        concurrency: Calls of an endpoint at the same time.
        timeout: Seconds for one call of an endpoint; a model that thinks gets at least five minutes.
        threads: Of a local model; None: one a core. They change how fast it is and nothing else.
        context: Tokens that a local model has room for, in a prompt and its reply; they take memory.

    Raises:
        InputError: The spelling cannot be read, or a key is missing.
        UnknownNameError: There is no such local model.
    """
    kind, colon, rest = spelling.partition(":")
    if style not in ("", "chat", "raw"):
        raise InputError(f"the style {style!r} is not known; expected chat or raw.")
    if kind == "local" and rest:
        from foretell.llm.local import LocalModel

        return LocalModel(rest, threads=threads, context=context)
    from foretell.llm.api import ApiModel
    from foretell.llm.keys import find_key

    settings: dict[str, Any] = {"raw": style == "raw", "concurrency": concurrency, "timeout": timeout}
    if kind == "openai" and rest:
        return ApiModel(rest, _OPENAI, partial(find_key, _OPENAI, openai=True), spelling, **settings)
    url, _, model = spelling.partition("#")
    parts = urlsplit(url)
    if not colon or not model or parts.scheme not in ("http", "https") or not parts.hostname:
        own, plain = spelling in MODELS, model and re.match(r"[\w.-]+:[0-9]+(?:/|$)", url)
        nearly = f"local:{spelling}" if own else f"http://{spelling}" if plain else ""
        raise InputError(
            f"cannot read the language model {spelling!r}; "
            + (f"did you mean {nearly!r}?" if nearly else f"expected {_FORMS}.")
        )
    if parts.username or parts.password or parts.query:
        raise InputError("the URL of the language model holds a password or a query; put the key in FORETELL_API_KEY.")
    url = _CALL.sub("", url)
    return ApiModel(model, url, partial(find_key, url, openai=False), spelling, **settings)


def spelling_of(endpoint: str, model: str) -> str:
    """How a user spells a model that a ledger names by its endpoint and its own name."""
    kinds = {"local": f"local:{model}", _OPENAI: f"openai:{model}"}
    return kinds.get(endpoint, f"{endpoint}#{model}")


@cache
def _open_ledger(path: Path, _process: int) -> Ledger:
    return Ledger(path)


def open_session(
    spelling: str = DEFAULT_LLM,
    *,
    style: str = "",
    concurrency: int = 32,
    timeout: float = 60.0,
    threads: int | None = None,
    context: int = 8192,
    ledger: Path | None = None,
    prices: Mapping[str, Price] | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    offline: bool = False,
    batch: bool = False,
) -> Session:
    """A model with its ledger and limits.

    Args:
        spelling: See `open_model`.
        style: See `open_model`.
        concurrency: See `open_model`.
        timeout: See `open_model`.
        threads: See `open_model`.
        context: See `open_model`.
        ledger: The ledger's file; None is `default_ledger()`.
        prices: The user's own prices.
        max_usd: Limit on this run's money.
        max_tokens: Limit on this run's tokens.
        offline: Answer from the ledger only.
        batch: Use the endpoint's Batch API, for half the price.

    Raises:
        InputError: A limit on money that cannot be kept because the price is unknown, or batches of a model
            that has none.
    """
    about: dict[str, Any] = {"style": style, "concurrency": concurrency, "timeout": timeout}
    model = open_model(spelling, **about, threads=threads, context=context)
    price = price_of(model.model, model.endpoint, prices)
    if max_usd is not None and price is None and not _own_machine(model.endpoint):
        raise InputError(
            f"the price of {model.model} is unknown, so --max-usd cannot be kept; give its price with --prices, or "
            "limit the run with --max-tokens."
        )
    opened = _open_ledger(ledger or default_ledger(), os.getpid())
    share = BATCH_SHARE if batch else 1.0
    budget = Budget(model, price, max_dollars=max_usd, max_tokens=max_tokens, share=share)
    if batch:
        model = _in_batches(model, opened)
    # A prose reply of an endpoint costs little next to a missing label; greedy local ones never change.
    return Session(model, opened, budget, offline, attempts=1 if model.endpoint == "local" else 8)


def _in_batches(model: LanguageModel, ledger: Ledger) -> LanguageModel:
    from foretell.llm.api import ApiModel
    from foretell.llm.batch import BatchModel

    if not isinstance(model, ApiModel):
        raise InputError(f"{model.name} runs in this process and has no Batch API; leave --batch out.")
    return BatchModel(model, ledger)


def _own_machine(endpoint: str) -> bool:
    """Whether an endpoint is on this machine, where nobody sends a bill."""
    return (urlsplit(endpoint).hostname or "") in ("127.0.0.1", "localhost", "::1")
