"""The pieces of a BERT-shaped encoder, as many as a text needs, numbered as every network here reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foretell.errors import InputError, IntegrityError
from foretell.parsing import parse_json, read_text
from foretell.tasks.language_model.pretrained import PretrainedTokenizer
from foretell.tasks.language_model.tokenizers import Tokenizer
from foretell.tasks.vocabulary import BOS, EOS, PAD, UNK

__all__ = ["WordPieces"]

_SEPARATOR = UNK + 1
_MARKS = {BOS: "[MASK]", PAD: "[PAD]", EOS: "[CLS]", UNK: "[UNK]", _SEPARATOR: "[SEP]"}
_CONTINUES = "##"


class WordPieces(PretrainedTokenizer):
    """Text to token ids; `[CLS]` is the mark that begins every text (`EOS`), `[SEP]` the one that ends it.

    Args:
        described: What `tokenizer.json` says, with the marks in foretell's places.
    """

    closing = (_SEPARATOR,)
    """What ends every text."""

    def __init__(self, described: dict[str, Any]) -> None:
        super().__init__(described, {}, {"bos_token_id": EOS, "eos_token_id": _SEPARATOR, "pad_token_id": PAD})

    @classmethod
    def of(cls, tokenizer: PretrainedTokenizer, texts: Sequence[str]) -> tuple[WordPieces, list[int]]:
        """The pieces that texts are cut into, and single characters of those.

        WordPiece takes the longest piece that fits: what these texts are cut into stays what it was. Other texts are
        cut into what is left, which the characters are for.

        Args:
            tokenizer: The encoder's.
            texts: Training texts.

        Returns:
            The pieces, and the number that each had.

        Raises:
            InputError: It is no WordPiece tokenizer, or lacks a mark.
        """
        model = tokenizer.described.get("model") or {}
        if model.get("type") != "WordPiece":
            raise InputError(
                f"the tokenizer is of the kind {model.get('type')!r}; foretell reads WordPiece of encoders: choose "
                "another model."
            )
        number: dict[str, int] = model["vocab"]
        missing = [mark for place, mark in _MARKS.items() if mark not in number and place != BOS]
        if missing:
            raise InputError(f"the tokenizer has no piece {', '.join(missing)}; choose another model.")
        used = set().union(*tokenizer.encode(texts))
        characters = set().union(*(_plain(piece) for piece, old in number.items() if old in used))
        kept = [
            piece
            for piece, old in sorted(number.items(), key=lambda item: item[1])
            if piece not in _MARKS.values() and (old in used or _plain(piece) in characters)
        ]
        pieces = [*_MARKS.values(), *kept]
        vocabulary = {piece: new for new, piece in enumerate(pieces)}
        first, last = ({"SpecialToken": {"id": _MARKS[place], "type_id": 0}} for place in (EOS, _SEPARATOR))
        single = [first, {"Sequence": {"id": "A", "type_id": 0}}, last]
        described = {
            **tokenizer.described,
            "model": {**model, "vocab": vocabulary, "unk_token": _MARKS[UNK]},
            "added_tokens": [
                {"id": place, "content": mark, "special": True, **_AS_IT_IS} for place, mark in _MARKS.items()
            ],
            "truncation": None,
            "padding": None,
            "post_processor": {
                "type": "TemplateProcessing",
                "single": single,
                "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, last],
                "special_tokens": {
                    _MARKS[place]: {"id": _MARKS[place], "ids": [place], "tokens": [_MARKS[place]]}
                    for place in (EOS, _SEPARATOR)
                },
            },
        }
        return cls(described), [number.get(piece, number[_MARKS[UNK]]) for piece in pieces]

    @classmethod
    def load(cls, path: Path) -> WordPieces:
        """Read what `save` wrote.

        Raises:
            InputError: There is no such file, or what reads it is not installed.
            IntegrityError: It is damaged.
        """
        try:
            described = parse_json(read_text(path))
            if any(described["model"]["vocab"].get(mark) != place for place, mark in _MARKS.items()):
                raise ValueError("its marks are not where foretell puts them")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{path} holds no word pieces ({error}); restore it.") from error
        return cls(described)

    def cut_to(self, longest: int) -> Tokenizer:
        """For other runtimes, texts cut to so many tokens."""
        cut = {"direction": "Right", "max_length": longest, "strategy": "LongestFirst", "stride": 0}
        names = {"cls": EOS, "sep": _SEPARATOR, "pad": PAD, "unk": UNK, "mask": BOS}
        settings = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": longest,
            **{f"{name}_token": _MARKS[place] for name, place in names.items()},
        }
        files = {
            "tokenizer.json": json.dumps({**self.described, "truncation": cut}, ensure_ascii=False),
            "tokenizer_config.json": json.dumps(settings, indent=2),
        }
        return Tokenizer(files, self.ids, {})


_AS_IT_IS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


def _plain(piece: str) -> str:
    return piece.removeprefix(_CONTINUES)
