"""How long sentences may be, and whether enough of them are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from foretell.errors import InputError
from foretell.tasks.cleaning import GroupedPair, word_count

__all__ = ["FEWEST_PAIRS", "MOST_WORDS", "check_enough", "fitted_words"]

FEWEST_PAIRS = 20
MOST_WORDS = 200
"""Words of a side of which the attention maps fit any machine, although a vocabulary cuts each into four pieces."""
_LEAST_WORDS = 12
_QUANTILE = 0.99
_REMEDIES = {
    "too long": "raise max_words",
    "too short": "lower min_words",
    "equal sides": "check that the files are of two languages",
    "empty": "fill the empty lines or leave both sides of them out",
    "length ratio": "check that the lines of both sides belong together",
}


def fitted_words(pairs: Sequence[GroupedPair]) -> int:
    """The most words a side may have so that about one pair in a hundred is too long, between 12 and 200."""
    if not pairs:
        return MOST_WORDS
    longest = [max(word_count(pair.source), word_count(pair.target)) for pair in pairs]
    return int(np.clip(np.quantile(longest, _QUANTILE, method="higher"), _LEAST_WORDS, MOST_WORDS))


def check_enough(left: int, found: int, dropped: Mapping[str, int]) -> None:
    """Refuse a corpus of which cleaning left too little, with the reasons and what helps against the first.

    Args:
        left: Distinct sources left.
        found: Pairs found.
        dropped: Pairs dropped, by reason.

    Raises:
        InputError: Fewer than 20 are left.
    """
    if left >= FEWEST_PAIRS or not dropped:
        return
    ranked = sorted(dropped, key=lambda reason: -dropped[reason])
    reasons = ", ".join(f"{reason}: {dropped[reason]}" for reason in ranked)
    raise InputError(
        f"the corpus has {left} usable sentence pairs after cleaning of {found}, at least {FEWEST_PAIRS} are "
        f"needed (dropped as {reasons}); {_REMEDIES[ranked[0]]}, or give more text."
    )
