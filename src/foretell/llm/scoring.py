"""Log-probability of a given text, for back ends that only report the likeliest next tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from foretell.llm.model import Decoding, LanguageModel, LanguageModelError, Request

__all__ = ["score_by_steps"]

_TOP = 50


def score_by_steps(model: LanguageModel, prefix: str, continuations: Sequence[str]) -> npt.NDArray[np.float64]:
    """Walk each continuation token by token, always taking the longest reported token that fits.

    That is how tokenizers cut text in nearly all cases. Continuations that begin alike share their calls.

    Args:
        model: Its back end must report alternatives.
        prefix: What stands before.
        continuations: Texts to score.

    Returns:
        Natural logarithms, `float64 [n]`; -inf where a token is not among the likeliest 50.

    Raises:
        LanguageModelError: The back end reports no alternatives.
    """
    known: dict[str, Mapping[str, float]] = {}

    def next_tokens(written: str) -> Mapping[str, float]:
        if written not in known:
            decoding = Decoding(max_tokens=1, top_logprobs=_TOP)
            (reply,) = model.complete([Request(prefix, written, decoding)])
            if not reply.steps:
                raise LanguageModelError(f"{model.name} reports no log-probabilities; {reply.failure or 'none came'}.")
            known[written] = reply.steps[0].top
        return known[written]

    return np.array([_walk(text, next_tokens) for text in continuations], dtype=np.float64)


def _walk(text: str, next_tokens: Callable[[str], Mapping[str, float]]) -> float:
    total, written = 0.0, ""
    while written != text:
        rest = text[len(written) :]
        top = next_tokens(written)
        fitting = [token for token in top if token and rest.startswith(token)]
        if not fitting:
            return -math.inf
        token = max(fitting, key=len)
        total += top[token]
        written += token
    return total
