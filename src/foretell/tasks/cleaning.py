"""What a sentence pair must be to train on: the same text always cleans to the same text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

__all__ = ["GroupedPair", "Pair", "clean", "near_copy_key", "normalise", "normalise_pairs", "word_count"]

Pair = tuple[str, str]

# Control characters that are not white space, invisible format characters, and halves of surrogate pairs
# (JSON can hold them, UTF-8 files cannot).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
# Written without spaces: Thai, Lao, Japanese, Chinese.
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
# The letters without their signs of Tibetan, Burmese, Khmer, Tai Lue, Tai Tham, Balinese, Yi, Javanese, Shan, Tai Viet.
_UNSPACED_LETTERS = re.compile(
    "[\u0f40-\u0f6c\u1000-\u102a\u103f\u1050-\u1055\u1780-\u17b3\u1950-\u19ab\u1a20-\u1a54\u1b05-\u1b33"
    "\ua000-\ua48c\ua984-\ua9b2\uaa60-\uaa76\uaa80-\uaaaf]"
)
_DIGITS = re.compile(r"\d+")
_NOT_WORD = re.compile(r"[\W_]+")
_SLACK_WORDS = 3
_MAX_RATIO = 3.0


class GroupedPair(NamedTuple):
    """A sentence pair and the group (component, document, block of lines) that it must not be parted from."""

    group: str
    source: str
    target: str


def normalise(text: str) -> str:
    """NFC, without control and invisible characters, every run of white space one space; idempotent."""
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).split())


def word_count(text: str) -> int:
    """Words by white space; scripts written without spaces count one word every two characters."""
    return len(text.split()) + (len(_UNSPACED.findall(text)) + len(_UNSPACED_LETTERS.findall(text))) // 2


def near_copy_key(text: str) -> str:
    """What is left of a text without case, punctuation and the values of numbers.

    Two texts with one key are near-copies ("Zone 1 (left)" and "zone 2, left").
    """
    spaced = _NOT_WORD.sub(_separator, _DIGITS.sub("0", text.casefold())).strip()
    return spaced or text


def _separator(between: re.Match[str]) -> str:
    """A space for what stands between words; vowel signs and other marks on the letter before stay with it."""
    run = between[0]
    if run.isascii():
        return " "
    marks = "".join(takewhile(lambda sign: unicodedata.category(sign).startswith("M"), run))
    return marks if len(marks) == len(run) else f"{marks} "


def normalise_pairs(pairs: Iterable[GroupedPair]) -> list[GroupedPair]:
    """Both sides of every pair through `normalise`, pairs with an empty side dropped."""
    normal = (GroupedPair(g, normalise(source), normalise(target)) for g, source, target in pairs)
    return [pair for pair in normal if pair.source and pair.target]


def clean(
    pairs: Iterable[GroupedPair], min_words: int = 1, max_words: int | None = None
) -> tuple[list[GroupedPair], dict[str, int]]:
    """Keep the pairs that can be learnt from.

    Args:
        pairs: Raw pairs.
        min_words: Shortest side kept, in words.
        max_words: Longest side kept, in words; None keeps any length.

    Returns:
        The kept pairs, normalised, in order; and how many were dropped for each reason.
    """
    kept: list[GroupedPair] = []
    dropped: Counter[str] = Counter()
    for group, raw_source, raw_target in pairs:
        pair = GroupedPair(group, normalise(raw_source), normalise(raw_target))
        reason = _reason_to_drop(pair, min_words, max_words)
        if reason:
            dropped[reason] += 1
        else:
            kept.append(pair)
    return kept, dict(dropped)


def _reason_to_drop(pair: GroupedPair, min_words: int, max_words: int | None) -> str:
    if not pair.source or not pair.target:
        return "empty"
    if pair.source == pair.target:
        return "equal sides"
    words = word_count(pair.source), word_count(pair.target)
    if min(words) < min_words:
        return "too short"
    if max_words is not None and max(words) > max_words:
        return "too long"
    # The slack keeps short pairs, where one German compound stands for three English words.
    if (max(words) + _SLACK_WORDS) / (min(words) + _SLACK_WORDS) > _MAX_RATIO:
        return "length ratio"
    return ""
