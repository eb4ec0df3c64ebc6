"""HAT's published recipes, which the paper's supernets share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foretell.training.recipe import Recipe

__all__ = ["PUBLISHED", "PublishedRecipes"]


@dataclass(frozen=True)
class PublishedRecipes:
    """How a published space was trained.

    Attributes:
        supernet: Of the supernet.
        scratch: Of a sub-network trained from scratch.
        beam: Hypotheses of the translations that were scored.
        length_penalty: Their log-probabilities are divided by the length to this power.
    """

    supernet: Recipe
    scratch: Recipe
    beam: int
    length_penalty: float


# Eight GPUs of 16 micro-batches of 4,096 tokens each: the updates of any number of processes are these.
_WMT = Recipe(
    updates=40_000,
    max_tokens=4096,
    tokens_per_update=8 * 16 * 4096,
    learning_rate=1e-3,
    warmup=10_000,
    schedule="cosine",
    initial_learning_rate=1e-7,
    final_learning_rate=1e-7,
    betas=(0.9, 0.98),
    epsilon=1e-8,
    weight_decay=0.0,
    clip_norm=0.0,
    label_smoothing=0.1,
    dropout=0.3,
    attention_dropout=0.1,
    precision="fp16",
    validate_every=1000,
    average_last=0,
)
# One GPU, one micro-batch an update; 25 is fairseq's default norm at which gradients are clipped.
_IWSLT = _WMT.model_copy(
    update={
        "updates": 50_000,
        "tokens_per_update": None,
        "learning_rate": 5e-4,
        "schedule": "inverse-sqrt",
        "weight_decay": 1e-4,
        "clip_norm": 25.0,
        "dropout": 0.375,
        "attention_dropout": 0.0,
        "precision": "fp32",
    }
)


def _published(supernet: Recipe, beam: int, length_penalty: float) -> PublishedRecipes:
    """From scratch only the warm-up is shorter."""
    return PublishedRecipes(supernet, supernet.model_copy(update={"warmup": 4000}), beam, length_penalty)


PUBLISHED: Mapping[str, PublishedRecipes] = {
    "hat-wmt14-en-de": _published(_WMT, 4, 0.6),
    "hat-wmt14-en-fr": _published(_WMT, 4, 0.6),
    "hat-wmt19-en-de": _published(_WMT, 4, 0.6),
    "hat-iwslt14-de-en": _published(_IWSLT, 5, 1.0),
}
"""By the space's name. Validation is every 1,000 updates here, published every 1 or 10 epochs."""
