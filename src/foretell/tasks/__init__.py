"""Tasks, a folder each, and the text tools that they share."""

from foretell.tasks.registry import task_kind, task_kinds
from foretell.tasks.task import SPLITS, Batch, Batches, Measured, Split, Task, TaskKind, measuring_options
from foretell.tasks.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "SPLITS",
    "UNK",
    "Batch",
    "Batches",
    "Measured",
    "Split",
    "Task",
    "TaskKind",
    "Vocabulary",
    "measuring_options",
    "task_kind",
    "task_kinds",
]
