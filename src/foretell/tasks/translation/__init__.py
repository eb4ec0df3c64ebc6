"""Tasks: corpora, vocabularies, batches, and BLEU and the other scores."""

from foretell.tasks.translation.batches import (
    Batch,
    EpochBatches,
    SourceBatch,
    TokenBatches,
    source_batches,
    validation_batches,
)
from foretell.tasks.translation.config import CORPORA, CorpusConfig, cache_folder
from foretell.tasks.translation.corpus import SPLITS, ParallelCorpus, Split
from foretell.tasks.translation.encoded import EncodedPairs, Sequences
from foretell.tasks.translation.home_assistant import fetch_wheel, wheel_languages
from foretell.tasks.translation.loading import DamagedCacheWarning, corpus_folder, load_corpus
from foretell.tasks.translation.scores import Score, all_scores, bleu, chrf, ter
from foretell.tasks.translation.task import Task
from foretell.tasks.translation.translating import TRANSLATION, translate
from foretell.tasks.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

__all__ = [
    "BOS",
    "CORPORA",
    "EOS",
    "PAD",
    "SPLITS",
    "TRANSLATION",
    "UNK",
    "Batch",
    "CorpusConfig",
    "DamagedCacheWarning",
    "EncodedPairs",
    "EpochBatches",
    "ParallelCorpus",
    "Score",
    "Sequences",
    "SourceBatch",
    "Split",
    "Task",
    "TokenBatches",
    "Vocabulary",
    "all_scores",
    "bleu",
    "cache_folder",
    "chrf",
    "corpus_folder",
    "fetch_wheel",
    "load_corpus",
    "source_batches",
    "ter",
    "translate",
    "validation_batches",
    "wheel_languages",
]
