"""What goes wrong with a call, and what to do about it."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from foretell.llm.keys import Secret

if TYPE_CHECKING:
    from openai import OpenAIError

__all__ = ["Fault", "pause_before", "retry_after"]

_LONGEST_WAIT = 120.0
_FINAL = (400, 401, 402, 403, 404, 405, 413, 422)
_JITTER = random.SystemRandom()


@dataclass(frozen=True)
class Fault:
    """A call without a reply.

    Attributes:
        text: What happened, in a few words, without secrets.
        final: Whether trying again cannot help.
        adaptable: Whether the endpoint refused a parameter, perhaps.
        retry_after: Seconds that the endpoint asks to wait; 0 where it does not say.
    """

    text: str
    final: bool = False
    adaptable: bool = False
    retry_after: float = 0.0

    @classmethod
    def of(cls, error: OpenAIError, key: Secret) -> Fault:
        """Read an error of the client."""
        from openai import APIStatusError

        if not isinstance(error, APIStatusError):
            return cls(f"{type(error).__name__}: {_short(key.redact(str(error)))}")
        status = error.status_code
        text = f"status {status}, {_short(key.redact(error.message))}"
        # Out of money is told as "too many requests" and does not pass by waiting.
        broke = "insufficient_quota" in error.message or getattr(error, "code", None) == "insufficient_quota"
        return cls(text, status in _FINAL or broke, status in (400, 422), retry_after(error.response.headers))


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the headers ask to wait, at most two minutes; 0 where they do not say."""
    seconds = 0.0
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            seconds = float(milliseconds) / 1000
        elif value is not None and value.strip().replace(".", "", 1).isdigit():
            seconds = float(value)
        elif value is not None:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else 0.0


def pause_before(attempt: int, pauses: tuple[float, float]) -> float:
    """Seconds to wait before another try: doubled each time, anywhere between half of that and all of it."""
    longest = min(pauses[1], pauses[0] * 2.0 ** (attempt - 1))
    return longest * _JITTER.uniform(0.5, 1.0)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:197]}..."
