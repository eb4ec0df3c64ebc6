"""How good translations are: sacreBLEU's scores, each with the signature that makes it comparable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foretell.errors import InputError
from foretell.tasks.translation.languages import tokenizer_of

__all__ = ["Score", "all_scores", "bleu", "chrf", "ter"]


@dataclass(frozen=True)
class Score:
    """A corpus score.

    Attributes:
        name: "bleu", "chrf" or "ter".
        value: 0 to 100; TER can be above.
        signature: sacreBLEU's: equal signatures, comparable values.
        higher_is_better: False for TER, an error rate.
    """

    name: str
    value: float
    signature: str
    higher_is_better: bool = True


def bleu(hypotheses: Sequence[str], references: Sequence[str], language: str = "") -> Score:
    """Corpus BLEU-4 of detokenised text.

    Args:
        hypotheses: Translations.
        references: One reference for each.
        language: Tag of the target language, in any spelling; its script chooses the tokenizer.

    Raises:
        InputError: There are none, or not as many of both, or no such language is known.
    """
    from sacrebleu.metrics.bleu import BLEU

    return _score("bleu", BLEU(tokenize=tokenizer_of(language), force=True), hypotheses, references)


def chrf(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Corpus chrF2: F-score of character n-grams.

    Raises:
        InputError: There are none, or not as many of both.
    """
    from sacrebleu.metrics.chrf import CHRF

    return _score("chrf", CHRF(), hypotheses, references)


def ter(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """Corpus translation edit rate; lower is better.

    Raises:
        InputError: There are none, or not as many of both.
    """
    from sacrebleu.metrics.ter import TER

    return _score("ter", TER(), hypotheses, references, higher_is_better=False)


def all_scores(hypotheses: Sequence[str], references: Sequence[str], language: str = "") -> list[Score]:
    """BLEU, chrF and TER."""
    return [
        bleu(hypotheses, references, language),
        chrf(hypotheses, references),
        ter(hypotheses, references),
    ]


def _score(
    name: str, metric: Any, hypotheses: Sequence[str], references: Sequence[str], *, higher_is_better: bool = True
) -> Score:
    if not hypotheses or len(hypotheses) != len(references):
        raise InputError(
            f"{len(hypotheses)} translations and {len(references)} references were given, expected at least one "
            "and as many of both; align them."
        )
    value = metric.corpus_score(list(hypotheses), [list(references)]).score
    return Score(name, float(value), str(metric.get_signature()), higher_is_better)
