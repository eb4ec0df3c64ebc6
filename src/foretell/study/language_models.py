"""What a study of a space of language models says where its file does not: the task, sizes and recipes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foretell.training.recipe import Recipe

__all__ = ["LANGUAGE_MODELS", "LanguageModels"]


@dataclass(frozen=True)
class LanguageModels:
    """Defaults of a space.

    Attributes:
        vocabulary: Pieces.
        block: Tokens that are read at a time.
        scratch: Recipe of a network trained from scratch.
        supernet: Recipe of the supernet.
    """

    vocabulary: int
    block: int
    scratch: Recipe
    supernet: Recipe

    def study(self) -> dict[str, Any]:
        """As a study file has it; the supernet scores all iterations, for no labels of the space ship."""
        return {
            "name": "home-assistant-python",
            "task": "language_model",
            "corpus": {"block": self.block},
            "vocabulary": self.vocabulary,
            "constraints": ["decode_latency<=50%"],
            "supernet": {"recipe": self.supernet.model_dump(mode="json")},
            "search": {"schedule": "supernet:1-30"},
            "train": {"recipe": self.scratch.model_dump(mode="json")},
        }


_SMALL = Recipe(
    updates=1200,
    max_tokens=1024,
    learning_rate=6e-3,
    warmup=60,
    betas=(0.9, 0.95),
    weight_decay=0.1,
    clip_norm=1.0,
    label_smoothing=0.0,
    dropout=0.0,
    validate_every=200,
    average_last=0,
)
# As GPT-3 trained its models of these sizes (arXiv 2005.14165, table 2.1): half a million tokens an update.
_LARGE = _SMALL.model_copy(
    update={
        "updates": 20_000,
        "max_tokens": 16_384,
        "tokens_per_update": 2**19,
        "learning_rate": 6e-4,
        "final_learning_rate": 6e-5,
        "warmup": 700,
        "precision": "auto",
        "validate_every": 500,
    }
)
_LARGER = _LARGE.model_copy(update={"learning_rate": 3e-4, "final_learning_rate": 3e-5})

LANGUAGE_MODELS: Mapping[str, LanguageModels] = {
    "small-lm": LanguageModels(1000, 128, _SMALL, _SMALL.model_copy(update={"updates": 1000})),
    "lm-124m": LanguageModels(32_768, 1024, _LARGE, _LARGE),
    "lm-350m": LanguageModels(49_152, 2048, _LARGER, _LARGER),
}
"""By the space's name."""
