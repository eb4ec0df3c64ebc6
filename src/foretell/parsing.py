"""Files that nobody vouches for: read up to a size, parsed up to a depth, with numbers that arithmetic can use.

Everything that foretell reads as JSON or YAML comes through here. What is accepted is narrower than the two
languages: no NaN and no infinity, integers of 64 bits, bounded depth. YAML, which people write, also has no aliases
(nine short lines of them can fill any memory), no tags and no key twice; of a key that JSON, which programs write,
has twice the last one counts, as in Python.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import yaml

from foretell.display import shortened
from foretell.errors import InputError

__all__ = [
    "MOST_BYTES",
    "check_kind",
    "decoded",
    "parse_json",
    "parse_yaml",
    "read_bytes",
    "read_text",
    "read_yaml",
]

MOST_BYTES = 512 << 20
"""The largest file of records; parsed, it may take some twenty times as much memory."""
_MOST_YAML_BYTES = 128 << 10  # what people write by hand has some kilobytes
_DEEPEST = 32
_LONGEST_NUMBER = 64  # signs of a number in YAML, which has many ways to write one
_LONG_NUMBER = re.compile("[0-9]{19}")
_CONTAINERS = {list, dict}
# What people have that is no text, by how it begins: what it is, and how to get at the text. Zip holds many formats.
_KINDS = (
    (b"\x1f\x8b", "packed by gzip", "unpack it with gzip -d"),
    (b"\x1f\x9d", "packed by compress", "unpack it with gzip -d"),
    (b"BZh", "packed by bzip2", "unpack it with bzip2 -d"),
    (b"\xfd7zXZ\0", "packed by xz", "unpack it with xz -d"),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard", "unpack it with zstd -d"),
    (b"\x04\x22\x4d\x18", "packed by lz4", "unpack it with lz4 -d"),
    (b"LZIP", "packed by lzip", "unpack it with lzip -d"),
    (b"PK\x03\x04", "a zip archive (as .docx, .xlsx, .odt and .npz are)", "unpack it, or save what it holds as text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it with 7z x"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it with unrar x"),
    (b"PAR1", "a Parquet table", "write the columns that count as text, as with pandas.read_parquet and to_csv"),
    (b"ARROW1", "an Arrow table", "write the columns that count as text"),
    (b"\xff\xff\xff\xff", "an Arrow stream or a like table", "write the columns that count as text"),
    (b"SQLite format 3\0", "an SQLite database", "write the columns that count as text"),
    (b"%PDF-", "a PDF", "write its text into a file, as pdftotext does"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save what it holds as text"),
    (b"\xff\xfe", "UTF-16 text", "convert it to UTF-8, as with iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "convert it to UTF-8, as with iconv -f UTF-16 -t UTF-8"),
)
_TAR = (257, b"ustar")  # the one kind whose mark stands elsewhere
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_bytes(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """The contents of a file, device or pipe of at most `most` bytes.

    Raises:
        InputError: It is not there, cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the path.") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder; expected a file.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason}); check the path.") from error
    if len(data) > most:
        raise InputError(f"{path} has more than {_size(most)}, the most that is read; split it or give another file.")
    return data


def read_text(path: Path, *, most: int = MOST_BYTES) -> str:
    """The UTF-8 text of a file, with or without a byte-order mark.

    Raises:
        InputError: It is not there, cannot be read, is larger than `most` bytes, or not UTF-8.
    """
    return decoded(read_bytes(path, most=most), path)


