"""An n-gram model of tokens: what a language model must beat to be of any use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["NGram"]

_Ints = NDArray[np.int64]
_DISCOUNT = 0.75


class NGram:
    """Interpolated absolute discounting (Kneser and Ney 1995, without their lower-order counts).

    Args:
        tokens: Of the training split, int [n].
        vocabulary: Number of pieces.
        order: Tokens that count together: 1 is a unigram model.
    """

    def __init__(self, tokens: NDArray[np.int32], vocabulary: int, order: int) -> None:
        self.vocabulary, self.order = vocabulary, order
        counts = np.bincount(tokens, minlength=vocabulary) + 1.0
        self.base = counts / counts.sum()
        self._tables = [self._table(tokens.astype(np.int64), length) for length in range(2, order + 1)]

    def _keys(self, tokens: _Ints, length: int) -> _Ints:
        """A number for each run of so many tokens, [n - length + 1]."""
        keys = np.zeros(len(tokens) - length + 1, dtype=np.int64)
        for offset in range(length):
            keys = keys * self.vocabulary + tokens[offset : offset + len(keys)]
        return keys

    def _table(self, tokens: _Ints, length: int) -> tuple[_Ints, _Ints, _Ints, _Ints, _Ints]:
        """Runs and how often each was seen; what begins them, how often that, and where its runs start."""
        runs, seen = np.unique(self._keys(tokens, length), return_counts=True)
        contexts, first = np.unique(runs // self.vocabulary, return_index=True)
        return runs, seen, contexts, np.add.reduceat(seen, first), np.append(first, len(runs))

    def probabilities(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        """Of each token after the first, given those before it, `[n - 1]`."""
        text = tokens.astype(np.int64)
        found = self.base[text[1:]]
        for length, (runs, seen, contexts, totals, first) in enumerate(self._tables, 2):
            keys = self._keys(text, length)
            if not len(keys):
                break
            run, known = _find(runs, keys)
            context, begun = _find(contexts, keys // self.vocabulary)
            kinds = np.diff(first)[context]
            count = np.where(known, seen[run], 0)
            lower = found[length - 2 :]
            mixed = (np.maximum(count - _DISCOUNT, 0) + _DISCOUNT * kinds * lower) / totals[context]
            found[length - 2 :] = np.where(begun, mixed, lower)
        return found

    def next(self, before: list[int]) -> NDArray[np.float64]:
        """Probabilities of the token after some others, `[vocabulary]`."""
        found = self.base.copy()
        for length, (runs, seen, contexts, totals, first) in enumerate(self._tables, 2):
            if len(before) < length - 1:
                break
            key = 0
            for token in before[len(before) - length + 1 :]:
                key = key * self.vocabulary + token
            place = int(np.searchsorted(contexts, key))
            if place == len(contexts) or contexts[place] != key:
                break
            part = slice(first[place], first[place + 1])
            found *= _DISCOUNT * (part.stop - part.start) / totals[place]
            found[runs[part] % self.vocabulary] += (seen[part] - _DISCOUNT) / totals[place]
        return found / found.sum()

    def generate(self, prompt: list[int], tokens: int, end: int, rng: np.random.Generator) -> list[int]:
        """Write on from a prompt, up to an end mark, which is not in the text."""
        text = list(prompt)
        for _ in range(tokens):
            token = int(rng.choice(self.vocabulary, p=self.next(text)))
            if token == end:
                break
            text.append(token)
        return text[len(prompt) :]


def _find(known: _Ints, wanted: _Ints) -> tuple[_Ints, NDArray[np.bool_]]:
    """Where each number stands among sorted ones, and whether it is there."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return place, known[place] == wanted
