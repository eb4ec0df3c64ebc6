"""From the bodies that servers send to replies; nothing here guesses a number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from foretell.llm.faults import what_was_said
from foretell.llm.model import Reply, Step, Usage

__all__ = ["joined", "probabilities", "read_body", "read_chat", "read_raw"]

_STREAM = re.compile(r"\s*(?:data|event|id|retry)?:")  # how a stream of events begins, and no JSON does
_MOST_TOKENS = 2**31 - 1
_CERTAIN = 1e-3  # log-probabilities are rounded, so that a certain token may have a little more than 0


def read_chat(raw: str, seconds: float) -> Reply:
    """A body of `/chat/completions`; a refusal is its text."""
    body, choice = _choice(raw)
    message: Mapping[str, Any] = choice["message"]
    text = message.get("content") or message.get("refusal") or ""
    return _reply(raw, body, choice, text, seconds)


def read_raw(raw: str, seconds: float) -> Reply:
    """A body of `/completions`."""
    body, choice = _choice(raw)
    return _reply(raw, body, choice, choice.get("text") or "", seconds)


def read_body(raw: str, seconds: float, style: str) -> Reply:
    """A body of either kind.

    Returns:
        The reply; one whose `failure` is set where the body is not what the protocol promises.
    """
    try:
        body = joined(raw) if _STREAM.match(raw) else raw
        reply = read_chat(body, seconds) if style == "chat" else read_raw(body, seconds)
        return replace(reply, raw=raw)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        said = " ".join(what_was_said(raw).split())[:200]
        seen = f", it says: {said}" if said else f", it is {raw[:200]}" if raw.strip() else ", it is empty"
        failure = f"the body is not a completion in JSON{seen}"
        return Reply("", raw, seconds=seconds, failure=failure)


def joined(stream: str) -> str:
    """The body that a stream of server-sent events would have been without streaming, as JSON.

    Raises:
        ValueError: An event is no JSON.
        LookupError: There is no event with a choice.
    """
    text: list[str] = []
    steps: list[Any] = []
    body: dict[str, Any] = {}
    ended = None
    for line in stream.splitlines():
        name, _, data = line.partition(":")
        if name != "data" or data.strip() in ("", "[DONE]"):
            continue
        event = json.loads(data)
        body |= {key: value for key, value in event.items() if key in ("model", "usage", "error") and value}
        for choice in event.get("choices") or []:
            said = choice.get("delta") or choice.get("message") or choice
            text.append(said.get("content") or said.get("text") or "")
            steps += ((choice.get("logprobs") or {}).get("content")) or []
            ended = choice.get("finish_reason") or ended
            body.setdefault("choices", [])
    whole = "".join(text)
    first = {"message": {"content": whole}, "text": whole, "finish_reason": ended}
    if "choices" in body:
        body["choices"] = [{**first, "logprobs": {"content": steps}} if steps else first]
    return json.dumps(body)


def _choice(raw: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    body = json.loads(raw)
    return body, body["choices"][0]


def _reply(raw: str, body: Mapping[str, Any], choice: Mapping[str, Any], text: str, seconds: float) -> Reply:
    if not isinstance(text, str):
        raise TypeError("the text is no string")
    said = body.get("system_fingerprint") or ""
    fingerprint = " ".join(filter(None, (str(body.get("model") or ""), str(said))))
    cut = choice.get("finish_reason") == "length"
    return Reply(text, raw, _steps(choice.get("logprobs")), _usage(body.get("usage")), seconds, fingerprint, cut=cut)


def _usage(value: Any) -> Usage:
    if not isinstance(value, dict):
        return Usage()
    details = value.get("prompt_tokens_details") or {}
    counts = value.get("prompt_tokens"), value.get("completion_tokens"), details.get("cached_tokens")
    return Usage(*map(_count, counts))


def _count(value: Any) -> int:
    """Tokens that there can be: a negative count would pay back into a budget, a huge one fits no ledger."""
    return min(max(int(value or 0), 0), _MOST_TOKENS)


def _steps(value: Any) -> tuple[Step, ...] | None:
    """Alternatives by token: a list of objects (chat, llama.cpp), or parallel lists (the old completions)."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("content"), list):
        return tuple(_step(each) for each in value["content"])
    if isinstance(value.get("tokens"), list) and isinstance(value.get("top_logprobs"), list):
        pairs = zip(value["tokens"], value["top_logprobs"], strict=True)
        return tuple(Step(str(token), probabilities((top or {}).items())) for token, top in pairs)
    return None


def _step(value: Mapping[str, Any]) -> Step:
    alternatives = value.get("top_logprobs") or []
    return Step(str(value["token"]), probabilities((each["token"], each.get("logprob")) for each in alternatives))


def probabilities(pairs: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """Log-probabilities by text, from pairs; without those that are none: missing, not a number, above certainty."""
    top: dict[str, float] = {}
    for token, logprob in pairs:
        if logprob is not None and float(logprob) <= _CERTAIN:
            # Different tokens may share a text; the first is the likeliest.
            top.setdefault(str(token), float(logprob))
    return top
