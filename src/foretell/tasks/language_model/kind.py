"""Language modelling among the kinds of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.tasks.language_model.batches import TextBatch, text_batches
from foretell.tasks.language_model.config import TextConfig
from foretell.tasks.language_model.task import LanguageModelling
from foretell.tasks.language_model.vocabulary import load_vocabulary
from foretell.tasks.translation import home_assistant
from foretell.tasks.translation.config import cache_folder

if TYPE_CHECKING:
    import torch

__all__ = ["KIND"]


class LanguageModelKind:
    """See `foretell.tasks.TaskKind`."""

    name = LanguageModelling.kind
    families: tuple[str, ...] = ("decoder",)
    corpus = TextConfig
    options = LanguageModelling.options
    has_references = False

    def prepare(self, corpus: TextConfig, vocabulary: int) -> LanguageModelling:
        """See `LanguageModelling.prepare`."""
        return LanguageModelling.prepare(corpus, vocabulary)

    def is_kept(self, corpus: TextConfig) -> bool:
        """Whether the user's files, or the wheel, are there."""
        wheel = corpus.paths[0] if corpus.paths else home_assistant.wheel_path(cache_folder())
        return all(path.exists() for path in (corpus.paths if corpus.name == "files" else [wheel]))

    def kept_sizes(self, folder: Path) -> dict[str, Any]:
        """The size of the vocabulary."""
        return {"vocabulary": load_vocabulary(folder / "vocabulary.model").size}

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