def decoded(data: bytes, path: Path, *, expected: str = "UTF-8 text") -> str:
    """The UTF-8 text of a file's contents, with or without a byte-order mark.

    Args:
        data: The contents.
        path: Of the file, for messages.
        expected: What is read, as messages tell it.

    Raises:
        InputError: It is not UTF-8; the message says what it is instead, or names the line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        check_kind(data, path, expected)
        if b"\0" in data:
            raise InputError(f"{path} is a binary file, expected {expected}; check the path.") from error
        number = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {number} is not UTF-8 text; convert the file to UTF-8.") from error
    if "\0" in text:  # nothing that people call text has one, but an archive of text has
        check_kind(data, path, expected)
    return text


def check_kind(data: bytes, path: Path, expected: str) -> None:
    """Refuse the contents of a file that are of a known kind which is no text.

    Args:
        data: How the file begins, or all of it.
        path: Of the file, for messages.
        expected: What is read, as messages tell it.

    Raises:
        InputError: They are; the message says of which kind and how to get at the text.
    """
    start, mark = _TAR
    known = [(what, do) for begin, what, do in _KINDS if data.startswith(begin)]
    if data[start : start + len(mark)] == mark:
        known = [("a tar archive", "unpack it with tar xf")]
    if known:
        what, do = known[0]
        raise InputError(f"{path} is {what}, expected {expected}; {do}.")


def parse_json(data: bytes | str) -> Any:
    """A JSON value with finite numbers, integers of 64 bits, whole characters and bounded depth.

    Raises:
        ValueError: It is not of that kind; the message says in a few words why.
    """
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    try:
        # A function for every integer costs more than all else; hardly a file has one that needs a look.
        whole = _integer if _LONG_NUMBER.search(text) else int
        value = json.loads(text, parse_int=whole, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError(f"nested more than {_DEEPEST} deep") from None
    # Text with few brackets cannot be deep, so that most lines of a journal are not walked through.
    if text.count("[") + text.count("{") > _DEEPEST:
        _check_depth(value, _DEEPEST - 1)
    if "\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError("half a surrogate pair, which no text can hold")
    return value


def read_yaml(path: Path, kind: str) -> Any:
    """The value of a YAML file that a person wrote; None for an empty one.

    Args:
        path: The file.
        kind: What it is called in messages, such as "the study"; may be empty.

    Raises:
        InputError: It is not there, too large, not UTF-8, or not YAML of the kind that `parse_yaml` takes.
    """
    name = f"{kind} {path}".strip()
    text = read_text(path, most=_MOST_YAML_BYTES)
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise InputError(f"{name} is not valid YAML ({error}); correct it.") from error


def parse_yaml(text: str) -> Any:
    """A YAML document of plain values: mappings, lists, text, finite numbers, true, false and null.

    Raises:
        ValueError: It is something else; the message says in a few words what and on which line.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a SafeLoader with less in it
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{error.problem or error.context}{line}") from None
    except yaml.YAMLError as error:
        raise ValueError(str(error).split("\n")[0]) from None


class _PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader without aliases, tags, dates and merge keys, and with a bound on depth."""

    _depth = 0
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own declaration
        first: [pair for pair in pairs if pair[0].rpartition(":")[2] in ("int", "float", "null")]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._refuse(f"found the alias *{shortened(str(event.anchor), 40)}, which is not taken", event)
        if getattr(event, "tag", None) is not None:
            self._refuse(f"found the tag {shortened(event.tag, 60)}, which is not taken", event)
        if self._depth >= _DEEPEST:
            self._refuse(f"nested more than {_DEEPEST} deep", event)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            self._refuse("found a key twice", node)
        return mapping

    def number(self, node: Any) -> Any:
        """An integer or a float that is finite; base 60 and octal are as in PyYAML."""
        whole = node.tag.endswith(":int")
        read = self.construct_yaml_int if whole else self.construct_yaml_float
        try:
            value = read(node) if len(node.value) <= _LONGEST_NUMBER else math.inf
        except ValueError:
            value = math.inf
        if not abs(value) < (2**63 if whole else math.inf):
            self._refuse(f"the number {shortened(node.value, 30)} is too large, or none", node)
        return value

    def _refuse(self, problem: str, place: Any) -> None:
        raise yaml.constructor.ConstructorError(None, None, problem, place.start_mark)


# Only these are truth values, as in YAML 1.2: `target: no` is Norwegian. Where a truth value is expected, "no" is one.
_TRUTH = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", _TRUTH, list("tTfF"))
# PyYAML wants a point in the first part of 1e-3 and a sign in the second.
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+\Z"), list("-+0123456789")
)
for _kind in ("int", "float"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _PlainLoader.number)


def _integer(text: str) -> int:
    value = int(text) if len(text) <= 20 else 2**63
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"the integer {shortened(text, 30)} has more than 64 bits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {shortened(text, 30)} is not finite")
    return value


def _check_depth(value: Any, left: int) -> None:
    if left < 0:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not _CONTAINERS.isdisjoint(map(type, inner)):
        for each in inner:
            _check_depth(each, left - 1)


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
