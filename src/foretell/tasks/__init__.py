"""Tasks, a folder each, and the text tools that they share."""

from foretell.tasks.task import Batch, Batches, Task
from foretell.tasks.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

__all__ = ["BOS", "EOS", "PAD", "UNK", "Batch", "Batches", "Task", "Vocabulary"]
