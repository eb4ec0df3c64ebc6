"""Any OpenAI-compatible endpoint, through the `openai` package's asynchronous client (the extra `llm`).

Retries are ours and not the client's (`foretell.llm.calls`): they are bounded, jittered, honour Retry-After for all
calls at once, and a row of failures ends the run with everything that was paid for in the ledger.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.llm.calls import VERSION, Calls, run_in_loop
from foretell.llm.keys import Secret
from foretell.llm.model import Gate, LanguageModelError, OnReply, Reply, Request
from foretell.llm.replies import unfinished
from foretell.llm.scoring import score_by_steps

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["ApiModel"]


_LOGPROBS = re.compile("log[ _-]?prob", re.IGNORECASE)
_STREAM = re.compile(r"\bstream", re.IGNORECASE)
_FORM = re.compile("response[ _-]?format|json[ _-]?schema|structured", re.IGNORECASE)
_FEW = 5  # alternatives that those who give any give
_THINKING_ROOM = 2048  # tokens
_THINKING_TIME = 300.0  # seconds
_CONNECTING = 10.0  # seconds at most until there is a connection, encrypted where the address says so


class ApiModel:
    """A model behind an endpoint.

    Args:
        model: The name that the endpoint knows it by.
        endpoint: Base URL, such as "http://127.0.0.1:8080/v1".
        key: Finds the API key when the first call is made.
        name: As the user spelt it; None: URL#MODEL.
        raw: Continue the prompt as text (`/completions`) instead of answering a message.
        concurrency: Calls at the same time.
        timeout: Seconds for one call; see `limit`.
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
        calls = Calls(self, requests, on_reply or (lambda index, reply: None), gate or (lambda request: None))
        return run_in_loop(calls.all())

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
            from openai import AsyncOpenAI, Timeout
        except ImportError:
            raise InputError(
                "endpoints need the package openai, which is not installed: pip install 'foretell[llm]', or run the "
                "embedded model with --llm local:gemma-3-270m."
            ) from None
        # How long a call may take is for `limit` to say, which may grow while this client is open.
        timeout = Timeout(max(self.timeout, _THINKING_TIME), connect=min(_CONNECTING, self.timeout / 2))
        return AsyncOpenAI(api_key=key.reveal() or "none", base_url=self.base, max_retries=0, timeout=timeout)

    @property
    def path(self) -> str:
        """The endpoint's path for this style."""
        return "/chat/completions" if self.style == "chat" else "/completions"

    @property
    def limit(self) -> float:
        """Seconds for one call: more of them once the model has been seen to think."""
        return max(self.timeout, _THINKING_TIME) if self.allowance else self.timeout

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
        if self.answered or self.base != self.endpoint or self.endpoint.endswith(VERSION):
            return False
        self.base = self.endpoint + VERSION
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
