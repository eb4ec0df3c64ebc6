"""Text classification: the user's own labelled texts, or which language a text is in."""

from foretell.tasks.classification.batches import LabelledBatch, LabelledBatches, labelled_batches
from foretell.tasks.classification.config import LABELLED, LabelledConfig
from foretell.tasks.classification.task import Classifier, TextClassification, classify, load_classes

__all__ = [
    "LABELLED",
    "Classifier",
    "LabelledBatch",
    "LabelledBatches",
    "LabelledConfig",
    "TextClassification",
    "classify",
    "labelled_batches",
    "load_classes",
]
