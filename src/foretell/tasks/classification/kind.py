"""Text classification among the kinds of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.tasks.classification.batches import LabelledBatch, labelled_batches
from foretell.tasks.classification.config import LabelledConfig
from foretell.tasks.classification.reader import TextReader
from foretell.tasks.classification.task import TextClassification
from foretell.tasks.translation import home_assistant
from foretell.tasks.translation.config import cache_folder
from foretell.tasks.translation.encoded import Sequences

if TYPE_CHECKING:
    import torch

__all__ = ["KIND"]


class ClassificationKind:
    """See `foretell.tasks.TaskKind`."""

    name = TextClassification.kind
    families: tuple[str, ...] = ("encoder",)
    corpus = LabelledConfig
    options = TextClassification.options
    has_references = True

    def prepare(self, corpus: LabelledConfig, vocabulary: int) -> TextClassification:
        """See `TextClassification.prepare`."""
        return TextClassification.prepare(corpus, vocabulary)

    def is_kept(self, corpus: LabelledConfig) -> bool:
        """Whether the user's files, or the wheel, are there; data sets of the hub are kept by its own library."""
        if corpus.name == "hub":
            return True
        wheel = corpus.paths[0] if corpus.paths else home_assistant.wheel_path(cache_folder())
        return all(path.exists() for path in (corpus.paths if corpus.name == "files" else [wheel]))

    def kept_sizes(self, folder: Path) -> dict[str, Any]:
        """The size of the vocabulary, and the number of classes."""
        reader = TextReader.load(folder)
        return {"vocabulary": reader.vocabulary.size, "classes": len(reader.classes)}

    def title(self, corpus: LabelledConfig) -> str:
        """What is told, such as "texts by label"."""
        return (
            "language identification"
            if corpus.name == "home-assistant-languages"
            else f"{corpus.dataset or 'texts'} by {corpus.label}"
        )

    def examples(self, corpus: LabelledConfig) -> Sequence[tuple[str, str]]:
        """Training texts and their labels."""
        return TextClassification.prepare(corpus).splits["train"]

    def batches_from(self, tensors: Mapping[str, torch.Tensor], max_tokens: int) -> list[LabelledBatch]:
        """See `labelled_batches`."""
        texts = Sequences(tensors["values"].numpy(), tensors["offsets"].numpy())
        return labelled_batches(texts, tensors["labels"].numpy(), max_tokens)[0]


KIND = ClassificationKind()
