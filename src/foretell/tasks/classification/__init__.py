"""Text classification: the user's own labelled texts, or which language a text is in."""

from foretell.tasks.classification.batches import LabelledBatch, LabelledBatches, labelled_batches
from foretell.tasks.classification.config import LABELLED, LabelledConfig
from foretell.tasks.classification.reader import Classifier, TextReader
from foretell.tasks.classification.task import TextClassification

__all__ = [
    "LABELLED",
    "Classifier",
    "LabelledBatch",
    "LabelledBatches",
    "LabelledConfig",
    "TextClassification",
    "TextReader",
    "labelled_batches",
]
