"""Joint sub-word vocabularies of both languages, by SentencePiece."""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foretell.errors import InputError, IntegrityError
from foretell.records import write_atomic
from foretell.tasks.cleaning import normalise

if TYPE_CHECKING:
    from foretell.tasks.translation.corpus import ParallelCorpus

__all__ = ["BOS", "EOS", "PAD", "UNK", "Vocabulary", "VocabularyKind", "pieces_missing", "train_pieces"]

# fairseq's order of the special tokens: positions start at PAD + 1.
BOS, PAD, EOS, UNK = 0, 1, 2, 3
VocabularyKind = Literal["unigram", "bpe"]
_ALPHABET_SHARE = 4  # of the pieces, at most one in four for single characters
_MOST_SENTENCES = 1_000_000  # more teach a vocabulary nothing and take minutes


class Vocabulary:
    """Text to token ids and back.

    Args:
        model: A serialised SentencePiece model.
    """

    def __init__(self, model: bytes) -> None:
        self._model = model

    @classmethod
    def train(cls, corpus: ParallelCorpus, size: int, kind: VocabularyKind = "bpe") -> Vocabulary:
        """Learn a joint vocabulary from both sides of the training split only.

        The same corpus and settings give the same bytes: one thread, no sampling.

        Args:
            corpus: Whose training split is read.
            size: Pieces wanted, the four special ones included. A corpus too small for so many gives as many
                as it has: read `size` of the result.
            kind: SentencePiece's algorithm. Byte pair encoding counts whole numbers, so it does not depend on
                the machine's arithmetic, and is ready ten times sooner for sentences of the same length.

        Raises:
            InputError: The training split is empty, or `size` is smaller than its alphabet.
        """
        if not corpus.train:
            raise InputError("the training split is empty, a vocabulary needs sentences; check the corpus.")
        stride = -(-len(corpus.train) // (_MOST_SENTENCES // 2))
        return cls(_train([text for pair in corpus.train[::stride] for text in pair], size, kind))

    @cached_property
    def _processor(self) -> Any:
        import sentencepiece

        try:
            processor = sentencepiece.SentencePieceProcessor(model_proto=self._model)
        except RuntimeError as error:
            raise IntegrityError("this is not a SentencePiece model; delete it or choose another file.") from error
        found = (processor.bos_id(), processor.pad_id(), processor.eos_id(), processor.unk_id())
        if found != (BOS, PAD, EOS, UNK):
            raise IntegrityError(
                f"the SentencePiece model numbers bos, pad, eos, unk {found}, expected {(BOS, PAD, EOS, UNK)}; "
                "train the vocabulary with foretell."
            )
        return processor

    @property
    def size(self) -> int:
        """Number of pieces: the rows of an embedding."""
        return int(self._processor.get_piece_size())

    def __len__(self) -> int:
        return self.size

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the model's SHA-256."""
        return hashlib.sha256(self._model).hexdigest()[:16]

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token ids of each sentence, without begin and end marks; text is normalised as the corpus was."""
        ids: list[list[int]] = self._processor.encode([normalise(text) for text in sentences])
        return ids

    def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Sentences of token ids, up to the first `EOS` and without special tokens and unknown characters."""
        spoken = [_spoken(ids, self.size) for ids in sequences]
        texts: list[str] = self._processor.decode(spoken) if spoken else []  # it decodes [] to "", not to []
        return texts

    def save(self, path: Path) -> None:
        """Write the SentencePiece model, atomically."""
        write_atomic(path, self._model)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read a SentencePiece model.

        Raises:
            InputError: There is no such file.
            IntegrityError: It is not a SentencePiece model with foretell's special tokens.
        """
        try:
            vocabulary = cls(path.read_bytes())
        except OSError as error:
            raise InputError(f"the vocabulary {path} cannot be read ({error.strerror}); check the path.") from error
        try:
            _ = vocabulary.size
        except IntegrityError as error:
            raise IntegrityError(f"{path}: {error}") from error
        return vocabulary


def pieces_missing(size: int, asked: int) -> str:
    """A sentence where a vocabulary has fewer pieces than were asked for, else nothing."""
    less = f"a vocabulary of {asked:,} pieces was asked for, the training text has {size:,}: these are used."
    return less if size < asked else ""


def _spoken(ids: Sequence[int], size: int) -> list[int]:
    spoken = []
    for token in map(int, ids):
        if token == EOS:
            break
        if UNK < token < size:
            spoken.append(token)
    return spoken


def train_pieces(
    sentences: Iterable[str],
    size: int,
    kind: VocabularyKind,
    refused: Callable[[str, int], InputError],
    **options: Any,
) -> bytes:
    """Train a SentencePiece model with our marks, on text that is used as it is.

    Args:
        sentences: What it learns from.
        size: Pieces wanted, marks included.
        kind: How pieces are found.
        refused: Makes the error of a size that does not fit the text, from SentencePiece's message and the size.
        **options: More of SentencePiece's options.
    """
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type=kind,
            vocab_size=size,
            # The text is normalised already, and NFKC would change references ("…" to "...").
            normalization_rule_name="identity",
            num_threads=1,
            bos_id=BOS,
            pad_id=PAD,
            eos_id=EOS,
            unk_id=UNK,
            minloglevel=2,
            **options,
        )
    except RuntimeError as error:
        if "ocabulary" not in str(error):
            raise  # want of memory, say
        raise refused(str(error), size) from error
    return model.getvalue()


def _train(sentences: Sequence[str], size: int, kind: VocabularyKind) -> bytes:
    # A soft limit: exact when the corpus has that many pieces, otherwise all it has.
    soft = {"hard_vocab_limit": False, "character_coverage": _coverage(sentences, size)}
    return train_pieces(sentences, size, kind, _refused, **soft)


def _coverage(sentences: Sequence[str], size: int) -> float:
    """All characters where they leave room for longer pieces, else without the rarest (of Chinese, say)."""
    alphabet = len(set().union(*sentences))
    return 1.0 if alphabet <= size // _ALPHABET_SHARE else 0.9995


def _refused(message: str, size: int) -> InputError:
    least = re.search(r"\d+ vs (\d+)", message)
    need = int(least[1]) if least else size
    roomy = 1000 * math.ceil(need * (_ALPHABET_SHARE - 1) / 1000)
    return InputError(
        f"a vocabulary of {size} pieces cannot hold the corpus's alphabet, which takes at least {need} by itself; "
        f"leave room for words, too, as with vocabulary: {roomy}."
    )
