"""Language modelling: the user's own text or code, cut into blocks."""

from foretell.tasks.language_model.batches import BlockBatches, TextBatch, text_batches
from foretell.tasks.language_model.config import TEXTS, TextConfig
from foretell.tasks.language_model.task import LanguageModelling, Writer
from foretell.tasks.language_model.vocabulary import load_vocabulary

__all__ = [
    "TEXTS",
    "BlockBatches",
    "LanguageModelling",
    "TextBatch",
    "TextConfig",
    "Writer",
    "load_vocabulary",
    "text_batches",
]
