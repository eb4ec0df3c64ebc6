"""Replies as the ledger keeps them: compressed JSON, and what may go wrong when it is read again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from foretell.llm.model import Reply, Step, Usage
from foretell.llm.reading import probabilities

__all__ = ["DAMAGE", "MOST_BYTES", "inflate", "pack", "unpack"]

MOST_BYTES = 64 << 20
"""Of one value; larger ones are not read."""

DAMAGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, zlib.error)
"""What reading a damaged value raises, wherever it is damaged."""


def pack(reply: Reply) -> bytes:
    """What callers need of a reply, without the provider's wrapping, compressed."""
    steps = None if reply.steps is None else [[step.token, dict(step.top)] for step in reply.steps]
    usage = reply.usage
    value: Mapping[str, Any] = {
        "text": reply.text,
        "steps": steps,
        "usage": [usage.prompt, usage.completion, usage.cached],
        "seconds": reply.seconds,
        "fingerprint": reply.fingerprint,
    }
    return zlib.compress(json.dumps(value).encode())


def inflate(packed: bytes) -> bytes:
    """Decompressed, up to a size: some kilobytes can hold gigabytes of nothing."""
    stream = zlib.decompressobj()
    data = stream.decompress(packed, MOST_BYTES)
    if not stream.eof:
        raise ValueError("cut, or too large")
    return data


def unpack(packed: bytes) -> Reply:
    """What `pack` packed.

    Raises:
        Exception: One of `DAMAGE`.
    """
    value = json.loads(inflate(packed).decode())
    steps = value["steps"]
    if steps is not None:
        steps = tuple(Step(str(token), probabilities(top.items())) for token, top in steps)
    return Reply(
        str(value["text"]),
        steps=steps,
        usage=Usage(*map(int, value["usage"])),
        seconds=float(value["seconds"]),
        fingerprint=str(value["fingerprint"]),
        recorded=True,
    )
