"""Train, validation and test documents that share no group and no near-copy."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from foretell.errors import InputError
from foretell.tasks.cleaning import near_copy_key
from foretell.tasks.language_model.documents import Document

__all__ = ["TextSplits", "deduplicate", "split_documents"]

_FEWEST = 3
_PARTS = 100  # of a text that is alone, so that what is held out comes from several places
_LARGEST_SHARE = 10  # neither validation nor test asks for more than a tenth of the text


class TextSplits(NamedTuple):
    """Texts of the three splits."""

    train: list[str]
    valid: list[str]
    test: list[str]


def deduplicate(documents: Sequence[Document]) -> list[Document]:
    """Each text once, the first of its near-copies, in order: case, punctuation and numbers do not count."""
    first: dict[bytes, Document] = {}
    for document in documents:
        first.setdefault(hashlib.sha256(near_copy_key(document.text).encode("utf-8", "replace")).digest(), document)
    return list(first.values())


def split_documents(
    documents: Sequence[Document], train_bytes: int | None, valid_bytes: int, test_bytes: int, seed: int
) -> TextSplits:
    """Hold out whole groups, in a seeded order: first for test, then for validation; the rest is learnt from.

    Of the held-out groups whole documents are taken until there is as much text as is wanted; the last one is cut at
    the end of a line. Where all documents are of one group, each is its own; one or two long ones are cut into parts.

    Args:
        documents: Without near-copies.
        train_bytes: Most text to learn from; None keeps all.
        valid_bytes: Validation text wanted, at most a tenth of all.
        test_bytes: Test text wanted, at most a tenth of all.
        seed: Of the order.

    Raises:
        InputError: There are fewer than three documents, or nothing is left to learn from.
    """
    documents = documents if len(documents) >= _FEWEST else [part for each in documents for part in _parts(each)]
    if len(documents) < _FEWEST:
        raise InputError(
            f"the text is {len(documents)} document{'s' * (len(documents) > 1)} after near-copies are dropped, and has "
            f"no lines to cut at; at least {_FEWEST} are needed, so that validation and test have their own: give more "
            "files, or one text a line as JSON lines."
        )
    names = [document.group for document in documents]
    if len(set(names)) < _FEWEST:
        names = [str(number) for number in range(len(documents))]
    groups: dict[str, list[str]] = {}
    for name, document in zip(names, documents, strict=True):
        groups.setdefault(name, []).append(document.text)
    order = np.random.default_rng(seed).permutation(len(groups))
    waiting = [groups[sorted(groups)[place]] for place in order]
    most = sum(len(document.text.encode("utf-8", "replace")) for document in documents) // _LARGEST_SHARE
    test = _taken(waiting, min(test_bytes, most))
    valid = _taken(waiting, min(valid_bytes, most))
    train = _taken(waiting, train_bytes, cut=False)
    if not (train and valid and test):
        raise InputError("no text is left to learn from after validation and test have theirs; give more documents.")
    return TextSplits(train, valid, test)


def _parts(document: Document) -> list[Document]:
    """A long text in parts, each a group: at the first empty line, at the latest at twice the size, between lines."""
    size, parts, lines, length = len(document.text) // _PARTS, [], [], 0
    for line in document.text.splitlines(keepends=True):
        lines.append(line)
        length += len(line)
        if length >= 2 * size or (length >= size and not line.strip()):
            parts.append("".join(lines))
            lines, length = [], 0
    parts += ["".join(lines)] if lines else []
    return [Document(f"{document.group}:{number:04d}", text) for number, text in enumerate(parts) if text.strip()]


def _taken(waiting: list[list[str]], wanted: int | None, *, cut: bool = True) -> list[str]:
    """Documents of the next groups until there is enough text; whole groups leave the line."""
    found: list[str] = []
    size = 0
    while waiting and (wanted is None or size < wanted):
        for text in waiting.pop(0):
            if wanted is not None and size >= wanted:
                break
            room = None if wanted is None or not cut else wanted - size
            found.append(text if room is None or len(text.encode("utf-8", "replace")) <= room else _head(text, room))
            size += len(found[-1].encode("utf-8", "replace"))
            if room is not None and len(found[-1]) < len(text):
                return found
    return found


def _head(text: str, size: int) -> str:
    """About the first so many bytes, to the end of a line where there is one."""
    head = text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")
    return head[: head.rfind("\n") + 1] or head or text[:1]
