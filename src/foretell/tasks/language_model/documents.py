"""Documents from the user's files and folders, and from the Python sources inside Home Assistant's wheel."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from foretell.archives import PACKED, open_archive, read_member, read_packed_text
from foretell.errors import InputError, IntegrityError
from foretell.parsing import parse_json

__all__ = ["Document", "contents_sha256", "each_text_once", "read_files", "read_python_sources"]

_MOST_BYTES = 1 << 30  # of one file
_MOST_MEMBER = 4 << 20
_MOST_IN_ALL = 512 << 20
_MEMBER = re.compile(r"homeassistant/(?:components/(?P<component>[^/]+)/|(?P<top>[^/]+)).*\.py")


class Document(NamedTuple):
    """A text and the group (folder, component) that it must not be parted from."""

    group: str
    text: str


def read_files(paths: Sequence[Path], field: str) -> list[Document]:
    """The documents of files and folders, in a fixed order.

    A folder's documents are all files below it that are UTF-8 text; those directly in one folder are a group. A file
    that is named must be text. Each line of a `.jsonl` file is a document, and a group of its own. Files with a name in
    `.gz`, `.bz2` or `.xz` are unpacked.

    Raises:
        InputError: A path that does not exist, is empty, binary or not UTF-8, or a line without the field.
    """
    found: list[Document] = []
    for path in paths:
        if path.is_dir():
            found += _folder(path)
        elif ".jsonl" in (path.suffix, path.with_suffix("").suffix if path.suffix in PACKED else ""):
            found += _lines(path, field)
        else:
            found.append(Document(str(path), _text(path)))
    return found


def _text(path: Path) -> str:
    text = read_packed_text(path, most=_MOST_BYTES).replace("\r\n", "\n")
    if "\0" in text:
        raise InputError(f"{path} is a binary file; expected UTF-8 text.")
    if not text.strip():
        raise InputError(f"{path} is empty; expected text.")
    return text


def _folder(path: Path) -> list[Document]:
    found, refused = [], []
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        try:
            text = "" if hidden else _text(file)
        except (InputError, IntegrityError) as error:  # pictures and other things that lie beside text
            refused.append(error)
            continue
        if text:
            found.append(Document(str(file.parent), text))
    if not found:
        first = f": {refused[0]}" if refused else "; check the path."
        raise InputError(f"no file below {path} is UTF-8 text{first}")
    return found


def _lines(path: Path, field: str) -> list[Document]:
    found = []
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number} is not JSON ({error}); correct it.") from None
        text = value.get(field) if isinstance(value, dict) else None
        if not isinstance(text, str):
            known = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
            raise InputError(f"{path}, line {number} has no text in the field {field!r} ({known}); name its field.")
        if text.strip():
            found.append(Document(f"{path}:{number}", text))
    return found


def read_python_sources(wheel: Path) -> list[Document]:
    """Home Assistant's Python sources, read where they are; tests are not in the wheel.

    Raises:
        IntegrityError: The wheel holds none, or a member is damaged or unreasonably large.
    """
    found = sorted(_sources(wheel))
    if not found:
        raise IntegrityError(f"{wheel} holds no Python sources; give a wheel of Home Assistant.")
    return [Document(group, text) for group, _, text in found]


def _sources(wheel: Path) -> Iterator[tuple[str, str, str]]:
    total = 0
    with open_archive(wheel) as archive:
        for info in archive.infolist():
            match = _MEMBER.fullmatch(info.filename)
            if match is None or "/tests/" in info.filename:
                continue
            data = read_member(archive, info, _MOST_MEMBER)
            total += len(data)
            if total > _MOST_IN_ALL:
                raise IntegrityError(f"{wheel} unpacks to over {_MOST_IN_ALL >> 20} MB; refused.")
            text = data.decode("utf-8", errors="replace")
            if text.strip():
                yield match["component"] or match["top"], info.filename, text


def each_text_once(messages: Mapping[str, Mapping[str, str]]) -> list[Document]:
    """A document a component; what several say alike is in the first alone, so that no split knows another's."""
    said: set[str] = set()
    documents = []
    for component, texts in messages.items():
        new = [text for text in dict.fromkeys(texts.values()) if text not in said]
        said.update(new)
        if new:
            documents.append(Document(component, "".join(f"{text}\n" for text in new)))
    return documents


def contents_sha256(documents: Sequence[Document]) -> str:
    """One hash for groups and texts, in order."""
    digest = hashlib.sha256()
    for document in documents:
        for part in document:
            data = part.encode("utf-8", errors="surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
