"""Text to pieces and back without loss: SentencePiece with bytes to fall back on, or bytes alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from foretell.errors import InputError
from foretell.tasks.vocabulary import EOS, UNK, Vocabulary, train_pieces

__all__ = ["BYTES", "ByteVocabulary", "PieceVocabulary", "TextVocabulary", "load_vocabulary", "train_vocabulary"]

_FIRST_BYTE = UNK + 1
BYTES = _FIRST_BYTE + 256
"""Pieces of a byte vocabulary."""
_FEWEST = BYTES + 16
"""Pieces of a SentencePiece vocabulary: all bytes, the marks, and some room."""
_SAMPLE = 2_000_000  # bytes of text; more teach a vocabulary of this size nothing and take minutes


class TextVocabulary(Protocol):
    """Text to token ids and back."""

    @property
    def size(self) -> int:
        """Number of pieces."""
        ...

    @property
    def fingerprint(self) -> str:
        """Names the pieces."""
        ...

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without marks."""
        ...

    def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Texts of token ids, up to the first end mark."""
        ...

    def save(self, path: Path) -> None:
        """Write it, atomically."""
        ...


class ByteVocabulary:
    """A piece for each byte."""

    size = BYTES
    fingerprint = "bytes-0000000001"

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """The UTF-8 bytes of each text."""
        return [[_FIRST_BYTE + byte for byte in text.encode("utf-8", "replace")] for text in sentences]

    def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Texts, with a replacement for bytes that are no UTF-8."""
        found = []
        for tokens in sequences:
            ids = list(tokens)
            spoken = ids[: ids.index(EOS)] if EOS in ids else ids
            data = bytes(token - _FIRST_BYTE for token in spoken if token >= _FIRST_BYTE)
            found.append(data.decode("utf-8", "replace"))
        return found

    def save(self, path: Path) -> None:
        """Write that it is bytes."""
        from foretell.records import write_atomic

        write_atomic(path, _BYTE_FILE)


_BYTE_FILE = b"bytes\n"


class PieceVocabulary(Vocabulary):
    """SentencePiece on text as it is: white space counts, and what has no piece is spelled in bytes."""

    @property
    def processor(self) -> Any:
        """SentencePiece's own object, for whoever writes the pieces in another format."""
        return self._processor

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without marks."""
        ids: list[list[int]] = self._processor.encode([text.encode("utf-8", "replace").decode() for text in sentences])
        return ids


def load_vocabulary(path: Path) -> TextVocabulary:
    """Read what `save` wrote.

    Raises:
        InputError: There is no such file.
        IntegrityError: It is no vocabulary.
    """
    if path.is_file() and path.read_bytes() == _BYTE_FILE:
        return ByteVocabulary()
    return PieceVocabulary.load(path)


def train_vocabulary(
    texts: Sequence[str], size: int, kind: Literal["bpe", "unigram", "bytes"], *, code: bool, **more: Any
) -> TextVocabulary:
    """Learn a vocabulary from the training split only; the same texts and settings give the same one.

    Args:
        texts: Of the training split.
        size: Pieces wanted, marks and bytes included.
        kind: "bytes" learns nothing. A text too small for so many pieces gives as many as it has.
        code: Digits one by one, and runs of white space as pieces.
        more: Further options of SentencePiece, which go before ours.

    Raises:
        InputError: `size` is too small to spell any text.
    """
    if kind == "bytes":
        return ByteVocabulary()
    if size < _FEWEST:
        raise InputError(
            f"a vocabulary of {size} pieces cannot hold all bytes and some words; give at least {_FEWEST}, or choose "
            "pieces: bytes."
        )
    options: dict[str, Any] = {"split_digits": True, "allow_whitespace_only_pieces": True} if code else {}
    model = train_pieces(
        _sample(texts),
        size,
        kind,
        _refused,
        **{
            "byte_fallback": True,
            "remove_extra_whitespaces": False,
            "add_dummy_prefix": False,
            "character_coverage": 0.9995,
            "hard_vocab_limit": False,
            "max_sentence_length": 1 << 20,
            **options,
            **more,
        },
    )
    return PieceVocabulary(model)


def _refused(message: str, size: int) -> InputError:
    least = re.search(r"smaller than required.*?\d+ vs (\d+)", message)
    if least:
        return InputError(
            f"a vocabulary of {size} pieces cannot hold all bytes and the text's alphabet, {least[1]} are needed; "
            "raise the study's vocabulary."
        )
    return InputError(
        f"the text does not give a vocabulary of {size} pieces; lower the study's vocabulary or give more text."
    )


def _sample(texts: Sequence[str]) -> Iterable[str]:
    """Lines with their ends, of texts that are spread evenly."""
    total = sum(map(len, texts))
    stride = -(-total // _SAMPLE)
    for text in texts[::stride]:
        yield from (line for line in text.splitlines(keepends=True) if line)
