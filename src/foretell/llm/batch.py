"""The Batch API: all questions in one file, answered within a day for half the price.

A batch is noted in the ledger before it is submitted, under a token that is also in the batch's metadata. An
interrupted run finds its batch again by id or by token, and never submits the same questions twice.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import BudgetReachedError
from foretell.llm.api import ApiModel
from foretell.llm.calls import run_in_loop
from foretell.llm.faults import Fault, pause_before, what_was_said
from foretell.llm.ledger import Ledger, call_key
from foretell.llm.model import Gate, LanguageModelError, OnReply, Reply, Request
from foretell.llm.reading import read_body
from foretell.progress import track

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["BatchModel"]

_LARGEST = 10_000
_ENDED = ("completed", "failed", "expired", "cancelled")


class BatchModel:
    """A model whose calls go through the Batch API; its replies have the keys of single calls.

    Args:
        inner: The endpoint.
        ledger: Where batches are noted.
        poll: Seconds between two looks at a batch.
    """

    width = 1_000_000

    def __init__(self, inner: ApiModel, ledger: Ledger, *, poll: float = 30.0) -> None:
        self.inner, self.ledger, self.poll = inner, ledger, poll
        self.name, self.model, self.endpoint = inner.name, inner.model, inner.endpoint
        self.identity: Mapping[str, Any] = inner.identity
        self.style: Literal["chat", "raw"] = inner.style

    def complete(
        self, requests: Sequence[Request], *, on_reply: OnReply | None = None, gate: Gate | None = None
    ) -> list[Reply]:
        """Submit, wait and read; see `LanguageModel.complete`. Interrupted, the batch goes on without us."""
        return run_in_loop(self._complete(requests, on_reply, gate))

    def score(self, prefix: str, continuations: Sequence[str]) -> npt.NDArray[np.float64]:
        """Scores need an answer before the next question; they go past the batch."""
        return self.inner.score(prefix, continuations)

    def count_tokens(self, text: str) -> int:
        """See `ApiModel.count_tokens`."""
        return self.inner.count_tokens(text)

    async def _complete(self, requests: Sequence[Request], on_reply: OnReply | None, gate: Gate | None) -> list[Reply]:
        index_of = {call_key(self, request): index for index, request in enumerate(requests)}
        replies: dict[int, Reply] = {}
        async with self.inner.client(self.inner.find_key()) as client:
            waiting = await self._resumed(client, index_of)
            covered = {key for _, _, keys in waiting for key in keys}
            fresh = [key for key in index_of if key not in covered]
            stop: BudgetReachedError | None = None
            for start in range(0, len(fresh), _LARGEST):
                keys, stop = self._admitted(fresh[start : start + _LARGEST], index_of, requests, gate)
                if keys:
                    waiting.append(await self._submit(client, keys, [requests[index_of[key]] for key in keys]))
                if stop is not None:
                    break
            with track("waiting for batches", total=max(1, len(index_of))) as meter:
                for token, batch, keys in waiting:
                    for key, reply in (await self._result(client, batch, keys)).items():
                        if key in index_of:
                            replies[index_of[key]] = reply
                            if on_reply is not None:
                                on_reply(index_of[key], reply)
                    meter.update(len(replies))
                    if set(keys) <= set(index_of):
                        self.ledger.update_batch(token, state="done")
        if stop is not None:
            raise stop
        lost = Reply("", failure="the batch ended without this answer")
        return [replies.get(index, lost) for index in range(len(requests))]

    def _admitted(
        self, keys: Sequence[str], index_of: Mapping[str, int], requests: Sequence[Request], gate: Gate | None
    ) -> tuple[list[str], BudgetReachedError | None]:
        """The keys that the limits allow, and what ended them."""
        allowed: list[str] = []
        for key in keys:
            try:
                if gate is not None:
                    gate(requests[index_of[key]])
            except BudgetReachedError as error:
                return allowed, error
            allowed.append(key)
        return allowed, None

    async def _resumed(self, client: AsyncOpenAI, index_of: Mapping[str, int]) -> list[tuple[str, str, list[str]]]:
        """Batches of earlier runs that hold some of these questions."""
        found = []
        for token, batch, keys in self.ledger.open_batches(self):
            if not set(keys) & set(index_of):
                continue
            batch = batch or await self._by_token(client, token)
            if batch is None:
                self.ledger.update_batch(token, state="lost")  # it was never submitted
            else:
                self.ledger.update_batch(token, batch=batch)
                found.append((token, batch, keys))
        return found

    async def _by_token(self, client: AsyncOpenAI, token: str) -> str | None:
        page = await self._try(lambda: client.batches.list(limit=100))
        while True:
            for batch in page.data:
                if (batch.metadata or {}).get("foretell") == token:
                    return str(batch.id)
            if not page.has_next_page():
                return None
            page = await self._try(page.get_next_page)

    async def _submit(
        self, client: AsyncOpenAI, keys: Sequence[str], requests: Sequence[Request]
    ) -> tuple[str, str, list[str]]:
        token = uuid.uuid4().hex
        url = f"/v1{self.inner.path}"
        rows = [
            {"custom_id": key, "method": "POST", "url": url, "body": self.inner.body(request)}
            for key, request in zip(keys, requests, strict=True)
        ]
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        self.ledger.open_batch(token, self, keys)
        file = await self._try(lambda: client.files.create(file=("foretell.jsonl", data), purpose="batch"))
        endpoint: Any = url
        batch = await self._try(
            lambda: client.batches.create(
                input_file_id=file.id, endpoint=endpoint, completion_window="24h", metadata={"foretell": token}
            )
        )
        self.ledger.update_batch(token, batch=batch.id)
        return token, batch.id, list(keys)

    async def _result(self, client: AsyncOpenAI, batch: str, keys: Sequence[str]) -> dict[str, Reply]:
        while True:
            found = await self._try(lambda: client.batches.retrieve(batch))
            if found.status in _ENDED:
                break
            await asyncio.sleep(self.poll)
        replies = {key: Reply("", failure=f"the batch {found.status}") for key in keys}
        for file in filter(None, (found.output_file_id, found.error_file_id)):
            content = await self._try(lambda file=file: client.files.content(file))
            # Not splitlines(): answers may hold line separators that JSON leaves as they are.
            for line in filter(str.strip, content.text.split("\n")):
                key, reply = self._read(line)
                if key in replies:
                    replies[key] = reply
        return replies

    def _read(self, line: str) -> tuple[str, Reply]:
        """The call's key and its reply; of a line that is no answer a key that nobody has asked about."""
        try:
            row = json.loads(line)
            key, response = str(row["custom_id"]), row.get("response") or {}
            status, body = response.get("status_code"), json.dumps(response.get("body"))
            error = json.dumps(row.get("error"))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return "", Reply("", failure="the batch's answer is not JSON")
        if status != 200:
            # What never reached the model has no response but an error, such as that the batch expired.
            said = what_was_said(body if response.get("body") else error)
            named = f"answered with status {status}" if status else "did not answer"
            why = self.inner.find_key().redact(said).strip() if said not in ("", "null") else ""
            return key, Reply("", failure=f"the batch {named}: {why}" if why else f"the batch {named}")
        return key, read_body(body, 0.0, self.style)

    async def _try(self, call: Any) -> Any:
        """A call about a batch, with the endpoint's bounded retries."""
        from openai import OpenAIError

        for attempt in range(1, self.inner.tries + 1):
            try:
                return await call()
            except OpenAIError as error:
                fault = Fault.of(error, self.inner.find_key())
                if fault.final or attempt == self.inner.tries:
                    break
                await asyncio.sleep(fault.retry_after or pause_before(attempt, self.inner.pauses))
        raise LanguageModelError(f"{self.name} refuses batches: {fault.text}; run the same command again to go on.")
