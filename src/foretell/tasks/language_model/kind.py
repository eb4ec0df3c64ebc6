"""Language modelling among the kinds of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from foretell.tasks.language_model.batches import TextBatch, text_batches
from foretell.tasks.language_model.config import TextConfig
from foretell.tasks.language_model.task import LanguageModelling

if TYPE_CHECKING:
    import torch

__all__ = ["KIND"]


class LanguageModelKind:
    """See `foretell.tasks.TaskKind`."""

    name = LanguageModelling.kind
    corpus = TextConfig
    options = LanguageModelling.options

    def prepare(self, corpus: TextConfig, vocabulary: int) -> LanguageModelling:
        """See `LanguageModelling.prepare`."""
        return LanguageModelling.prepare(corpus, vocabulary)

    def title(self, corpus: TextConfig) -> str:
        """What the text is, such as "language model of home-assistant-python"."""
        return f"language model of {corpus.name}"

    def examples(self, corpus: TextConfig) -> Sequence[tuple[str, str]]:
        """None: text has no pairs."""
        return ()

    def batches_from(self, tensors: Mapping[str, torch.Tensor], max_tokens: int) -> list[TextBatch]:
        """See `text_batches`."""
        return text_batches(tensors["tokens"].numpy(), int(tensors["block"]), max_tokens)


KIND = LanguageModelKind()
