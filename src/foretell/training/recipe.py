"""Everything that decides how a network is trained, apart from the network and the data."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Recipe"]


class Recipe(BaseModel):
    """How to train; the defaults suit `small-seq2seq` on one CPU core.

    Attributes:
        updates: Optimiser steps.
        max_tokens: Tokens of the longer side in one micro-batch, padding included.
        tokens_per_update: Micro-batches are accumulated until their nominal size reaches this; None takes one.
        learning_rate: The maximum, reached at the end of the warm-up.
        warmup: Updates of linear increase from `initial_learning_rate`.
        schedule: What follows the warm-up: half a cosine, or the inverse square root of the update number.
        initial_learning_rate: At update 0.
        final_learning_rate: At the end of the cosine.
        betas: Adam's decay rates.
        epsilon: Adam's.
        weight_decay: Decoupled, times the learning rate.
        clip_norm: Global gradient norm at which gradients are clipped; 0 switches clipping off.
        label_smoothing: Share of the target probability spread over the vocabulary.
        dropout: For the space's largest width; narrower networks get proportionally less, as in HAT.
        attention_dropout: On attention weights; not rescaled.
        precision: "auto" takes bf16 on GPUs that have it and fp32 elsewhere.
        validate_every: Updates between validations; each also writes a checkpoint.
        average_last: Average the weights at the last so many validations; the average is kept if its
            validation loss is the best. 0 switches it off.
        patience: Early stopping: end the training after so many validations in a row without a better loss, at the
            learning rates of the whole; 0 does all updates.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    updates: int = Field(default=4000, ge=1)
    max_tokens: int = Field(default=400, ge=16)
    tokens_per_update: int | None = Field(default=None, ge=16)
    learning_rate: float = Field(default=6e-3, gt=0)
    warmup: int = Field(default=400, ge=0)
    schedule: Literal["cosine", "inverse-sqrt"] = "cosine"
    initial_learning_rate: float = Field(default=1e-7, ge=0)
    final_learning_rate: float = Field(default=1e-7, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    clip_norm: float = Field(default=1.0, ge=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    attention_dropout: float = Field(default=0.0, ge=0, lt=1)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    validate_every: int = Field(default=500, ge=1)
    average_last: int = Field(default=3, ge=0)
    # Left out where it is not used: records from before it was there keep their recipe's name.
    patience: int = Field(default=0, ge=0, exclude_if=lambda it: it == 0)

    @property
    def accumulate(self) -> int:
        """Micro-batches in one update."""
        return math.ceil((self.tokens_per_update or self.max_tokens) / self.max_tokens)

    def rate(self, update: int) -> float:
        """Learning rate of update 0, 1, ..., by HAT's curves."""
        if update < self.warmup:
            return self.initial_learning_rate + (self.learning_rate - self.initial_learning_rate) * (
                update / self.warmup
            )
        if self.schedule == "inverse-sqrt":
            return self.learning_rate * math.sqrt(max(self.warmup, 1) / max(update, 1))
        done = (update - self.warmup) / max(self.updates - self.warmup, 1)
        span = self.learning_rate - self.final_learning_rate
        return self.final_learning_rate + 0.5 * span * (1 + math.cos(math.pi * min(done, 1.0)))
