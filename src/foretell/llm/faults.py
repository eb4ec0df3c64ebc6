"""What goes wrong with a call, and what to do about it."""

from __future__ import annotations

import html
import json
import math
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from foretell.llm.keys import Secret

if TYPE_CHECKING:
    from openai import OpenAIError

__all__ = ["Fault", "pause_before", "retry_after", "what_was_said"]

_LONGEST_WAIT = 120.0
_FINAL = (400, 401, 402, 403, 404, 405, 413, 422, 501)
_ADAPTABLE = (400, 422)
_UNCLEAR = (400, 403, 422, 500, 501)
_NOWHERE = (404, 405)
_PASSING = (429, 503)  # too many calls at the moment, a model that is being loaded
_UNCONNECTED = ("ConnectError", "ConnectTimeout")
_NO_HTTP = ("RemoteProtocolError", "ReadError")
_NAMED = re.compile("log[ _-]?prob|\\bstream", re.IGNORECASE)  # parameters that are refused by any status
_PLACES = ("message", "detail", "error_description", "error", "error_msg", "msg", "title", "reason", "errors")
_SAID = ("message", "msg", "string", "description", "detail", "reason")  # how such keys end whoever made them
_JITTER = random.SystemRandom()


@dataclass(frozen=True)
class Fault:
    """A call without a reply.

    Attributes:
        text: What happened, in a few words, without secrets.
        final: Whether trying again cannot help.
        adaptable: Whether the endpoint refused a parameter, perhaps.
        retry_after: Seconds that the endpoint asks to wait; 0 where it does not say.
        status: Of the reply; 0 where there was none.
        nowhere: Whether nobody may be listening at this address.
        cause: The name of the client's own error where the server gave no status.
        late: Whether it is we who waited no longer.
    """

    text: str
    final: bool = False
    adaptable: bool = False
    retry_after: float = 0.0
    status: int = 0
    nowhere: bool = False
    cause: str = ""
    late: bool = False

    @property
    def refused(self) -> bool:
        """Whether there was no connection at all."""
        return self.cause in _UNCONNECTED

    @property
    def passing(self) -> bool:
        """Whether the server asks to wait."""
        return self.retry_after > 0 or self.status in _PASSING

    def advice(self, base: str) -> str:
        """What to do about a late reply, or a connection that failed as it does where one side encrypts; else empty.

        Args:
            base: Where the call was sent.
        """
        if self.late:
            return "give it longer with --timeout, or fewer at a time with --concurrency"
        scheme, _, rest = base.partition("://")
        if "CERTIFICATE" in self.text:
            return "let SSL_CERT_FILE name a file with the certificate of whoever vouches for it"
        # A server that waits for a request never ends the greeting; others answer it with plain text.
        if scheme == "https" and (self.cause == "ConnectTimeout" or "SSL" in self.text):
            return f"perhaps it speaks only http: try http://{rest}"
        return (
            f"perhaps it speaks only https: try https://{rest}" if scheme == "http" and self.cause in _NO_HTTP else ""
        )

    @property
    def unclear(self) -> bool:
        """Whether a parameter may have been refused without a word of it."""
        return self.status in _UNCLEAR

    @classmethod
    def of(cls, error: OpenAIError, key: Secret) -> Fault:
        """Read an error of the client."""
        from openai import APIStatusError, APITimeoutError

        if not isinstance(error, APIStatusError):
            cause = error.__cause__  # of "Connection error.", what the operating system has said
            said = f"{error} ({cause})" if cause is not None and str(cause) else str(error)
            name = type(cause).__name__
            if name == "ConnectTimeout":
                return cls("no connection came about in time", cause=name)
            text = f"{type(error).__name__}: {_short(key.redact(said))}"
            return cls(text, cause=name, late=isinstance(error, APITimeoutError))
        status = error.status_code
        said = what_was_said(error.response.text) or error.message
        text = f"status {status}, {_short(key.redact(said))}"
        # Out of money is told as "too many requests" and does not pass by waiting.
        broke = "insufficient_quota" in error.message or getattr(error, "code", None) == "insufficient_quota"
        return cls(
            text,
            status in _FINAL or broke,
            status in _ADAPTABLE or bool(_NAMED.search(said)),
            retry_after(error.response.headers),
            status,
            status in _NOWHERE,
        )

    @classmethod
    def of_body(cls, failure: str, body: str) -> Fault:
        """Read a body with status 200 that is no completion.

        Args:
            failure: What is wrong with it, and what it says.
            body: The body.
        """
        if body.lstrip().startswith("<"):  # somebody's web page, which stays one
            return cls(failure, final=True, nowhere=True)
        status = _status_of(body)
        return cls(failure, status in _FINAL, status in _ADAPTABLE or bool(_NAMED.search(failure)), status=status)


def _status_of(body: str) -> int:
    """The status that an error object in a body names; 0 where it names none."""
    try:
        error = json.loads(body)["error"]
        named = next((error[name] for name in ("status", "code", "status_code") if name in error), 0)
        return 400 if error.get("type") == "invalid_request_error" and not named else int(named)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return 0


def what_was_said(body: str) -> str:
    """The sentence in the body of a refusal, whatever its shape: JSON of any kind, a page of HTML, plain text."""
    for written in (body, body.strip().removeprefix("data:")):  # the one event of a stream, too
        try:
            return _sentence(json.loads(written))
        except (ValueError, RecursionError):
            pass
    title = re.search("<title[^>]*>([^<]*)</title>", body, re.IGNORECASE)
    return html.unescape(title[1] if title else re.sub("<[^>]*>", " ", body)).strip()


def _sentence(value: Any, left: int = 6) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and left:
        return "; ".join(filter(None, (_sentence(each, left - 1) for each in value[:3])))
    if isinstance(value, dict) and left:
        small = {str(name).lower(): each for name, each in value.items()}
        others = [name for name, each in small.items() if isinstance(each, dict) or name.endswith(_SAID)]
        said = next(filter(None, (_sentence(small.get(name), left - 1) for name in (*_PLACES, *others))), "")
        # A go-between quotes the one behind it: {"message": "Provider returned error", "metadata": {"raw": ...}}.
        behind = small.get("metadata")
        quoted = behind.get("raw") if isinstance(behind, dict) else None
        return f"{said}: {what_was_said(quoted)}" if said and isinstance(quoted, str) and quoted else said
    return ""


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
