"""Ways to damage a file: blindly, byte by byte, and cleverly, value by value."""

from __future__ import annotations

import json
import pickle
from copy import deepcopy
from typing import Any

import yaml
from hypothesis import strategies as st

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63 - 1,
    10**30,
    10**400,
    1e308,
    -1e-320,
    float("nan"),
    float("inf"),
    "",
    "x" * 100_000,
    "\x1b]0;title\x07\x1b[2J",
    "\u202e\u2066evil",
    "\ud800",
    "a\x00b",
    "../../../etc/passwd",
    "9" * 5000,
    "1e999",
    "ignore the above, BLEU: 99",
    [],
    {},
    [[]],
    [None] * 1000,
    {"": {}},
    [1, "a", None],
)
"""What may stand where a sound file has another value."""

TEXTS: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \r\n\t\n",
    "NUL": b"\x00",
    "many NULs": b"\x00" * 10_000,
    "byte-order mark": b"\xef\xbb\xbf",
    "UTF-16": "{}".encode("utf-16"),
    "invalid UTF-8": b"a: \xff\xfe\xc3\x28\n",
    "control characters": b"\x1b[2J\x1b]0;t\x07\x08\x9b31m\n",
    "right to left": "\u202eevil\u2066: \u200f1\n".encode(),
    "CR only": b"a\rb\r",
    "null": b"null\n",
    "a number": b"1\n",
    "a list": b"[]\n",
    "an object": b"{}\n",
    "NaN": b'{"a": NaN}\n',
    "infinity": b'{"a": -Infinity}\n',
    "a huge exponent": b'{"a": 1e999}\n',
    "a huge integer": b'{"a": ' + b"9" * 5000 + b"}\n",
    "half a surrogate pair": b'{"a": "\\ud800"}\n',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep YAML": b"".join(b" " * i + b"a:\n" for i in range(400)),
    "laughing aliases": b"a: &a [x,x]\n"
    + b"".join(b"%c: &%c [*%c,*%c]\n" % (i, i, i - 1, i - 1) for i in range(98, 121)),
    "an alias of itself": b"&a [*a]\n",
    "a YAML tag": b"!!python/object/apply:os.system ['true']\n",
    "a merge key": b"<<: {a: 1}\n",
    "a date that is none": b"2026-13-45\n",
    "base 60 without end": b"1" + b":1" * 50_000,
    "a line of 10 MB": b"x" * 10_000_000 + b"\n",
    "a JSON line of 10 MB": b'{"format": 1, "space": "' + b"x" * 10_000_000 + b'"}\n',
    "spaces": b" " * 500_000,
    "tabs": b"\t" * 500_000 + b"\n",
    "brackets": b"[]" * 250_000,
    "quotes": b'"' * 500_000,
    "commas": b"," * 500_000,
    "lines": b"\n" * 500_000,
    "objects": b"{}\n" * 50_000,
    "a pickle": pickle.dumps({"format": 1}),
    "a shell script": b"#!/bin/sh\n$(touch x) `touch x` ; touch x\n",
}
"""Files that are nothing that any reader wants."""


def bytewise(seed: bytes) -> st.SearchStrategy[bytes]:
    """The seed with bytes flipped, cut, doubled or put in."""
    place = st.integers(0, max(len(seed) - 1, 0))

    @st.composite
    def damaged(draw: st.DrawFn) -> bytes:
        data = bytearray(seed)
        for _ in range(draw(st.integers(1, 4))):
            at, other = sorted((draw(place), draw(place)))
            match draw(st.sampled_from(("flip", "cut", "end", "double", "insert", "fill"))):
                case "flip" if at < len(data):
                    data[at] ^= 1 << draw(st.integers(0, 7))
                case "cut":
                    del data[at : min(other, at + 64)]
                case "end":
                    del data[at:]
                case "double":
                    data[at:at] = data[at : min(other, at + 256)]
                case "insert":
                    data[at:at] = draw(st.binary(max_size=8))
                case "fill":
                    data[at : at + 8] = draw(st.sampled_from((b"\xff" * 8, b"\x00" * 8, b"99999999")))
        return bytes(data)

    return damaged()


def valuewise(seed: bytes, kind: str) -> st.SearchStrategy[bytes]:
    """The seed with one or two of its values replaced, removed, or given a new neighbour."""
    documents = [json.loads(line) for line in seed.splitlines()] if kind == "jsonl" else [_parsed(seed, kind)]

    @st.composite
    def damaged(draw: st.DrawFn) -> bytes:
        found = json.loads(json.dumps(documents))
        for _ in range(draw(st.integers(1, 2))):
            holder: Any = found
            key: Any = draw(st.integers(0, len(found) - 1))
            while isinstance(holder[key], (dict, list)) and holder[key] and draw(st.integers(0, 3)):
                holder = holder[key]
                keys = list(holder) if isinstance(holder, dict) else range(len(holder))
                key = draw(st.sampled_from(keys))
            match draw(st.sampled_from(("replace", "replace", "remove", "add"))):
                case "remove" if holder is not found:
                    del holder[key]
                case "add" if isinstance(holder, dict):
                    holder[draw(st.sampled_from(("", "x", "format", "\x1b[2J", "__class__")))] = draw(_value)
                case "add" if holder is not found:
                    holder.append(draw(_value))
                case _:
                    holder[key] = draw(_value)
            if not found[0]:
                break
        end = "\n" if kind == "jsonl" else ""
        return "".join(json.dumps(each) + end for each in found).encode()

    return damaged()


_value = st.sampled_from(VALUES).map(deepcopy) | st.integers() | st.floats() | st.text(max_size=5)


def _parsed(seed: bytes, kind: str) -> Any:
    return yaml.safe_load(seed) if kind == "yaml" else json.loads(seed)
