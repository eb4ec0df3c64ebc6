"""Tokenizers of byte pair encoding as llama.cpp's fields have them, and as `tokenizer.json` has them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foretell.errors import InputError

__all__ = ["described_from", "fields_from"]

_SPACE = "▁"
_NORMAL, _UNKNOWN, _CONTROL, _DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
"""Types of pieces as GGUF numbers them."""

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}


def _split(regex: str) -> dict[str, Any]:
    cut = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [cut, {**_BYTES, "use_regex": False}]}


_CUTS: dict[str, dict[str, Any]] = {
    "gpt-2": {**_BYTES, "use_regex": True},
    "smollm": {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, {**_BYTES, "use_regex": True}],
    },
    "qwen2": _split(_WORDS + r"\p{N}" + _REST),
    "llama-bpe": _split(_WORDS + r"\p{N}{1,3}" + _REST),
}
"""How text is cut before pieces are merged, by llama.cpp's name."""


def described_from(fields: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What `tokenizer.json` says of the tokenizer that a GGUF file holds.

    Args:
        fields: Under `tokenizer.ggml`.
        path: The file, for messages.

    Raises:
        InputError: There is none, or one of a kind that is not read.
    """
    kind, pieces = fields.get("model"), fields.get("tokens")
    if not pieces:
        raise InputError(f"{path} holds no tokenizer; give a file that does, or a Hugging Face folder.")
    types = list(fields.get("token_type") or [_NORMAL] * len(pieces))
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    marks = [
        {
            **{"id": number, "content": pieces[number], "single_word": False, "lstrip": False, "rstrip": False},
            **{"normalized": False, "special": types[number] != _DEFINED},
        }
        for number in range(len(pieces))
        if types[number] in (_CONTROL, _DEFINED, _UNKNOWN)
    ]
    whole: dict[str, Any] = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": marks}
    if kind == "gpt2" and fields.get("pre", "gpt-2") in _CUTS:
        cut = fields.get("pre", "gpt-2")
        merges = [each.split(" ", 1) for each in fields["merges"]]
        model = {"type": "BPE", "vocab": vocabulary, "merges": merges, "ignore_merges": cut == "llama-bpe"}
        parts = {"normalizer": None, "pre_tokenizer": _CUTS[cut], "decoder": {**_BYTES, "use_regex": True}}
    elif kind == "llama":
        model = _merging(list(pieces), list(fields["scores"]), types)
        parts = _spaced(bool(fields.get("add_space_prefix", True)))
    else:
        told = kind if kind != "gpt2" else f"gpt2, whose text is cut as {fields.get('pre')},"
        known = ", ".join(_CUTS)
        raise InputError(
            f"{path} holds a tokenizer of the kind {told} which is not read; expected llama, or gpt2 cut as {known}: "
            "give the model as a Hugging Face folder."
        )
    return {**whole, **parts, "post_processor": _begun(fields), "model": model}


def _begun(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Puts the mark before a text that begins one, where the model expects it."""
    if not fields.get("add_bos_token", fields.get("model") == "llama") or "bos_token_id" not in fields:
        return None
    number = int(fields["bos_token_id"])
    mark = fields["tokens"][number]
    start, text = {"SpecialToken": {"id": mark, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [start, text],
        "pair": [start, text, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {mark: {"id": mark, "ids": [number], "tokens": [mark]}},
    }


def _merging(pieces: list[str], scores: list[float], types: list[int]) -> dict[str, Any]:
    """SentencePiece's byte pair encoding: of two pieces that follow one another the best that they make is taken."""
    normal = {piece: score for piece, score, kind in zip(pieces, scores, types, strict=True) if kind == _NORMAL}
    ranked = sorted((piece for piece in normal if len(piece) > 1), key=lambda piece: -normal[piece])
    cuts = ((piece[:i], piece[i:]) for piece in ranked for i in range(1, len(piece)))
    merges = [[left, right] for left, right in cuts if left in normal and right in normal]
    unknown = next((pieces[number] for number, kind in enumerate(types) if kind == _UNKNOWN), None)
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return {"type": "BPE", "vocab": vocabulary, "merges": merges, "byte_fallback": True, "unk_token": unknown}


def _spaced(prefix: bool) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"type": "Prepend", "prepend": _SPACE}] if prefix else []
    steps.append({"type": "Replace", "pattern": {"String": " "}, "content": _SPACE})
    spelt: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    spelt += [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []
    return {
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": spelt},
    }


def fields_from(described: Mapping[str, Any], ids: Mapping[str, int], rows: int) -> dict[str, Any]:
    """A GGUF file's fields under `tokenizer.ggml` for what a `tokenizer.json` says.

    Args:
        described: The file.
        ids: `bos_token_id`, `eos_token_id`, `pad_token_id`, as far as there are such.
        rows: Of the embedding; those without a piece are named.

    Raises:
        InputError: llama.cpp has no such tokenizer, as far as foretell knows.
    """
    model = described["model"]
    if model.get("type") != "BPE":
        raise InputError(
            f"the tokenizer is of the kind {model.get('type')}; GGUF files are written of byte pair encoding: export "
            "to hf alone."
        )
    pieces, types = [f"[PAD{number}]" for number in range(rows)], [_UNUSED] * rows
    for piece, number in model["vocab"].items():
        pieces[number], types[number] = piece, _NORMAL
    for mark in described.get("added_tokens") or []:
        if mark["id"] >= rows:  # the network can neither read nor write it
            warnings.warn(
                f"the tokenizer's mark {mark['content']!r} has the number {mark['id']}, and the embedding {rows} rows; "
                "it is left out of the GGUF file.",
                stacklevel=2,
            )
            continue
        pieces[mark["id"]], types[mark["id"]] = mark["content"], _CONTROL if mark["special"] else _DEFINED
    merges = [each if isinstance(each, str) else " ".join(each) for each in model["merges"]]
    numbers = {("padding_token_id" if name == "pad_token_id" else name): number for name, number in ids.items()}
    begun = "bos_token_id" in ids and _begins(described, ids["bos_token_id"])
    common = {"tokens": pieces, "token_type": types, **numbers, "add_bos_token": begun, "add_eos_token": False}
    if model.get("byte_fallback"):
        return {"model": "llama", **common, **_sentencepiece(described, pieces, types, merges)}
    name = next((name for name, cut in _CUTS.items() if _same(described.get("pre_tokenizer"), cut)), None)
    if name is None:
        raise InputError(
            "the tokenizer cuts text in a way that foretell has no name of llama.cpp's for; export to hf alone, and "
            "convert the folder with llama.cpp's own script."
        )
    return {"model": "gpt2", "pre": name, **common, "merges": merges}


def _sentencepiece(
    described: Mapping[str, Any], pieces: list[str], types: list[int], merges: list[str]
) -> dict[str, Any]:
    """Scores that order pieces as the merges do, and what is done to spaces; types are corrected."""
    rank: dict[str, int] = {}
    for number, merge in enumerate(merges):
        rank.setdefault(merge.replace(" ", "", 1), number)
    scores = [-float(rank.get(piece, len(merges))) for piece in pieces]
    unknown = described["model"].get("unk_token")
    for number, piece in enumerate(pieces):
        if piece == unknown:
            types[number] = _UNKNOWN
        elif len(piece) == 6 and piece.startswith("<0x"):
            types[number] = _BYTE
    steps = described.get("normalizer") or {}
    prefix = any(step.get("type") == "Prepend" for step in steps.get("normalizers", [steps]))
    scheme = (described.get("pre_tokenizer") or {}).get("prepend_scheme", "never")
    return {"scores": scores, "add_space_prefix": prefix or scheme != "never"}


def _begins(described: Mapping[str, Any], bos: int) -> bool:
    """Whether texts begin with a mark."""
    steps = described.get("post_processor") or {}
    told = [step.get("special_tokens", {}) for step in steps.get("processors", [steps])]
    return any(bos in mark["ids"] for marks in told for mark in marks.values())


def _same(found: Any, cut: Mapping[str, Any]) -> bool:
    """Whether two ways to cut text are one; what only concerns places in it does not count."""
    if not isinstance(found, dict) or found.get("type") != cut["type"]:
        return False
    if cut["type"] == "Sequence":
        steps, wanted = found.get("pretokenizers", []), cut["pretokenizers"]
        return len(steps) == len(wanted) and all(map(_same, steps, wanted))
    return all(found.get(key, True) == value for key, value in cut.items() if key != "trim_offsets")
