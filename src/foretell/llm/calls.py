"""The calls that answer a list of requests: how many at a time, how often, and when they stop.

A server that has answered nothing yet is asked one question alone, and few times: what is wrong with it, its address
or its key is told before the other questions are sent.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from foretell.errors import BudgetReachedError
from foretell.llm.faults import Fault, pause_before
from foretell.llm.model import Gate, LanguageModelError, OnReply, Reply, Request
from foretell.llm.reading import read_body

if TYPE_CHECKING:
    from foretell.llm.api import ApiModel

__all__ = ["VERSION", "Calls", "run_in_loop"]

VERSION = "/v1"
"""The folder in which most servers have the protocol."""

_UNANSWERED_TRIES = 3  # that end alike, of the first question to a server, unless it asks to wait
_LATE_TRIES = 2  # of a question whose answer takes longer than we wait: the server works on it, and more in vain
_UNCLEAR_TRIES = 2  # of a question, until a fault of the server may be a refusal of a parameter


@dataclass
class Calls:
    """One call of `ApiModel.complete`: its requests, many at a time, and how often each is tried."""

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
            if not self.model.answered:
                await self._work(islice(work, 1))
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
        fault, attempt, alike, late = Fault("nothing was sent"), 0, 0, 0
        while attempt < self.model.tries:
            if self.stop is not None:
                return None
            await asyncio.sleep(max(0.0, self.not_before - time.monotonic()))
            sent, base, last = {**self.model.body(request, room), **self.model.streaming()}, self.model.base, fault
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
                self.stop = LanguageModelError(f"{self.model.name} refuses calls: {fault.text} ({self._place()}).")
                return None
            self._count(fault)
            attempt, alike = attempt + 1, alike + 1 if fault.text == last.text else 1
            late += fault.late
            enough = attempt == self.model.tries or late == _LATE_TRIES
            if not self.model.answered and (enough or (alike == _UNANSWERED_TRIES and not fault.passing)):
                self.stop = self._unanswered(fault, attempt)
                return None
            if enough:
                break
            await asyncio.sleep(pause_before(attempt, self.model.pauses))
        told = f"{fault.text}; {fault.advice(self.model.base)}" if fault.late else fault.text
        return Reply("", failure=f"no reply after {attempt} tries ({told})")

    def _place(self) -> str:
        """Where calls were sent."""
        without = f" and without {VERSION}" if self.model.base != self.model.endpoint else ""
        return f"asked at {self.model.base}{self.model.path}{without}"

    def _unanswered(self, fault: Fault, tries: int) -> LanguageModelError:
        """What is told of a server that has not answered once, in its own words."""
        base, advice = self.model.base, fault.advice(self.model.base)
        if fault.refused:
            advice = advice or "start the server, or correct the address"
            return LanguageModelError(f"nobody answers at {base}: {fault.text}; {advice}.")
        return LanguageModelError(
            f"{self.model.name} has answered none of {tries} tries: {fault.text} ({self._place()}); "
            f"{advice or 'look what ails the server, or correct the address'}."
        )

    def _found(self) -> None:
        """Note that the endpoint answers, and say where if that is not where it was looked for."""
        if not self.model.answered and self.model.base != self.model.endpoint:
            warnings.warn(f"{self.model.endpoint} answers at {self.model.base}; write that.", stacklevel=2)
        self.model.answered = True

    def _count(self, fault: Fault) -> None:
        """Note a failure: pause everybody when told to, and stop after too many in a row."""
        self.failures += 1
        again = fault.advice(self.model.base) if fault.late else "when the endpoint is well"
        if fault.retry_after:
            self.not_before = max(self.not_before, time.monotonic() + fault.retry_after)
        if self.failures >= self.model.patience:
            self.stop = LanguageModelError(
                f"{self.model.name} failed {self.failures} times in a row (last: {fault.text}); every reply so far is "
                f"in the ledger: run the same command again{',' * fault.late} {again}."
            )

    async def _send(self, body: Mapping[str, Any], room: int) -> tuple[Reply | None, Fault]:
        from openai import OpenAIError

        chat = self.model.style == "chat"
        target = self.client.chat.completions if chat else self.client.completions
        create: Callable[..., Any] = target.with_raw_response.create
        start, limit = time.perf_counter(), self.model.limit
        try:
            response = await asyncio.wait_for(create(**body), limit)
            raw = response.http_response.text
        except TimeoutError:
            return None, Fault(f"no answer within {limit:g} s", late=True)
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
