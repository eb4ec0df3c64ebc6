"""A language model inside this process: a GGUF file run by xllamacpp (the extra `local`).

Prompts are continued as raw text: under a chat template the small models answer with prose. Each prompt
prefix has a slot of its own whose evaluated state is kept, so that a question costs only the tokens of its
ending; Gemma needs `swa_full` for that, or its sliding window forgets the prefix.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, IntegrityError
from foretell.llama_cpp import import_runtime, serve
from foretell.llm.faults import what_was_said
from foretell.llm.fetch import fetch_model
from foretell.llm.model import Gate, LanguageModelError, OnReply, Reply, Request
from foretell.llm.models import MODELS, model_file
from foretell.llm.reading import read_raw
from foretell.llm.scoring import score_by_steps
from foretell.machine import usable_cores

if TYPE_CHECKING:
    from xllamacpp import Server

__all__ = ["LocalModel", "refusal_in", "why_unusable"]

_DRY = 0.8  # strength of the runtime's sampler that punishes copies, by its authors' advice


class LocalModel:
    """A GGUF model; the file is fetched and loaded when the first call needs it.

    Args:
        name: A known name (`foretell llm list`) or the path of a GGUF file.
        context: Tokens of a prompt and its reply together.
        slots: Prompt prefixes that are kept evaluated at the same time.
        threads: None: one a core of those that this process may use.
        reuse: Keep prefixes evaluated; off only to measure what that is worth.

    Raises:
        InputError: The path does not exist.
        UnknownNameError: There is no such model.
    """

    endpoint = "local"
    style: Literal["chat", "raw"] = "raw"
    width = 1

    def __init__(
        self, name: str, *, context: int = 8192, slots: int = 4, threads: int | None = None, reuse: bool = True
    ) -> None:
        self.model = name
        self.name = f"local:{name}"
        self.path, sha256 = model_file(name)
        # Where the file lies and who fetched it changes no reply; how attention is computed does.
        self.identity: Mapping[str, Any] = {"sha256": sha256, "attention": "exact"}
        self.context, self.slots, self.reuse = context, slots, reuse
        self.threads = threads or usable_cores()
        self._server: Server | None = None
        self._prefixes: dict[str, int] = {}

    def complete(
        self, requests: Sequence[Request], *, on_reply: OnReply | None = None, gate: Gate | None = None
    ) -> list[Reply]:
        """Continue each prompt, one after the other; see `LanguageModel.complete`."""
        replies = []
        for index, request in enumerate(requests):
            if gate is not None:
                gate(request)
            replies.append(self._complete(request))
            if on_reply is not None:
                on_reply(index, replies[-1])
        return replies

    def score(self, prefix: str, continuations: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-probabilities of continuations; see `LanguageModel.score`."""
        return score_by_steps(self, prefix, continuations)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text: exact once the model is loaded, an estimate from above before."""
        if self._server is None:
            return len(text.encode()) // 2 + 1
        return len(self._post("/tokenize", {"content": text})["tokens"])

    def load(self) -> Server:
        """Start the model, fetching its file first where need be.

        Raises:
            InputError: The extra `local` is not installed, or the file cannot be had.
            LanguageModelError: The file is no model that the runtime can load.
        """
        if self._server is None:
            if self.model in MODELS:
                fetch_model(self.model)
            self._server = start_server(
                str(self.path), context=self.context * self.slots, slots=self.slots, threads=self.threads
            )
        return self._server

    def _complete(self, request: Request) -> Reply:
        decoding = request.decoding
        body: dict[str, Any] = {
            "prompt": request.prompt,
            "n_predict": decoding.max_tokens,
            "temperature": 0.0 if decoding.temperature is None else decoding.temperature,
            "seed": decoding.seed if decoding.seed is not None else request.repeat,
            "n_probs": decoding.top_logprobs,
            "stop": list(decoding.stop),
            "cache_prompt": self.reuse,
            "id_slot": self._slot(request.prefix),
        }
        if decoding.top_p is not None:
            body["top_p"] = decoding.top_p
        if decoding.grammar:
            body["grammar"] = decoding.grammar
        if decoding.verbatim:
            body |= {
                "dry_multiplier": _DRY,
                "dry_allowed_length": decoding.verbatim,
                "dry_penalty_last_n": self.context,
            }
        start = time.perf_counter()
        try:
            found = self.load().handle_completions(body)
        except (RuntimeError, ValueError) as error:
            raise LanguageModelError(f"{self.name} could not continue a prompt: {error}") from error
        if refusal := refusal_in(found):
            raise LanguageModelError(
                f"{self.name} could not continue a prompt: {refusal}; give it a shorter one (fewer --demonstrations), "
                "or the model a larger context."
            )
        return read_raw(json.dumps(found), time.perf_counter() - start)

    def _slot(self, prefix: str) -> int:
        """The slot that holds a prefix, or that of the prefix which was not used for longest."""
        slot = self._prefixes.pop(prefix, None)
        if slot is None:
            full = len(self._prefixes) == self.slots
            slot = self._prefixes.pop(next(iter(self._prefixes))) if full else len(self._prefixes)
        self._prefixes[prefix] = slot
        return slot

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        import urllib.request

        data = json.dumps(body).encode()
        address = f"{self.load().listening_address}{path}"  # on the loopback interface, see start_server
        request = urllib.request.Request(address, data, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return json.load(response)


def refusal_in(found: Any) -> str:
    """What the runtime said instead of an answer, as a clause; empty where it did answer."""
    # It returns what it refuses, such as a prompt that is longer than the context, and raises nothing.
    if not isinstance(found, dict) or not found.get("error"):
        return ""
    return what_was_said(json.dumps(found)).rstrip(".") or "the runtime does not say why"


def why_unusable(name: str) -> str:
    """Why a local model cannot be asked here, in a sentence; empty where it can, its file fetched if need be.

    Raises:
        UnknownNameError: There is no such model.
        StorageError: The cache folder cannot be written.
    """
    model_file(name)
    if find_spec("xllamacpp") is None:
        return "its runtime xllamacpp is not installed: pip install 'foretell[local]'."
    try:
        if name in MODELS:
            fetch_model(name)
    except (InputError, IntegrityError) as error:
        return str(error)
    return ""


def start_server(
    path: str, *, context: int, slots: int = 1, threads: int = 1, port: int = 0, embedding: bool = False
) -> Server:
    """Load a GGUF file in xllamacpp's server, which also listens on the loopback interface.

    Args:
        path: The file.
        context: Tokens of all slots together.
        slots: Prompts whose state is kept.
        threads: Of computation.
        port: 0 takes a free one.
        embedding: Give mean hidden states instead of text.

    Raises:
        InputError: The extra `local` is not installed.
        LanguageModelError: The runtime cannot load the file.
    """
    runtime = import_runtime("use an endpoint with --llm openai:MODEL or --llm URL#MODEL")
    settings: dict[str, Any] = {"swa_full": True}
    # Its flash attention on CPUs answers differently when a prefix comes from the cache (log-probabilities by up
    # to 0.35); without it the same prompt has the same bits, and is no slower.
    settings["flash_attn_type"] = runtime.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if embedding:
        settings |= {"embedding": True, "pooling_type": runtime.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN}
    try:
        return serve(runtime, path, context=context, slots=slots, threads=threads, port=port, **settings)
    except (RuntimeError, ValueError) as error:
        raise LanguageModelError(f"the runtime cannot load {path} ({error}); it must be a GGUF model.") from error
