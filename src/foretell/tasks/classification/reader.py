"""From texts to tokens, and from what a network says to classes: what using one takes beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError, IntegrityError
from foretell.records import read_object, write_json
from foretell.tasks.classification.batches import LabelledBatch, labelled_batches
from foretell.tasks.classification.word_pieces import WordPieces
from foretell.tasks.cleaning import normalise
from foretell.tasks.language_model.vocabulary import TextVocabulary, load_vocabulary
from foretell.tasks.translation.encoded import Sequences

if TYPE_CHECKING:
    import torch

__all__ = ["Classifier", "TextReader", "as_read"]

_FORMAT = 1
_TOKENS = 2048
_CLASSES, _VOCABULARY, _WORD_PIECES = "classes.json", "vocabulary.model", "tokenizer.json"


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


def as_read(text: str, *, lowercase: bool) -> str:
    """A text as vocabularies see it: normalised, and in lower case letter by letter (the final sigma like any)."""
    clean = normalise(text)
    return "".join(map(str.lower, clean)) if lowercase else clean


@dataclass(frozen=True, eq=False)
class TextReader:
    """How texts are read and their classes named.

    Attributes:
        vocabulary: Text to tokens.
        classes: Names, sorted; their places are the targets.
        tokens: Of a text, so many are read, marks included.
        lowercase: Whether texts are read in lower case.
    """

    vocabulary: TextVocabulary
    classes: tuple[str, ...]
    tokens: int
    lowercase: bool

    def encode(self, texts: Sequence[str]) -> Sequences:
        """Token ids without the mark that batches put before each text."""
        found = self.vocabulary.encode([as_read(text, lowercase=self.lowercase) for text in texts])
        closing = self.vocabulary.closing if isinstance(self.vocabulary, WordPieces) else ()
        return Sequences.of([[*ids[: self.tokens - 1 - len(closing)], *closing] for ids in found])

    def probabilities(self, network: torch.nn.Module, texts: Sequences) -> NDArray[np.float64]:
        """Of each class, `[texts, classes]`, in the order of the texts.

        Raises:
            InputError: The network is no classifier, or one of other classes.
        """
        import torch

        if not isinstance(network, Classifier):
            raise InputError(f"a {type(network).__name__} classifies no texts; give a network of the family encoder.")
        if network.classes != len(self.classes):
            raise InputError(
                f"the network tells {network.classes} classes apart and there are {len(self.classes)}; give its own."
            )
        device, training = next(network.parameters()).device, network.training
        found = np.zeros((len(texts), len(self.classes)))
        batches, rows = labelled_batches(texts, np.zeros(len(texts), dtype=np.int64), _TOKENS)
        network.eval()
        with torch.inference_mode():
            for batch, places in zip(batches, rows, strict=True):
                logits, _ = network.predictions(batch.to(device))
                found[places] = logits.double().softmax(-1).cpu().numpy()
        network.train(training)
        return found

    def classify(self, network: torch.nn.Module, texts: Sequence[str]) -> list[list[tuple[str, float]]]:
        """Every text's classes with their probabilities, the likeliest first; see `probabilities`."""
        found = self.probabilities(network, self.encode(texts))
        order = np.argsort(-found, axis=1, kind="stable")
        return [[(self.classes[i], float(row[i])) for i in places] for row, places in zip(found, order, strict=True)]

    def save(self, folder: Path) -> None:
        """Write `classes.json`, and `vocabulary.model` or the `tokenizer.json` of word pieces."""
        self.vocabulary.save(folder / (_WORD_PIECES if isinstance(self.vocabulary, WordPieces) else _VOCABULARY))
        told = {"classes": list(self.classes), "tokens": self.tokens, "lowercase": self.lowercase}
        write_json(folder / _CLASSES, {"format": _FORMAT, **told})

    @classmethod
    def load(cls, folder: Path) -> TextReader:
        """Read what `save` wrote.

        Raises:
            InputError: It is not there.
            IntegrityError: It is damaged.
        """
        path = folder / _CLASSES
        if not path.exists():
            raise InputError(f"{folder} has no {_CLASSES}; give the folder of a classifier.")
        kept = read_object(path, "classes", "tokens", "lowercase")
        try:
            classes, tokens = tuple(map(str, kept["classes"])), int(kept["tokens"])
        except (TypeError, ValueError) as error:
            raise IntegrityError(f"{path} names no classes ({error}); restore it.") from None
        pieces = folder / _WORD_PIECES
        vocabulary = WordPieces.load(pieces) if pieces.exists() else load_vocabulary(folder / _VOCABULARY)
        return cls(vocabulary, classes, tokens, bool(kept["lowercase"]))
