"""Language modelling as a task: text, its vocabulary and its tokens, ready to train on."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError, IntegrityError
from foretell.records import fingerprint, write_atomic
from foretell.tasks.language_model.batches import BlockBatches, TextBatch, text_batches
from foretell.tasks.language_model.config import TextConfig
from foretell.tasks.language_model.documents import contents_sha256, each_text_once, read_files, read_python_sources
from foretell.tasks.language_model.ngram import NGram
from foretell.tasks.language_model.splitting import TextSplits, deduplicate, split_documents
from foretell.tasks.language_model.vocabulary import TextVocabulary, load_vocabulary, train_vocabulary
from foretell.tasks.task import SPLITS, Measured, Split, measuring_options
from foretell.tasks.translation import home_assistant
from foretell.tasks.translation.config import cache_folder
from foretell.tasks.translation.loading import DamagedCacheWarning
from foretell.tasks.vocabulary import EOS, pieces_missing

if TYPE_CHECKING:
    import torch

__all__ = ["LanguageModelling", "Predictor", "Writer", "judged", "read_texts"]

_FORMAT = 1
_RULES = 1  # raise when reading, de-duplication or splitting changes
_MEASURED_TOKENS = 512
_ORDER = 4
_SHOWN = 0.7  # the temperature of examples: whole phrases, without loops


@runtime_checkable
class Predictor(Protocol):
    """A network that tells what follows."""

    def predictions(self, batch: TextBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits `[targets, pieces]` and the targets int64 `[targets]`, padding left out."""
        ...


