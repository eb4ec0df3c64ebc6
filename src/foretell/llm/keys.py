"""API keys: from the environment or the system's keyring, and out of everything that is written or said."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from foretell.errors import InputError

__all__ = ["KEY_VARIABLE", "Secret", "find_key"]

KEY_VARIABLE = "FORETELL_API_KEY"
"""The key for endpoints given by URL. OpenAI's own key is never sent anywhere but to OpenAI."""

_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_*-]{6,}|(?i:bearer)\s+\S+")


class Secret:
    """A key that does not show in any print, traceback or file.

    Args:
        value: The key; empty where an endpoint needs none.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(...)" if self._value else "Secret()"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a key is not to be stored")

    def reveal(self) -> str:
        """The key itself, for the header of a request and nothing else."""
        return self._value

    def redact(self, text: str) -> str:
        """A text without the key and without anything that looks like one: servers like to quote them."""
        if self._value:
            text = text.replace(self._value, "[key]")
        return _KEY_LIKE.sub("[key]", text)


def find_key(endpoint: str, *, openai: bool) -> Secret:
    """The key of an endpoint.

    Args:
        endpoint: Its base URL.
        openai: Whether it is OpenAI's own, whose key is `OPENAI_API_KEY`.

    Raises:
        InputError: OpenAI's endpoint without a key.
    """
    variable = "OPENAI_API_KEY" if openai else KEY_VARIABLE
    value = os.environ.get(variable) or _from_keyring(urlsplit(endpoint).hostname or endpoint)
    if not value and openai:
        raise InputError(
            "there is no key for OpenAI; set the environment variable OPENAI_API_KEY, or run without a network with "
            "--llm local:gemma-3-270m."
        )
    return Secret((value or "").strip())


def _from_keyring(host: str) -> str | None:
    """The key that `keyring set foretell HOST` has stored, where that package is installed."""
    try:
        import keyring
    except ImportError:
        return None
    found: str | None = keyring.get_password("foretell", host)
    return found
