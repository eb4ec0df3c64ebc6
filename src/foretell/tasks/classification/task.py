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
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError, IntegrityError
from foretell.records import fingerprint, read_object, write_json
from foretell.tasks.classification.batches import LabelledBatch, LabelledBatches, labelled_batches
from foretell.tasks.classification.config import LabelledConfig
from foretell.tasks.classification.ngram import CharacterNGrams
from foretell.tasks.classification.reading import contents_sha256, read_files, read_languages
from foretell.tasks.classification.splitting import LabelledText, split_labelled
from foretell.tasks.cleaning import normalise
from foretell.tasks.language_model.vocabulary import TextVocabulary, load_vocabulary, train_vocabulary
from foretell.tasks.task import SPLITS, Measured, Split, measuring_options
from foretell.tasks.translation import home_assistant
from foretell.tasks.translation.config import cache_folder
from foretell.tasks.translation.encoded import Sequences
from foretell.tasks.translation.loading import DamagedCacheWarning

if TYPE_CHECKING:
    import torch

__all__ = ["Classifier", "TextClassification", "classify", "load_classes"]

_FORMAT = 1
_RULES = 1  # raise when reading, splitting or the vocabulary's settings change
_MEASURED_TOKENS = 2048
_ALPHABET_SHARE = 4  # of the pieces, at most one in four for single characters
_CLASSES_FILE = "classes.json"

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


