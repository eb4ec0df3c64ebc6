"""From what a study says to a corpus, once: prepared corpora are kept in the cache folder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foretell.errors import InputError, IntegrityError
from foretell.records import fingerprint, write_atomic
from foretell.tasks.cleaning import GroupedPair, clean, normalise_pairs, word_count
from foretell.tasks.translation import home_assistant
from foretell.tasks.translation.amounts import MOST_WORDS, check_enough, fitted_words
from foretell.tasks.translation.config import CorpusConfig, cache_folder
from foretell.tasks.translation.corpus import ParallelCorpus
from foretell.tasks.translation.files import files_sha256, read_files
from foretell.tasks.translation.hub import read_hub
from foretell.tasks.translation.raw import RawCorpus
from foretell.tasks.translation.splitting import Splits, split_by_group, without_copies_of_evaluation

__all__ = ["DamagedCacheWarning", "corpus_folder", "load_corpus", "prepare_corpus"]

_VALID_SENTENCES, _TEST_SENTENCES = 512, 1000
_RULES = 2  # raise when cleaning or splitting changes, so that old cached corpora are not used


class DamagedCacheWarning(UserWarning):
    """Something in the cache folder was damaged and is made again."""


def load_corpus(config: CorpusConfig, cache_dir: Path | None = None) -> ParallelCorpus:
    """The corpus of a study: read from the cache folder, or read from its source, cleaned, split and kept.

    Interrupted at any moment, nothing half-made is ever taken for a corpus.

    Raises:
        InputError: The text cannot be had or used.
        IntegrityError: A download has the wrong hash.
        StorageError: The cache folder cannot be written.

    Warns:
        DamagedCacheWarning: The cached corpus did not match its fingerprint.
    """
    folder = corpus_folder(config, cache_dir)
    if (folder / "corpus.json").exists():
        try:
            return ParallelCorpus.load(folder)
        except IntegrityError as error:
            warnings.warn(f"{error} It is made again.", DamagedCacheWarning, stacklevel=2)
    raw = _read(config, cache_folder(cache_dir))
    corpus = prepare_corpus(raw, config)
    for name, text in raw.documents.items():
        write_atomic(folder / name, text)
    corpus.save(folder)
    return corpus


def corpus_folder(config: CorpusConfig, cache_dir: Path | None = None) -> Path:
    """Where `load_corpus` keeps this corpus: the name depends on all settings and on the contents of files."""
    contents = home_assistant.SHA256 if config.name == "home-assistant" else None
    settings = config.model_dump(mode="json", exclude={"paths", "valid_paths", "test_paths"})
    if config.name == "files":
        contents = files_sha256([*config.paths, *config.valid_paths, *config.test_paths])
        settings["files"] = [len(config.paths), len(config.valid_paths)]
    if config.max_words == "fit":
        settings["most_words"] = MOST_WORDS
    key = fingerprint({"rules": _RULES, "contents": contents, **settings})
    return cache_folder(cache_dir) / "corpora" / f"{config.name}-{config.source}-{config.target}-{key}"


def prepare_corpus(raw: RawCorpus, config: CorpusConfig) -> ParallelCorpus:
    """Clean and split what a source handed over.

    A corpus without splits of its own is split by group with `config.seed`. Published validation and test
    splits stay whole (only `max_words` and the wanted sizes shorten them), so that scores can be compared;
    their near-copies are dropped from training instead.

    Raises:
        InputError: Too little is left.
    """
    most = fitted_words(raw.pairs) if config.max_words == "fit" else config.max_words
    kept, dropped = clean(raw.pairs, config.min_words, most)
    if raw.valid is None or raw.test is None:
        check_enough(len({pair.source for pair in kept}), len(raw.pairs), dropped)
        valid, test = config.valid_sentences or _VALID_SENTENCES, config.test_sentences or _TEST_SENTENCES
        splits = split_by_group(kept, valid, test, config.seed)
    else:
        held = MOST_WORDS if config.max_words == "fit" else config.max_words
        valid_pairs = _first(raw.valid, held, config.valid_sentences, "validation")
        test_pairs = _first(raw.test, held, config.test_sentences, "test")
        if not kept:
            check_enough(0, len(raw.pairs), dropped)
        splits = without_copies_of_evaluation(kept, valid_pairs, test_pairs)
    splits = _limited(splits, config)
    cleaning: dict[str, Any] = {"found": len(raw.pairs), "dropped": dropped, "max_words": most, "rules": _RULES}
    provenance = {**raw.provenance, "cleaning": cleaning, "config": config.model_dump(mode="json")}
    return ParallelCorpus(config.source, config.target, *splits, provenance=provenance)


def _read(config: CorpusConfig, cache: Path) -> RawCorpus:
    if config.name == "files":
        return read_files(config.paths, config.valid_paths, config.test_paths)
    if config.name == "hub":
        return read_hub(config.dataset or "", config.subset, config.source, config.target)
    wheel = config.paths[0] if config.paths else None
    return home_assistant.read_home_assistant(config.source, config.target, cache, wheel)


def _first(pairs: Sequence[GroupedPair], max_words: int | None, wanted: int | None, name: str) -> list[GroupedPair]:
    kept = [
        pair
        for pair in normalise_pairs(pairs)
        if max_words is None or max(word_count(pair.source), word_count(pair.target)) <= max_words
    ]
    if not kept:
        raise InputError(f"no {name} pair has at most {max_words} words a side; raise max_words.")
    return kept[:wanted]


def _limited(splits: Splits, config: CorpusConfig) -> Splits:
    if not splits.train:
        raise InputError("no training pair is left after cleaning; give more text.")
    if config.train_sentences is None or config.train_sentences >= len(splits.train):
        return splits
    chosen = np.random.default_rng(config.seed).permutation(len(splits.train))[: config.train_sentences]
    return splits._replace(train=[splits.train[row] for row in np.sort(chosen)])
