"""A vocabulary in the formats of other runtimes: Hugging Face's `tokenizer.json`, fields of a GGUF file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foretell.tasks.language_model.vocabulary import BYTES, ByteVocabulary, PieceVocabulary, TextVocabulary
from foretell.tasks.vocabulary import BOS, EOS, PAD, UNK

__all__ = ["Tokenizer", "exported_tokenizer", "numbered_tokenizer"]

_MARKS = {BOS: "<s>", PAD: "<pad>", EOS: "</s>", UNK: "<unk>"}
_SPACE = "▁"
_NEVER_READ = -1e6
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
"""Types of pieces as GGUF numbers them."""


@dataclass(frozen=True)
class Tokenizer:
    """What other runtimes are told of a vocabulary.

    Attributes:
        files: Hugging Face's files by name.
        ids: `bos_token_id`, `eos_token_id`, `pad_token_id`, where there are such.
        gguf: Fields of a GGUF file under `tokenizer.ggml`.
        never: Ids that no text holds, which are not to be written.
    """

    files: Mapping[str, str]
    ids: Mapping[str, int]
    gguf: Mapping[str, Any]
    never: tuple[int, ...] = field(default=())


def exported_tokenizer(vocabulary: TextVocabulary, *, longest: int | None = None, lowercase: bool = False) -> Tokenizer:
    """A vocabulary of foretell for other runtimes; a text begins with an end mark, as in training.

    Args:
        vocabulary: The pieces.
        longest: Of texts that are classified, so many tokens are read; their white space is normalised and their
            first word cut as if a space were before it. None: texts are read as they are.
        lowercase: Those texts are read in lower case.
    """
    pieces, scores, types, unigram = _read(vocabulary)
    described = _tokenizer_json(_unigram(pieces, scores) if unigram else _merging(pieces, scores, types))
    if isinstance(vocabulary, ByteVocabulary):
        described = _without_spaces(described)
    length = {} if longest is None else {"model_max_length": longest}
    if longest is not None:
        described = _cut(described, longest, lowercase)
    marks = {"bos_token": _MARKS[EOS], "eos_token": _MARKS[EOS], "pad_token": _MARKS[PAD], "unk_token": _MARKS[UNK]}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **marks,
        **length,
        "clean_up_tokenization_spaces": False,
        "split_special_tokens": True,
    }
    ids = {"bos_token_id": EOS, "eos_token_id": EOS, "pad_token_id": PAD}
    files = {
        "tokenizer.json": json.dumps(described, ensure_ascii=False),
        "tokenizer_config.json": json.dumps(settings, indent=2),
    }
    return Tokenizer(files, ids, _gguf(vocabulary, pieces, scores, types, unigram), (BOS, PAD, UNK))


def numbered_tokenizer(size: int) -> Tokenizer:
    """So many pieces that no text is read with: for GGUF files whose tokens are given by their numbers."""
    pieces = [_MARKS.get(number, f"piece{number}") for number in range(size)]
    types = [_UNKNOWN if number == UNK else _CONTROL if number in _MARKS else _NORMAL for number in range(size)]
    return Tokenizer({}, {}, _fields("llama", pieces, [0.0] * size, types))


def _gguf(
    vocabulary: TextVocabulary, pieces: list[str], scores: list[float], types: list[int], unigram: bool
) -> dict[str, Any]:
    # llama.cpp writes spaces as this mark before it reads, so where there are but bytes the space's byte is the mark.
    spaced = {UNK + 1 + ord(" "): _SPACE} if isinstance(vocabulary, ByteVocabulary) else {}
    tokens = [spaced.get(number, piece) for number, piece in enumerate(pieces)]
    kinds = [_NORMAL if number in spaced else kind for number, kind in enumerate(types)]
    return _fields("t5" if unigram else "llama", tokens, scores, kinds)


def _fields(model: str, tokens: list[str], scores: list[float], types: list[int]) -> dict[str, Any]:
    return {
        "model": model,
        "tokens": tokens,
        "scores": scores,
        "token_type": types,
        "bos_token_id": EOS,
        "eos_token_id": EOS,
        "unknown_token_id": UNK,
        "padding_token_id": PAD,
        "add_bos_token": True,
        "add_eos_token": False,
        "add_space_prefix": False,
        "remove_extra_whitespaces": False,
    }


def _read(vocabulary: TextVocabulary) -> tuple[list[str], list[float], list[int], bool]:
    """Pieces, their scores and types, and whether they are of SentencePiece's unigram model."""
    if isinstance(vocabulary, ByteVocabulary):
        pieces = [_MARKS[mark] for mark in range(UNK + 1)] + [f"<0x{byte:02X}>" for byte in range(256)]
        types = [_CONTROL, _CONTROL, _CONTROL, _UNKNOWN, *[_BYTE] * 256]
        return pieces, [0.0] * BYTES, types, False
    assert isinstance(vocabulary, PieceVocabulary)  # noqa: S101 - there are no others
    model = vocabulary.processor
    every = range(vocabulary.size)
    types = [
        _UNKNOWN if model.is_unknown(i) else _CONTROL if model.is_control(i) else _BYTE if model.is_byte(i) else _NORMAL
        for i in every
    ]
    scores = [float(model.get_score(i)) for i in every]
    # Byte pair encoding scores the n-th merge -n; probabilities of a unigram model are no whole numbers.
    normal = [score for score, kind in zip(scores, types, strict=True) if kind == _NORMAL]
    unigram = any(score != round(score) for score in normal)
    return [model.id_to_piece(i) for i in every], scores, types, unigram