@runtime_checkable
class Classifier(Protocol):
    """A network that tells the class of a text."""

    def predictions(self, batch: LabelledBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits `[texts, classes]` and the targets int64 `[texts]`."""
        ...

    @property
    def classes(self) -> int:
        """How many it tells apart."""
        ...


@dataclass(frozen=True, eq=False)
class TextClassification:
    """Tell the class of a text; see `foretell.tasks.Task`.

    Attributes:
        texts: Fingerprint of the texts and how they were split.
        vocabulary: Text to tokens.
        classes: Names, sorted; their places are the targets.
        splits: Texts and labels.
        tokens: Read of a text, a mark included.
        folder: Where it is kept, and what is computed from it.
    """

    texts: str
    vocabulary: TextVocabulary
    classes: tuple[str, ...]
    splits: Mapping[Split, list[LabelledText]]
    tokens: int
    folder: Path

    kind: ClassVar[str] = "classification"
    metrics: ClassVar[tuple[str, ...]] = ("valid_accuracy", "valid_loss", "valid_macro_f1")
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    measuring: ClassVar[int] = 1

    @classmethod
    def prepare(
        cls, config: LabelledConfig | None = None, vocabulary_size: int = 4000, cache_dir: Path | None = None
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
        said = config.model_dump(mode="json", exclude={"paths", "text", "label", "pieces", "tokens"})
        texts = fingerprint({"rules": _RULES, "contents": contents, **said})
        about = {"format": _FORMAT, "texts": texts, "size": vocabulary_size, "pieces": config.pieces}
        folder = cache_folder(cache_dir) / "tasks" / fingerprint(about)
        if (folder / "texts.json").exists():
            try:
                return cls._load(folder, texts, config.tokens)
            except (InputError, IntegrityError, ValueError, KeyError, TypeError) as error:
                warnings.warn(f"{folder} is damaged ({error}) and made again", DamagedCacheWarning, stacklevel=2)
        if read is None:
            wheel = home_assistant.original_wheel(cache_folder(cache_dir), config.paths[0] if config.paths else None)
            read = read_languages(wheel, config.seed)
        splits = split_labelled(read, config.train_texts, config.valid_texts, config.test_texts, config.seed)
        learnt = [text for text, _ in splits.train]
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
        classes = tuple(sorted({label for _, label in splits.train}))
        vocabulary.save(folder / "vocabulary.model")
        written: dict[str, Any] = {name: [list(each) for each in part] for name, part in named.items()}
        checked = {"vocabulary": vocabulary.fingerprint, "contents": fingerprint(written)}
        write_json(folder / "texts.json", {"format": _FORMAT, **checked, **written})
        return cls(texts, vocabulary, classes, named, config.tokens, folder)

    @classmethod
    def _load(cls, folder: Path, texts: str, tokens: int) -> TextClassification:
        vocabulary = load_vocabulary(folder / "vocabulary.model")
        kept = read_object(folder / "texts.json", "vocabulary", "contents", *SPLITS)
        written: dict[str, Any] = {name: kept[name] for name in SPLITS}
        if (kept["vocabulary"], kept["contents"]) != (vocabulary.fingerprint, fingerprint(written)):
            raise IntegrityError("its texts or its vocabulary are not those that were written")
        splits: dict[Split, list[LabelledText]] = {
            name: [(text, label) for text, label in written[name]] for name in SPLITS
        }
        classes = tuple(sorted({label for _, label in splits["train"]}))
        return cls(texts, vocabulary, classes, splits, tokens, folder)

    @cached_property
    def fingerprint(self) -> str:
        """Names the texts, the vocabulary and how much of a text is read."""
        return fingerprint([self.texts, self.vocabulary.fingerprint, self.tokens])

    @property
    def corpus_fingerprint(self) -> str:
        """Names the texts."""
        return self.texts

    @property
    def sizes(self) -> dict[str, int]:
        """What networks need to know of the task."""
        return {"vocabulary": self.vocabulary.size, "classes": len(self.classes)}

    @cached_property
    def _encoded(self) -> dict[Split, tuple[Sequences, _Ints]]:
        places = {name: place for place, name in enumerate(self.classes)}
        found: dict[Split, tuple[Sequences, _Ints]] = {}
        for split, pairs in self.splits.items():
            labels = np.array([places[label] for _, label in pairs], dtype=np.int64)
            found[split] = encoded(self.vocabulary, [text for text, _ in pairs], self.tokens), labels
        return found

    def batches(self, max_tokens: int, seed: int) -> LabelledBatches:
        """Training batches; see `LabelledBatches`."""
        return LabelledBatches(*self._encoded["train"], max_tokens, seed)

    def validation_batches(self, max_tokens: int) -> list[LabelledBatch]:
        """All validation texts once."""
        return labelled_batches(*self._encoded["valid"], max_tokens)[0]

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
            found = _probabilities(network, *self._encoded[split])
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
        said = _probabilities(network, texts, labels).argmax(1)
        return self.classes, self._matrix(labels, said).tolist()

    def floor(self, split: Split) -> dict[str, dict[str, float]]:
        """What always saying the most frequent class comes to, and logistic regression on character n-grams.

        The regression is computed once, and kept beside the task; `parameters` are its weights.
        """
        path = self.folder / f"floor-{split}.json"
        if path.exists():
            found: dict[str, dict[str, float]] = read_object(path, "floor")["floor"]
            return found
        train, labels = self.splits["train"], self._encoded["train"][1]
        shares = np.bincount(labels, minlength=len(self.classes)) / len(labels)
        texts = [text for text, _ in self.splits[split]]
        model = CharacterNGrams.fit([text for text, _ in train], labels, len(self.classes))
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
        said = classify(network, self.vocabulary, self.classes, [text for text, _ in chosen], self.tokens)
        return [(text, label, answer) for (text, label), ((answer, _), *_) in zip(chosen, said, strict=True)]

    def keep(self, folder: Path) -> None:
        """Write the vocabulary, the names of the classes, and how much of a text is read."""
        self.vocabulary.save(folder / "vocabulary.model")
        write_json(folder / _CLASSES_FILE, {"format": _FORMAT, "classes": list(self.classes), "tokens": self.tokens})


def load_classes(folder: Path) -> tuple[tuple[str, ...], int]:
    """The names of the classes and how much of a text is read, as `TextClassification.keep` wrote them.

    Raises:
        InputError: They are not there.
        IntegrityError: They are damaged.
    """
    path = folder / _CLASSES_FILE
    if not path.exists():
        raise InputError(f"{folder} has no {_CLASSES_FILE}; give the folder of a classifier.")
    kept = read_object(path, "classes", "tokens")
    return tuple(map(str, kept["classes"])), int(kept["tokens"])


def encoded(vocabulary: TextVocabulary, texts: Sequence[str], tokens: int) -> Sequences:
    """Texts as token ids, without the mark that batches put before each; at most `tokens - 1` of each."""
    return Sequences.of([ids[: tokens - 1] for ids in vocabulary.encode([normalise(text) for text in texts])])


def classify(
    network: torch.nn.Module, vocabulary: TextVocabulary, classes: Sequence[str], texts: Sequence[str], tokens: int
) -> list[list[tuple[str, float]]]:
    """Every text's classes with their probabilities, the likeliest first.

    Raises:
        InputError: The network is no classifier, or one of other classes.
    """
    _check(network, len(classes))
    rows = encoded(vocabulary, texts, tokens)
    found = _probabilities(network, rows, np.zeros(len(rows), dtype=np.int64))
    order = np.argsort(-found, axis=1, kind="stable")
    return [[(classes[i], float(row[i])) for i in places] for row, places in zip(found, order, strict=True)]


def _check(network: torch.nn.Module, classes: int | None = None) -> Classifier:
    if not isinstance(network, Classifier):
        raise InputError(f"a {type(network).__name__} classifies no texts; give a network of the family encoder.")
    if classes is not None and network.classes != classes:
        raise InputError(f"the network tells {network.classes} classes apart and there are {classes}; give its own.")
    return network


def _probabilities(network: torch.nn.Module, texts: Sequences, labels: _Ints) -> _Floats:
    """Of each class, float64 `[texts, classes]`, in the order of the texts."""
    import torch

    classifier = _check(network)
    device, training = next(network.parameters()).device, network.training
    found = np.zeros((len(texts), classifier.classes))
    batches, rows = labelled_batches(texts, labels, _MEASURED_TOKENS)
    network.eval()
    with torch.inference_mode():
        for batch, places in zip(batches, rows, strict=True):
            logits, _ = classifier.predictions(batch.to(device))
            found[places] = logits.double().softmax(-1).cpu().numpy()
    network.train(training)
    return found


def _coverage(texts: Sequence[str], size: int) -> float:
    """The share of all characters that the most frequent ones make up, as many as leave room for longer pieces."""
    counts = [count for _, count in Counter("".join(texts)).most_common()]
    return min(1.0, math.floor(1e6 * sum(counts[: max(1, size // _ALPHABET_SHARE)]) / sum(counts)) / 1e6)
