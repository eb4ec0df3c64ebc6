"""Any OpenAI-compatible endpoint, through the `openai` package's asynchronous client (the extra `llm`).

Retries are ours and not the client's: they are bounded, jittered, honour Retry-After for all calls at once,
and a row of failures ends the run with everything that was paid for in the ledger.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import BudgetReachedError, InputError
from foretell.llm.faults import Fault, pause_before
from foretell.llm.keys import Secret
from foretell.llm.model import Gate, LanguageModelError, OnReply, Reply, Request
from foretell.llm.reading import read_body
from foretell.llm.replies import unfinished
from foretell.llm.scoring import score_by_steps

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["ApiModel", "run_in_loop"]


_LOGPROBS = re.compile("log[ _-]?prob", re.IGNORECASE)
_STREAM = re.compile(r"\bstream", re.IGNORECASE)
_FORM = re.compile("response[ _-]?format|json[ _-]?schema|structured", re.IGNORECASE)
_FEW = 5  # alternatives that those who give any give
_VERSION = "/v1"
_THINKING_ROOM = 2048  # tokens
_UNREACHED_TRIES = 3  # of a question at an address that refuses connections, and has answered none
_UNCLEAR_TRIES = 2  # of a question, until a fault of the server may be a refusal of a parameter


class ApiModel:
    """A model behind an endpoint.

    Args:
        model: The name that the endpoint knows it by.
        endpoint: Base URL, such as "http://127.0.0.1:8080/v1".
        key: Finds the API key when the first call is made.
        name: As the user spelt it; None: URL#MODEL.
        raw: Continue the prompt as text (`/completions`) instead of answering a message.
        concurrency: Calls at the same time.
        timeout: Seconds for one call.
        tries: How often one question is sent before it is given up for this run.
        patience: Failures in a row, over all calls, that end the run; None: three for each concurrent call.
        pauses: Shortest and longest pause between tries, in seconds; doubled each time, jittered.

    Attributes:
        allowance: Tokens that every reply may take at least, once a reply ended in the middle of its thinking.
        base: The URL that is asked: the endpoint, or what it turned out to be.
        answered: Whether it has answered any call.
    """

    width = 1_000_000

    def __init__(
        self,
        model: str,
        endpoint: str,
        key: Callable[[], Secret] = lambda: Secret(""),
        name: str | None = None,
        *,
        raw: bool = False,
        concurrency: int = 32,
        timeout: float = 60.0,
        tries: int = 8,
        patience: int | None = None,
        pauses: tuple[float, float] = (0.5, 30.0),
    ) -> None:
        self.model, self.endpoint, self.name = model, endpoint.rstrip("/"), name or f"{endpoint}#{model}"
        self.style: Literal["chat", "raw"] = "raw" if raw else "chat"
        self.identity: Mapping[str, Any] = {}
        self.find_key = key
        self.concurrency, self.timeout, self.tries, self.pauses = concurrency, timeout, tries, pauses
        self.patience = patience or max(20, 3 * concurrency)
        # What the endpoint has turned out not to take, learnt from its refusals.
        self._refused: set[str] = set()
        self._streams = False
        self._alternatives = 1_000_000
        self.allowance = 0
        self.base = self.endpoint
        self.answered = False

    def complete(
        self, requests: Sequence[Request], *, on_reply: OnReply | None = None, gate: Gate | None = None
    ) -> list[Reply]:
        """Answer all requests, many at a time; see `LanguageModel.complete`."""
        if not requests:
            return []
        run = _Run(self, requests, on_reply or (lambda index, reply: None), gate or (lambda request: None))
        return run_in_loop(run.all())

    def score(self, prefix: str, continuations: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probabilities of continuations; see `LanguageModel.score`.

        Raises:
            LanguageModelError: The endpoint is used for chat, or reports no log-probabilities.
        """
        if self.style != "raw":
            raise LanguageModelError(f"{self.name} answers messages; only raw completion can score a text.")
        return score_by_steps(self, prefix, continuations)

    def count_tokens(self, text: str) -> int:
        """An estimate from above: numbers and names of genes have about three characters a token."""
        return len(text.encode()) * 2 // 5 + 4

    def client(self, key: Secret) -> AsyncOpenAI:
        """A client without retries of its own.

        Raises:
            InputError: The extra `llm` is not installed.
        """
        try:
            from openai import AsyncOpenAI
        except ImportError:
            raise InputError(
                "endpoints need the package openai, which is not installed: pip install 'foretell[llm]', or run the "
                "embedded model with --llm local:gemma-3-270m."
            ) from None
        return AsyncOpenAI(api_key=key.reveal() or "none", base_url=self.base, max_retries=0, timeout=self.timeout)

    @property
    def path(self) -> str:
        """The endpoint's path for this style."""
        return "/chat/completions" if self.style == "chat" else "/completions"

    def room(self, request: Request) -> int:
        """Tokens that a reply may take."""
        return max(request.decoding.max_tokens, self.allowance)

    def body(self, request: Request, room: int | None = None) -> dict[str, Any]:
        """The JSON of a call, without what the endpoint has refused before.

        Args:
            request: The question.
            room: Tokens that the reply may take; None: as many as it may now.
        """
        decoding, chat = request.decoding, self.style == "chat"
        body: dict[str, Any] = {"model": self.model}
        body |= {"messages": [{"role": "user", "content": request.prompt}]} if chat else {"prompt": request.prompt}
        limit = "max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"
        body[limit] = self.room(request) if room is None else room
        wanted = {"temperature": decoding.temperature, "top_p": decoding.top_p, "seed": decoding.seed}
        body |= {name: value for name, value in wanted.items() if value is not None and name not in self._refused}
        if decoding.stop and "stop" not in self._refused:
            body["stop"] = list(decoding.stop)
        if decoding.top_logprobs and "logprobs" not in self._refused:
            count = min(decoding.top_logprobs, self._alternatives)
            body |= {"logprobs": True, "top_logprobs": count} if chat else {"logprobs": count}
        if decoding.schema and chat and "response_format" not in self._refused:
            form = {"name": "architectures", "strict": True, "schema": json.loads(decoding.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    def streaming(self) -> dict[str, Any]:
        """What asks a server that only streams for a stream, which is read like a body once it has ended."""
        if not self._streams:
            return {}
        usage = {} if "stream_options" in self._refused else {"stream_options": {"include_usage": True}}
        return {"extra_body": {"stream": True, **usage}}

    def reroute(self, base: str) -> bool:
        """Look for the endpoint one folder deeper, where most servers have it; whether that is worth a call.

        Args:
            base: Where nobody answered.
        """
        if self.base != base:  # another call has found out meanwhile
            return True
        if self.answered or self.base != self.endpoint or self.endpoint.endswith(_VERSION):
            return False
        self.base = self.endpoint + _VERSION
        return True

    def adapt(self, complaint: str, sent: Mapping[str, Any], *, unclear: bool = False) -> bool:
        """Learn from a refusal of a parameter; whether the call is worth sending again without it.

        Args:
            complaint: What the server said.
            sent: The call.
            unclear: The refusal names no parameter, and nothing was answered yet.
        """
        streamed = sent.get("extra_body", {})
        if _STREAM.search(complaint) and ("stream_options" in streamed or not streamed):
            self._refused.update(["stream_options"] if streamed else [])
            self._streams = True
            return True
        if "response_format" in sent and (_FORM.search(complaint) or unclear):
            self._refused.add("response_format")
            return True
        names = ("max_tokens", "temperature", "top_p", "seed", "stop", "logprobs")
        named = [name for name in names if name in sent and name in complaint]
        if "logprobs" in sent and (_LOGPROBS.search(complaint) or (unclear and not named)):
            named = [name for name in named if name != "logprobs"]
            asked = int(sent.get("top_logprobs", sent["logprobs"]))
            if asked > _FEW:  # many servers have a limit; without any only where even few are too many
                self._alternatives = _FEW
            else:
                self._refused.add("logprobs")
            return True
        self._refused.update(named)
        return bool(named)

    def widen(self, reply: Reply, room: int) -> None:
        """Give a model that thought until its limit, and said nothing, more room from then on; once."""
        if self.style == "chat" and (reply.cut or reply.usage.completion >= room) and unfinished(reply.text):
            self.allowance = max(_THINKING_ROOM, self.allowance)


@dataclass
class _Run:
    """One call of `complete`."""

    model: ApiModel
    requests: Sequence[Request]
    on_reply: OnReply
    gate: Gate
    stop: Exception | None = None
    failures: int = 0
    not_before: float = 0.0
    replies: dict[int, Reply] = field(default_factory=dict)

    async def all(self) -> list[Reply]:
        """Every request, by as many workers as calls may run at the same time."""
        self.key = self.model.find_key()
        async with self.model.client(self.key) as self.client:
            work = iter(enumerate(self.requests))
            count = min(self.model.concurrency, len(self.requests))
            workers = [asyncio.create_task(self._work(work)) for _ in range(count)]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
        if self.stop is not None:
            raise self.stop
        return [self.replies[index] for index in range(len(self.requests))]

    async def _work(self, work: Iterator[tuple[int, Request]]) -> None:
        for index, request in work:
            if self.stop is not None:
                return
            room = self.model.room(request)
            try:
                self.gate(request)
            except (BudgetReachedError, LanguageModelError) as error:
                # Calls in flight are paid for: they end and are kept.
                self.stop = error
                return
            reply = await self._one(request, room)
            if reply is None:
                return
            self.replies[index] = reply
            self.on_reply(index, reply)

    async def _one(self, request: Request, room: int) -> Reply | None:
        """The reply to one request; None when the run is to stop."""
        fault, attempt = Fault("nothing was sent"), 0
        while attempt < self.model.tries:
            if self.stop is not None:
                return None
            await asyncio.sleep(max(0.0, self.not_before - time.monotonic()))
            sent, base = {**self.model.body(request, room), **self.model.streaming()}, self.model.base
            reply, fault = await self._send(sent, room)
            if reply is not None:
                self.failures = 0
                self._found()
                return reply
            if fault.nowhere and self.model.reroute(base):
                self.client.base_url = self.model.base
                continue
            unclear = fault.unclear and not self.model.answered and (fault.final or attempt >= _UNCLEAR_TRIES)
            if (fault.adaptable or unclear) and self.model.adapt(fault.text, sent, unclear=unclear):
                continue
            if fault.final:
                self.stop = LanguageModelError(
                    f"{self.model.name} refuses calls: {fault.text} (asked at {self.model.base}{self.model.path}"
                    f"{' and without ' + _VERSION if self.model.base != self.model.endpoint else ''})."
                )
                return None
            self._count(fault)
            attempt += 1
            if fault.refused and not self.model.answered and attempt >= _UNREACHED_TRIES:
                self.stop = LanguageModelError(
                    f"nobody answers at {self.model.base}: {fault.text}; start the server, or correct the address."
                )
                return None
            if attempt < self.model.tries:
                await asyncio.sleep(pause_before(attempt, self.model.pauses))
        return Reply("", failure=f"no reply after {self.model.tries} tries ({fault.text})")

    def _found(self) -> None:
        """Note that the endpoint answers, and say where if that is not where it was looked for."""
        if not self.model.answered and self.model.base != self.model.endpoint:
            warnings.warn(f"{self.model.endpoint} answers at {self.model.base}; write that.", stacklevel=2)
        self.model.answered = True

    def _count(self, fault: Fault) -> None:
        """Note a failure: pause everybody when told to, and stop after too many in a row."""
        self.failures += 1
        if fault.retry_after:
            self.not_before = max(self.not_before, time.monotonic() + fault.retry_after)
        if self.failures >= self.model.patience:
            self.stop = LanguageModelError(
                f"{self.model.name} failed {self.failures} times in a row (last: {fault.text}); every reply so far is "
                "in the ledger: run the same command again when the endpoint is well."
            )

    async def _send(self, body: Mapping[str, Any], room: int) -> tuple[Reply | None, Fault]:
        from openai import OpenAIError

        chat = self.model.style == "chat"
        target = self.client.chat.completions if chat else self.client.completions
        create: Callable[..., Any] = target.with_raw_response.create
        start = time.perf_counter()
        try:
            response = await asyncio.wait_for(create(**body), self.model.timeout)
            raw = response.http_response.text
        except TimeoutError:
            return None, Fault(f"no answer within {self.model.timeout:g} s")
        except OpenAIError as error:
            return None, Fault.of(error, self.key)
        reply = read_body(self.key.redact(raw), time.perf_counter() - start, self.model.style)
        if reply.failure:
            return None, Fault.of_body(reply.failure, raw)
        self.model.widen(reply, room)
        return reply, Fault("")


def run_in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, in a thread of its own where this one has a running loop (notebooks)."""
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, work).result()
    return asyncio.run(work)