def _merging(pieces: list[str], scores: list[float], types: list[int]) -> dict[str, Any]:
    ids = {piece: number for number, piece in enumerate(pieces)}
    normal = {piece for piece, kind in zip(pieces, types, strict=True) if kind == _NORMAL}
    ranked = sorted((piece for piece in normal if len(piece) > 1), key=lambda piece: -scores[ids[piece]])
    cut = ((piece[:i], piece[i:]) for piece in ranked for i in range(1, len(piece)))
    merges = [[left, right] for left, right in cut if left in normal and right in normal]
    return {"type": "BPE", "unk_token": _MARKS[UNK], "byte_fallback": True, "vocab": ids, "merges": merges}


def _unigram(pieces: list[str], scores: list[float]) -> dict[str, Any]:
    # As SentencePiece does, marks are never read from text: no other spelling is as unlikely.
    rare = [_NEVER_READ if number <= UNK else score for number, score in enumerate(scores)]
    vocabulary = [list(pair) for pair in zip(pieces, rare, strict=True)]
    return {"type": "Unigram", "unk_id": UNK, "byte_fallback": True, "vocab": vocabulary}


def _tokenizer_json(model: dict[str, Any]) -> dict[str, Any]:
    same = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    start = {"SpecialToken": {"id": _MARKS[EOS], "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, "content": content, **same} for number, content in _MARKS.items()],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [start, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {_MARKS[EOS]: {"id": _MARKS[EOS], "ids": [EOS], "tokens": [_MARKS[EOS]]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": model,
    }


def _cut(described: dict[str, Any], longest: int, lowercase: bool) -> dict[str, Any]:
    """The same for texts that are normalised (`foretell.tasks.cleaning`) and of which the beginning is read."""
    steps = [
        {"type": "NFC"},
        {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
        {"type": "Strip", "strip_left": True, "strip_right": True},
        *([{"type": "Lowercase"}] if lowercase else []),
        *([] if described["normalizer"] is None else [{"type": "Prepend", "prepend": _SPACE}, described["normalizer"]]),
    ]
    cut = {"direction": "Right", "max_length": longest, "strategy": "LongestFirst", "stride": 0}
    return {**described, "truncation": cut, "normalizer": {"type": "Sequence", "normalizers": steps}}


def _without_spaces(described: dict[str, Any]) -> dict[str, Any]:
    """The same where the space is a byte like any other."""
    decoders = [step for step in described["decoder"]["decoders"] if step["type"] != "Replace"]
    return {**described, "normalizer": None, "decoder": {"type": "Sequence", "decoders": decoders}}