@runtime_checkable
class Writer(Protocol):
    """A network that writes on from a prompt."""

    def write(
        self,
        prompt: list[int],
        tokens: int,
        *,
        samples: int = 1,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> list[list[int]]:
        """Texts without the prompt and end marks; at temperature 0 the likeliest token each time."""
        ...


@dataclass(frozen=True, eq=False)
class LanguageModelling:
    """Foretell the next token of a text; see `foretell.tasks.Task`.

    Attributes:
        texts: Fingerprint of the documents and how they were split.
        vocabulary: Text to tokens.
        tokens: Of each split, int32 [n]: an end mark, then each document and an end mark.
        text_bytes: Of each split's text, end marks not counted.
        block: Tokens that are read at a time.
        asked: Pieces of the vocabulary, and bytes of splits, that were asked for.
    """

    texts: str
    vocabulary: TextVocabulary
    tokens: Mapping[Split, NDArray[np.int32]]
    text_bytes: Mapping[Split, int]
    block: int
    asked: Mapping[str, int] = field(default_factory=dict)

    kind: ClassVar[str] = "language_model"
    metrics: ClassVar[tuple[str, ...]] = ("valid_bits_per_byte", "valid_loss", "valid_perplexity", "valid_accuracy")
    told_apart_by: ClassVar[str] = metrics[0]
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    measuring: ClassVar[int] = 1

    @classmethod
    def prepare(
        cls, config: TextConfig | None = None, vocabulary_size: int = 1000, cache_dir: Path | None = None
    ) -> LanguageModelling:
        """Get the text, train the vocabulary and encode, or read all of it from the cache folder.

        Raises:
            InputError: The text cannot be had or used, or the vocabulary does not fit it.
            IntegrityError: A download has the wrong hash.
            StorageError: The cache folder cannot be written.
        """
        config = config or TextConfig()
        documents = None
        if config.name != "files":
            contents = home_assistant.SHA256
        else:
            documents = read_files(config.paths, config.field)
            contents = contents_sha256(documents)
        said = config.model_dump(mode="json", exclude={"paths", "field", "pieces", "code", "block"})
        texts = fingerprint({"rules": _RULES, "contents": contents, **said})
        about = {
            "format": _FORMAT,
            "texts": texts,
            "size": vocabulary_size,
            "pieces": config.pieces,
            "code": config.code,
        }
        asked = {"valid": config.valid_bytes, "test": config.test_bytes}
        asked |= {} if config.pieces == "bytes" else {"vocabulary": vocabulary_size}
        folder = cache_folder(cache_dir) / "tasks" / fingerprint(about)
        if (folder / "tokens.npz").exists():
            try:
                return cls._load(folder, texts, config.block, asked)
            except (InputError, OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
                warnings.warn(f"{folder} is damaged ({error}) and made again", DamagedCacheWarning, stacklevel=2)
        splits = read_texts(config, cache_dir) if documents is None else _split(documents, config)
        vocabulary = train_vocabulary(splits.train, vocabulary_size, config.pieces, code=config.code)
        tokens = {name: _packed(part, vocabulary) for name, part in zip(SPLITS, splits, strict=True)}
        sizes = {name: sum(map(_size, part)) for name, part in zip(SPLITS, splits, strict=True)}
        task = cls(texts, vocabulary, tokens, sizes, config.block, asked)
        vocabulary.save(folder / "vocabulary.model")
        write_atomic(folder / "tokens.npz", task._dump())
        return task

    @classmethod
    def _load(cls, folder: Path, texts: str, block: int, asked: Mapping[str, int]) -> LanguageModelling:
        vocabulary = load_vocabulary(folder / "vocabulary.model")
        with np.load(BytesIO((folder / "tokens.npz").read_bytes()), allow_pickle=False) as arrays:
            if str(arrays["vocabulary"]) != vocabulary.fingerprint:
                raise IntegrityError(f"{folder} was encoded with another vocabulary")
            tokens = {name: arrays[name] for name in SPLITS}
            sizes = {name: int(size) for name, size in zip(SPLITS, arrays["bytes"], strict=True)}
        return cls(texts, vocabulary, tokens, sizes, block, asked)

    def _dump(self) -> bytes:
        buffer = BytesIO()
        sizes = np.array([self.text_bytes[name] for name in SPLITS], dtype=np.int64)
        arrays: dict[str, Any] = {"vocabulary": np.array(self.vocabulary.fingerprint), "bytes": sizes}
        np.savez(buffer, **arrays | {name: self.tokens[name] for name in SPLITS})
        return buffer.getvalue()

    @cached_property
    def fingerprint(self) -> str:
        """Names the text, the vocabulary and the block together."""
        return fingerprint([self.texts, self.vocabulary.fingerprint, self.block])

    @property
    def corpus_fingerprint(self) -> str:
        """Names the text."""
        return self.texts

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """See `foretell.tasks.Task`; less than nine tenths of the bytes asked for are fewer."""
        found = [pieces_missing(self.vocabulary.size, self.asked.get("vocabulary", 0))]
        for split in ("valid", "test"):
            has, asked = self.text_bytes[split], self.asked.get(split, 0)
            less = f"{asked:,} bytes of {split} text were asked for, a tenth of the text are {has:,}: they are used."
            found.append(less if has < 0.9 * asked else "")
        return tuple(filter(None, found))

    @property
    def sizes(self) -> dict[str, int]:
        """What networks need to know of the task."""
        return {"vocabulary": self.vocabulary.size}

    def batches(self, max_tokens: int, seed: int) -> BlockBatches:
        """Training batches; see `BlockBatches`."""
        return BlockBatches(self.tokens["train"], self.block, max_tokens, seed)

    def validation_batches(self, max_tokens: int) -> list[TextBatch]:
        """All validation targets once."""
        return text_batches(self.tokens["valid"], self.block, max_tokens)

    def typical_batch(self, max_tokens: int) -> TextBatch:
        """The first training batch; all are of one size."""
        return BlockBatches(self.tokens["train"], self.block, max_tokens).epoch(0)[0]

    def validation_tensors(self) -> dict[str, torch.Tensor]:
        """The validation tokens and the block."""
        import torch

        return {"tokens": torch.from_numpy(self.tokens["valid"]), "block": torch.tensor(self.block)}

    def measure(self, network: torch.nn.Module, splits: Sequence[Split], **options: Any) -> Measured:
        """Loss in bits a token, perplexity, bits a byte, next-token accuracy; see `foretell.tasks.Task`."""
        measuring_options(self.options, options)
        metrics: dict[str, float] = {}
        for split in splits:
            bits, right = judged(network, text_batches(self.tokens[split], self.block, _MEASURED_TOKENS))
            metrics |= self._metrics(split, bits)
            metrics[f"{split}_accuracy"] = 100 * right / (len(self.tokens[split]) - 1)
        return Measured(metrics)

    def _metrics(self, split: Split, bits: float) -> dict[str, float]:
        loss = bits / (len(self.tokens[split]) - 1)
        metrics = {"loss": loss, "perplexity": 2.0**loss, "bits_per_byte": bits / self.text_bytes[split]}
        return {f"{split}_{name}": value for name, value in metrics.items()}

    def ngram(self, order: int = _ORDER) -> NGram:
        """An n-gram model of the training split."""
        return NGram(self.tokens["train"], self.vocabulary.size, order)

    def examples(self, split: Split) -> Sequence[tuple[str, str]]:
        """None: there is no one right way to write on."""
        return ()

    def floor(self, split: Split) -> dict[str, dict[str, float]]:
        """What counting tokens alone, and in fours, comes to on the same tokens."""
        found = {}
        for name, order in (("unigram", 1), (f"{_ORDER}-gram", _ORDER)):
            bits = -np.log2(self.ngram(order).probabilities(self.tokens[split])).sum()
            found[name] = self._metrics(split, float(bits))
        return found

    def show(self, network: torch.nn.Module, count: int, **options: Any) -> list[tuple[str, str, str]]:
        """Beginnings of text, how it went on, and how the likeliest sample of the network goes on."""
        if not isinstance(network, Writer):
            raise InputError(f"a {type(network).__name__} writes no text; give a network of the family decoder.")
        text, half = self.tokens["test"], self.block // 2
        starts = np.unique(np.linspace(0, max(0, len(text) - 2 * half - 1), count).round().astype(int))
        found = []
        for start in starts.tolist():
            prompt, rest = text[start : start + half].tolist(), text[start + half : start + 2 * half].tolist()
            (said,) = network.write(prompt, half, temperature=_SHOWN, seed=start)
            found.append(tuple(self.vocabulary.decode([_plain(each)])[0] for each in (prompt, rest, said)))
        return [(prompt, rest, said) for prompt, rest, said in found]

    def keep(self, folder: Path) -> None:
        """Write the vocabulary."""
        self.vocabulary.save(folder / "vocabulary.model")


def read_texts(config: TextConfig, cache_dir: Path | None = None) -> TextSplits:
    """The documents of a corpus, split.

    Raises:
        InputError: The text cannot be had or used.
        IntegrityError: A download has the wrong hash.
    """
    if config.name == "files":
        return _split(read_files(config.paths, config.field), config)
    wheel = home_assistant.original_wheel(cache_folder(cache_dir), config.paths[0] if config.paths else None)
    if config.name == "home-assistant-python":
        return _split(read_python_sources(wheel), config)
    return _split(each_text_once(home_assistant.read_messages(wheel, "en")), config)


def _split(documents: Sequence[Any], config: TextConfig) -> TextSplits:
    sizes = (config.train_bytes, config.valid_bytes, config.test_bytes)
    return split_documents(deduplicate(documents), *sizes, config.seed)


def _plain(tokens: list[int]) -> list[int]:
    """Tokens without end marks, at which decoding would stop."""
    return [token for token in tokens if token != EOS]


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _packed(texts: Sequence[str], vocabulary: TextVocabulary) -> NDArray[np.int32]:
    parts = [np.array([EOS], dtype=np.int32)]
    parts += [np.array([*tokens, EOS], dtype=np.int32) for tokens in vocabulary.encode(texts)]
    return np.concatenate(parts)


def judged(network: torch.nn.Module, batches: Sequence[TextBatch]) -> tuple[float, int]:
    """Bits of all targets, and how many were the likeliest.

    Raises:
        InputError: The network foretells no text.
    """
    import torch

    if not isinstance(network, Predictor):
        raise InputError(f"a {type(network).__name__} foretells no text; give a network of the family decoder.")
    device, training = next(network.parameters()).device, network.training
    network.eval()
    bits, right = 0.0, 0
    with torch.inference_mode():
        for batch in batches:
            logits, targets = network.predictions(batch.to(device))
            nats = torch.nn.functional.cross_entropy(logits.double(), targets, reduction="sum")
            bits += float(nats) / math.log(2)
            right += int((logits.argmax(-1) == targets).sum())
    network.train(training)
    return bits, right
