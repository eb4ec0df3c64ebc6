"""Translation among the kinds of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.tasks.translation.batches import Batch, validation_batches
from foretell.tasks.translation.config import CorpusConfig
from foretell.tasks.translation.encoded import EncodedPairs, Sequences
from foretell.tasks.translation.loading import corpus_folder, load_corpus
from foretell.tasks.translation.task import Task
from foretell.tasks.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

__all__ = ["KIND"]


class Translation:
    """See `foretell.tasks.TaskKind`."""

    name = Task.kind
    families: tuple[str, ...] = ("encoder_decoder",)
    corpus = CorpusConfig
    options = Task.options
    has_references = True

    def prepare(self, corpus: CorpusConfig, vocabulary: int) -> Task:
        """See `Task.prepare`."""
        return Task.prepare(corpus, vocabulary)

    def is_kept(self, corpus: CorpusConfig) -> bool:
        """Whether the cache folder has the corpus."""
        return (corpus_folder(corpus) / "corpus.json").exists()

    def kept_sizes(self, folder: Path) -> dict[str, Any]:
        """The size of the vocabulary."""
        return {"vocabulary": len(Vocabulary.load(folder / "vocabulary.model"))}

    def title(self, corpus: CorpusConfig) -> str:
        """The corpus and its languages, such as "home-assistant (en to de)"."""
        return f"{corpus.name} ({corpus.source} to {corpus.target})"

    def examples(self, corpus: CorpusConfig) -> Sequence[tuple[str, str]]:
        """The training sentences, source and target."""
        return load_corpus(corpus).train

    def batches_from(self, tensors: Mapping[str, torch.Tensor], max_tokens: int) -> list[Batch]:
        """See `validation_batches`."""
        sides: list[Any] = [
            Sequences(*(tensors[f"{side}.{name}"].numpy() for name in ("values", "offsets")))
            for side in ("source", "target")
        ]
        return validation_batches(EncodedPairs(*sides), max_tokens)


KIND = Translation()
