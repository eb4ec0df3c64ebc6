"""Text classification as a task: labelled texts, their vocabulary and tokens, ready to train on."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError, IntegrityError
from foretell.records import fingerprint, read_object, write_json
from foretell.tasks.classification.batches import LabelledBatch, LabelledBatches, labelled_batches
from foretell.tasks.classification.config import LabelledConfig
from foretell.tasks.classification.ngram import CharacterNGrams
from foretell.tasks.classification.reader import TextReader, as_read
from foretell.tasks.classification.reading import contents_sha256, read_files, read_hub, read_languages
from foretell.tasks.classification.splitting import LabelledText, split_labelled
from foretell.tasks.language_model.vocabulary import TextVocabulary, load_vocabulary, train_vocabulary
from foretell.tasks.task import SPLITS, Measured, Split, measuring_options
from foretell.tasks.translation import home_assistant
from foretell.tasks.translation.config import cache_folder
from foretell.tasks.translation.encoded import Sequences
from foretell.tasks.translation.loading import DamagedCacheWarning

if TYPE_CHECKING:
    import torch

__all__ = ["TextClassification"]

_FORMAT = 1
_RULES = 1  # raise when reading, splitting or the vocabulary's settings change
_NOT_OF_THE_TEXTS = {"paths", "text", "label", "pieces", "lowercase", "tokens", "token_dropout", "class_weights"}
_ALPHABET_SHARE = 4  # of the pieces, at most one in four for single characters

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TextClassification:
    """Tell the class of a text; see `foretell.tasks.Task`.

    Attributes:
        texts: Fingerprint of the texts and how they were split.
        reader: From texts to tokens, and the classes.
        splits: Texts and labels.
        token_dropout: Share of the tokens that are read as unknown in training.
        balanced: Whether every class counts alike in training.
        folder: Where it is kept, and what is computed from it.
    """

    texts: str
    reader: TextReader
    splits: Mapping[Split, list[LabelledText]]
    token_dropout: float
    balanced: bool
    folder: Path

    kind: ClassVar[str] = "classification"
    metrics: ClassVar[tuple[str, ...]] = ("valid_accuracy", "valid_loss", "valid_macro_f1")
    told_apart_by: ClassVar[str] = metrics[0]
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    measuring: ClassVar[int] = 1

    @classmethod
    def prepare(
        cls, config: LabelledConfig | None = None, vocabulary_size: int = 16_000, cache_dir: Path | None = None
    ) -> TextClassification:
        """Get the texts, split them and train the vocabulary, or read all of it from the cache folder.

        Raises:
            InputError: The texts cannot be had or used, or the vocabulary does not fit them.
            IntegrityError: A download has the wrong hash.
            StorageError: The cache folder cannot be written.
        """
        config = config or LabelledConfig()
        read = read_files(config.paths, config.text, config.label) if config.name == "files" else None
        contents = home_assistant.SHA256 if read is None else contents_sha256(read)
        if config.name == "hub":
            contents = f"{config.dataset}/{config.subset}/{config.text}/{config.label}"
        said = config.model_dump(mode="json", exclude=_NOT_OF_THE_TEXTS, exclude_defaults=True)
        texts = fingerprint({"rules": _RULES, "contents": contents, **said})
        about = {
            "format": _FORMAT,
            "texts": texts,
            "size": vocabulary_size,
            "pieces": config.pieces,
            "lowercase": config.lowercase,
        }
        folder = cache_folder(cache_dir) / "tasks" / fingerprint(about)
        if (folder / "texts.json").exists():
            try:
                return cls._load(folder, texts, config)
            except (InputError, IntegrityError, ValueError, KeyError, TypeError) as error:
                warnings.warn(f"{folder} is damaged ({error}) and made again", DamagedCacheWarning, stacklevel=2)
        if config.name == "hub":
            read = read_hub(config.dataset or "", config.subset, config.text, config.label)
        if read is None:
            wheel = home_assistant.original_wheel(cache_folder(cache_dir), config.paths[0] if config.paths else None)
            read = read_languages(wheel, config.seed)
        splits = split_labelled(read, config.train_texts, config.valid_texts, config.test_texts, config.seed)
        learnt = [as_read(text, lowercase=config.lowercase) for text, _ in splits.train]
        vocabulary = train_vocabulary(
            [f"{text}\n" for text in learnt],
            vocabulary_size,
            config.pieces,
            code=False,
            add_dummy_prefix=True,
            hard_vocab_limit=False,
            character_coverage=_coverage(learnt, vocabulary_size),
        )
        named: dict[Split, list[LabelledText]] = dict(zip(SPLITS, splits, strict=True))
        vocabulary.save(folder / "vocabulary.model")
        written: dict[str, Any] = {name: [list(each) for each in part] for name, part in named.items()}
        checked = {"vocabulary": vocabulary.fingerprint, "contents": fingerprint(written)}
        write_json(folder / "texts.json", {"format": _FORMAT, **checked, **written})
        return cls._of(texts, vocabulary, named, config, folder)

    @classmethod
    def _load(cls, folder: Path, texts: str, config: LabelledConfig) -> TextClassification:
        vocabulary = load_vocabulary(folder / "vocabulary.model")
        kept = read_object(folder / "texts.json", "vocabulary", "contents", *SPLITS)
        written: dict[str, Any] = {name: kept[name] for name in SPLITS}
        if (kept["vocabulary"], kept["contents"]) != (vocabulary.fingerprint, fingerprint(written)):
            raise IntegrityError("its texts or its vocabulary are not those that were written")
        splits: dict[Split, list[LabelledText]] = {
            name: [(text, label) for text, label in written[name]] for name in SPLITS
        }
        return cls._of(texts, vocabulary, splits, config, folder)

    @classmethod
    def _of(
        cls,
        texts: str,
        vocabulary: TextVocabulary,
        splits: Mapping[Split, list[LabelledText]],
        config: LabelledConfig,
        folder: Path,
    ) -> TextClassification:
        classes = tuple(sorted({label for _, label in splits["train"]}))
        reader = TextReader(vocabulary, classes, config.tokens, config.lowercase)
        return cls(texts, reader, splits, config.token_dropout, config.class_weights is not None, folder)

    @cached_property
    def fingerprint(self) -> str:
        """Names the texts, the vocabulary and how texts are read."""
        reader = self.reader
        weighed = ["balanced"] if self.balanced else []
        return fingerprint(
            [self.texts, reader.vocabulary.fingerprint, reader.tokens, reader.lowercase, self.token_dropout, *weighed]
        )

    @property
    def corpus_fingerprint(self) -> str:
        """Names the texts."""
        return self.texts

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """None are told: a class that is too small is refused."""
        return ()

    @property
    def sizes(self) -> dict[str, int]:
        """What networks need to know of the task."""
        return {"vocabulary": self.reader.vocabulary.size, "classes": len(self.classes)}

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return self.reader.classes

    @cached_property
    def _encoded(self) -> dict[Split, tuple[Sequences, _Ints]]:
        places = {name: place for place, name in enumerate(self.classes)}
        found: dict[Split, tuple[Sequences, _Ints]] = {}
        for split, pairs in self.splits.items():
            labels = np.array([places[label] for _, label in pairs], dtype=np.int64)
            found[split] = self.reader.encode([text for text, _ in pairs]), labels
        return found

    def batches(self, max_tokens: int, seed: int) -> LabelledBatches:
        """Training batches; see `LabelledBatches`."""
        return LabelledBatches(*self._encoded["train"], max_tokens, seed, self.token_dropout, balanced=self.balanced)

    def validation_batches(self, max_tokens: int, most: int | None = None) -> list[LabelledBatch]:
        """All validation texts once, or at most so many, evenly spread."""
        texts, labels = self._encoded["valid"]
        if most is not None and most < len(texts):
            rows = np.linspace(0, len(texts) - 1, most).round().astype(np.int64)
            texts, labels = Sequences.of([texts[row].tolist() for row in rows]), labels[rows]
        return labelled_batches(texts, labels, max_tokens)[0]

    def typical_batch(self, max_tokens: int) -> LabelledBatch:
        """The training batch of middle length: the first would hold nothing but the shortest texts."""
        batches = self.batches(max_tokens, 0).epoch(0)
        return batches[sorted(range(len(batches)), key=lambda i: batches[i].inputs.shape[1])[len(batches) // 2]]

    def validation_tensors(self) -> dict[str, torch.Tensor]:
        """The validation tokens, as `Sequences` holds them, and the classes."""
        import torch

        texts, labels = self._encoded["valid"]
        arrays = {"values": texts.values, "offsets": texts.offsets, "labels": labels}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def measure(self, network: torch.nn.Module, splits: Sequence[Split], **options: Any) -> Measured:
        """Accuracy and macro-F1 in per cent, loss in bits a text; see `foretell.tasks.Task`."""
        measuring_options(self.options, options)
        metrics: dict[str, float] = {}
        outputs: dict[str, list[str]] = {}
        for split in splits:
            found = self.reader.probabilities(network, self._encoded[split][0])
            metrics |= self._metrics(split, found)
            outputs[str(split)] = [self.classes[place] for place in found.argmax(1).tolist()]
        return Measured(metrics, outputs=outputs)

    def _metrics(self, split: Split, probabilities: _Floats) -> dict[str, float]:
        """Of probabilities `[texts, classes]`."""
        labels = self._encoded[split][1]
        matrix = self._matrix(labels, probabilities.argmax(1))
        right = np.diag(matrix)
        f1 = 2 * right / np.maximum(matrix.sum(0) + matrix.sum(1), 1)
        told = probabilities[np.arange(len(labels)), labels]
        metrics = {
            "accuracy": 100 * right.sum() / len(labels),
            "macro_f1": 100 * f1.mean(),
            "loss": -np.log2(np.maximum(told, 1e-300)).mean(),
        }
        return {f"{split}_{name}": float(value) for name, value in metrics.items()}

    def _matrix(self, labels: _Ints, said: _Ints) -> _Ints:
        """How often a class (row) was taken for another (column), `[classes, classes]`."""
        count = len(self.classes)
        return np.bincount(labels * count + said, minlength=count**2).reshape(count, count)

    def confusion(self, network: torch.nn.Module) -> tuple[tuple[str, ...], list[list[int]]]:
        """The classes, and how many test texts of each (row) were taken for each (column)."""
        texts, labels = self._encoded["test"]
        said = self.reader.probabilities(network, texts).argmax(1)
        return self.classes, self._matrix(labels, said).tolist()

    def floor(self, split: Split) -> dict[str, dict[str, float]]:
        """What always saying the most frequent class comes to, and logistic regression on character n-grams.

        The regression is computed once, and kept beside the task; `parameters` are its weights.
        """
        path = self.folder / f"floor-{split}{'-balanced' if self.balanced else ''}.json"
        if path.exists():
            found: dict[str, dict[str, float]] = read_object(path, "floor")["floor"]
            return found
        train, labels = self.splits["train"], self._encoded["train"][1]
        shares = np.bincount(labels, minlength=len(self.classes)) / len(labels)
        texts = [text for text, _ in self.splits[split]]
        model = CharacterNGrams.fit([text for text, _ in train], labels, len(self.classes), balanced=self.balanced)
        found = {
            "majority": self._metrics(split, np.tile(shares, (len(texts), 1))),
            "n-grams": {**self._metrics(split, model.probabilities(texts)), "parameters": float(model.parameters)},
        }
        write_json(path, {"format": _FORMAT, "floor": found})
        return found

    def examples(self, split: Split) -> list[LabelledText]:
        """The texts of a split with their labels."""
        return self.splits[split]

    def show(self, network: torch.nn.Module, count: int, **options: Any) -> list[tuple[str, str, str]]:
        """Texts, their labels, and the network's."""
        pairs = self.splits["test"]
        rows = np.unique(np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int))
        chosen = [pairs[row] for row in rows]
        said = self.reader.classify(network, [text for text, _ in chosen])
        return [(text, label, answer) for (text, label), ((answer, _), *_) in zip(chosen, said, strict=True)]

    def keep(self, folder: Path) -> None:
        """Write the vocabulary, the names of the classes, and how texts are read."""
        self.reader.save(folder)


def _coverage(texts: Sequence[str], size: int) -> float:
    """The share of all characters that the most frequent ones make up, as many as leave room for longer pieces."""
    counts = [count for _, count in Counter("".join(texts)).most_common()]
    return min(1.0, math.floor(1e6 * sum(counts[: max(1, size // _ALPHABET_SHARE)]) / sum(counts)) / 1e6)
