"""A task: a corpus, its vocabulary and the encoded splits, ready to train on."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from foretell.errors import InputError, IntegrityError
from foretell.records import fingerprint, write_atomic
from foretell.tasks.cleaning import Pair
from foretell.tasks.task import Measured, measuring_options
from foretell.tasks.translation import translating
from foretell.tasks.translation.batches import Batch, TokenBatches, validation_batches
from foretell.tasks.translation.config import CorpusConfig, cache_folder
from foretell.tasks.translation.corpus import SPLITS, ParallelCorpus, Split
from foretell.tasks.translation.encoded import EncodedPairs, Sequences
from foretell.tasks.translation.languages import tokenizer_was_changed
from foretell.tasks.translation.loading import DamagedCacheWarning, load_corpus
from foretell.tasks.translation.scores import Score, all_scores
from foretell.tasks.vocabulary import Vocabulary, VocabularyKind, pieces_missing

if TYPE_CHECKING:
    import torch

__all__ = ["Task"]

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Task:
    """Translate one language into another; see `foretell.tasks.Task`.

    Attributes:
        corpus: The sentences.
        vocabulary: Joint vocabulary of both languages.
        train: Encoded training pairs.
        valid: Encoded validation pairs.
        test: Encoded test pairs.
        asked: Pieces of the vocabulary that were asked for.
    """

    corpus: ParallelCorpus
    vocabulary: Vocabulary
    train: EncodedPairs
    valid: EncodedPairs
    test: EncodedPairs
    asked: int = 0

    kind: ClassVar[str] = "translation"
    metrics: ClassVar[tuple[str, ...]] = ("valid_bleu", "valid_loss", "valid_chrf", "valid_ter")
    told_apart_by: ClassVar[str] = "valid_chrf"  # of BLEU between trainings most is noise
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({"beam": 4, "length_penalty": 1.0})

    @classmethod
    def prepare(
        cls,
        config: CorpusConfig | None = None,
        vocabulary_size: int = 2000,
        cache_dir: Path | None = None,
        *,
        kind: VocabularyKind = "bpe",
    ) -> Task:
        """Get the corpus, train the vocabulary and encode, or read all of it from the cache folder.

        Args:
            config: Which corpus; by default Home Assistant, English-German.
            vocabulary_size: Pieces wanted; a small corpus may give fewer.
            cache_dir: Cache folder; see `cache_folder`.
            kind: SentencePiece's algorithm.

        Raises:
            InputError: The corpus cannot be had or used, or the vocabulary is too small for its alphabet.
            IntegrityError: A download has the wrong hash.
            StorageError: The cache folder cannot be written.
        """
        corpus = load_corpus(config or CorpusConfig(), cache_dir)
        return cls.of(corpus, vocabulary_size, cache_dir, kind=kind)

    @classmethod
    def of(
        cls,
        corpus: ParallelCorpus,
        vocabulary_size: int = 2000,
        cache_dir: Path | None = None,
        *,
        kind: VocabularyKind = "bpe",
    ) -> Task:
        """A task on a corpus that is there already; vocabulary and encoded splits are cached."""
        settings = {"format": _FORMAT, "corpus": corpus.fingerprint, "size": vocabulary_size, "kind": kind}
        folder = cache_folder(cache_dir) / "tasks" / fingerprint(settings)
        if (folder / "encoded.npz").exists():
            try:
                vocabulary = Vocabulary.load(folder / "vocabulary.model")
                train, valid, test = _load(folder / "encoded.npz", corpus, vocabulary)
                return cls(corpus, vocabulary, train, valid, test, vocabulary_size)
            except (InputError, OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
                warnings.warn(f"{folder} is damaged ({error}) and made again", DamagedCacheWarning, stacklevel=2)
        vocabulary = Vocabulary.train(corpus, vocabulary_size, kind)
        encoded = train, valid, test = [_encode(corpus.split(name), vocabulary) for name in SPLITS]
        vocabulary.save(folder / "vocabulary.model")
        write_atomic(folder / "encoded.npz", _dump(encoded, vocabulary))
        return cls(corpus, vocabulary, train, valid, test, vocabulary_size)

    @cached_property
    def fingerprint(self) -> str:
        """Names the corpus and the vocabulary together."""
        return fingerprint([self.corpus.fingerprint, self.vocabulary.fingerprint])

    @property
    def corpus_fingerprint(self) -> str:
        """Names the sentences."""
        return self.corpus.fingerprint

    @property
    def measuring(self) -> int:
        """See `foretell.tasks.translation.translating.TRANSLATION`; one more where BLEU has another tokenizer since."""
        return translating.TRANSLATION + tokenizer_was_changed(self.corpus.target_language)

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """See `foretell.tasks.Task`."""
        return tuple(filter(None, (*self.corpus.shortfalls, pieces_missing(len(self.vocabulary), self.asked))))

    @property
    def sizes(self) -> dict[str, int]:
        """What networks need to know of the task."""
        return {"vocabulary": len(self.vocabulary)}

    def batches(self, max_tokens: int, seed: int) -> TokenBatches:
        """Training batches; see `TokenBatches`."""
        return TokenBatches(self.train, max_tokens, seed)

    def validation_batches(self, max_tokens: int) -> list[Batch]:
        """All validation pairs once; see `foretell.tasks.translation.validation_batches`."""
        return validation_batches(self.valid, max_tokens)

    def typical_batch(self, max_tokens: int) -> Batch:
        """The training batch of middle length: the first would hold nothing but the shortest sentences."""
        batches = TokenBatches(self.train, max_tokens).epoch(0)
        return batches[sorted(range(len(batches)), key=lambda i: batches[i].target_in.shape[1])[len(batches) // 2]]

    def validation_tensors(self) -> dict[str, torch.Tensor]:
        """Both sides of the validation pairs, as `Sequences` holds them."""
        import torch

        sides = {"source": self.valid.source, "target": self.valid.target}
        return {
            f"{side}.{name}": torch.from_numpy(getattr(sequences, name))
            for side, sequences in sides.items()
            for name in ("values", "offsets")
        }

    def measure(self, network: torch.nn.Module, splits: Sequence[Split], **options: Any) -> Measured:
        """Translate with beam search and score: BLEU, chrF and TER of each split; see `foretell.tasks.Task`."""
        decoding = measuring_options(self.options, options)
        metrics, signatures, outputs = {}, {}, {}
        for split in splits:
            title = f"translating {split}"
            said = translating.translate(network, self.vocabulary, self.pairs(split).source, title=title, **decoding)
            outputs[str(split)] = said
            for score in self.score(said, split):
                metrics[f"{split}_{score.name}"] = score.value
                signatures[score.name] = score.signature
        return Measured(metrics, {**decoding, "signatures": signatures}, outputs)

    def examples(self, split: Split) -> list[Pair]:
        """The sentences of a split with their references."""
        return self.corpus.split(split)

    def floor(self, split: Split) -> dict[str, dict[str, float]]:
        """Scores of the sources taken for translations, as `copy_source`."""
        return {"copy_source": {f"{split}_{score.name}": score.value for score in self.copy_source_scores(split)}}

    def show(self, network: torch.nn.Module, count: int, **options: Any) -> list[tuple[str, str, str]]:
        """Sentences, their references, and their translations."""
        pairs = self.corpus.test
        rows = np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int))
        chosen = [pairs[row] for row in rows]
        sources = Sequences.of(self.vocabulary.encode([source for source, _ in chosen]))
        said = translating.translate(network, self.vocabulary, sources, **measuring_options(self.options, options))
        return [(*pair, text) for pair, text in zip(chosen, said, strict=True)]

    def keep(self, folder: Path) -> None:
        """Write the vocabulary."""
        self.vocabulary.save(folder / "vocabulary.model")

    def pairs(self, split: Split) -> EncodedPairs:
        """The encoded pairs of a split."""
        pairs: EncodedPairs = getattr(self, split)
        return pairs

    def references(self, split: Split) -> list[str]:
        """The target sentences of a split."""
        return [target for _, target in self.corpus.split(split)]

    def score(self, hypotheses: list[str], split: Split = "test") -> list[Score]:
        """BLEU, chrF and TER of translations of a split, in the split's order.

        Raises:
            InputError: There are not as many translations as sentences.
        """
        return all_scores(hypotheses, self.references(split), self.corpus.target_language)

    def copy_source_scores(self, split: Split = "test") -> list[Score]:
        """Scores of the sources taken for translations: what a model must beat to be of any use."""
        return self.score([source for source, _ in self.corpus.split(split)], split)


def _encode(pairs: list[Pair], vocabulary: Vocabulary) -> EncodedPairs:
    sides = zip(*pairs, strict=True) if pairs else ((), ())
    return EncodedPairs(*(Sequences.of(vocabulary.encode(side)) for side in sides))


def _dump(encoded: list[EncodedPairs], vocabulary: Vocabulary) -> bytes:
    arrays: dict[str, Any] = {}
    for name, pairs in zip(SPLITS, encoded, strict=True):
        for side, sequences in (("source", pairs.source), ("target", pairs.target)):
            arrays[f"{name}.{side}.values"] = sequences.values
            arrays[f"{name}.{side}.offsets"] = sequences.offsets
    buffer = BytesIO()
    np.savez(buffer, vocabulary=np.array(vocabulary.fingerprint), **arrays)
    return buffer.getvalue()


def _load(path: Path, corpus: ParallelCorpus, vocabulary: Vocabulary) -> list[EncodedPairs]:
    with np.load(path, allow_pickle=False) as arrays:
        if str(arrays["vocabulary"]) != vocabulary.fingerprint:
            raise IntegrityError(f"{path} was encoded with another vocabulary")
        encoded = [
            EncodedPairs(
                *(
                    Sequences(arrays[f"{name}.{side}.values"], arrays[f"{name}.{side}.offsets"])
                    for side in ("source", "target")
                )
            )
            for name in SPLITS
        ]
    if [len(pairs) for pairs in encoded] != [len(corpus.split(name)) for name in SPLITS]:
        raise IntegrityError(f"{path} does not have the corpus's number of sentences")
    return encoded
