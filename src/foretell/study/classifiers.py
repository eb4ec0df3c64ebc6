"""What a study of a space of classifiers says where its file does not: the task, sizes and recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foretell.training.recipe import Recipe

__all__ = ["CLASSIFIERS", "Classifiers"]


@dataclass(frozen=True)
class Classifiers:
    """Defaults of a space.

    Attributes:
        vocabulary: Pieces.
        tokens: Of a text, so many are read.
        token_dropout: Share of them that is read as unknown in training.
        scratch: Recipe of a network trained from scratch.
        supernet: Recipe of the supernet.
    """

    vocabulary: int
    tokens: int
    token_dropout: float
    scratch: Recipe
    supernet: Recipe

    def study(self) -> dict[str, Any]:
        """As a study file has it; the supernet scores all iterations, for no labels of the space ship."""
        return {
            "name": "language-id",
            "task": "classification",
            "corpus": {"tokens": self.tokens, "token_dropout": self.token_dropout},
            "vocabulary": self.vocabulary,
            "constraints": ["latency<=50%"],
            "supernet": {"recipe": self.supernet.model_dump(mode="json")},
            "search": {"schedule": "supernet:1-30"},
            "train": {"recipe": self.scratch.model_dump(mode="json")},
        }


_SMALL = Recipe(
    updates=2000,
    max_tokens=2048,
    learning_rate=8e-3,
    warmup=100,
    weight_decay=0.01,
    label_smoothing=0.0,
    dropout=0.1,
    validate_every=500,
    average_last=3,
)
_LARGE = _SMALL.model_copy(
    update={"updates": 10_000, "max_tokens": 8192, "learning_rate": 5e-4, "warmup": 500, "precision": "auto"}
)

CLASSIFIERS: Mapping[str, Classifiers] = {
    "small-encoder": Classifiers(16_000, 32, 0.5, _SMALL, _SMALL.model_copy(update={"updates": 600})),
    "minilm-encoder": Classifiers(30_522, 128, 0.2, _LARGE, _LARGE),
}
"""By the space's name."""
