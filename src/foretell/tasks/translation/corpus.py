"""Parallel text, cleaned and split, in memory and on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from foretell.errors import InputError, IntegrityError
from foretell.records import read_json, write_atomic, write_json
from foretell.tasks.cleaning import Pair
from foretell.tasks.task import SPLITS, Split

__all__ = ["SPLITS", "ParallelCorpus", "Split"]

_FORMAT = 1
_META = "corpus.json"


@dataclass(frozen=True)
class ParallelCorpus:
    """Sentence pairs of two languages in three splits.

    Attributes:
        source_language: Code of the language translated from ("en").
        target_language: Code of the language translated to ("de").
        train: Pairs (source, target) to learn from.
        valid: Pairs to choose checkpoints and architectures by.
        test: Pairs for the final number only.
        provenance: Where it came from: name, version, sha256, licence, attribution, what cleaning dropped.
    """

    source_language: str
    target_language: str
    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]
    provenance: dict[str, Any] = field(default_factory=dict, compare=False)

    def split(self, name: Split) -> list[Pair]:
        """The pairs of one split."""
        pairs: list[Pair] = getattr(self, name)
        return pairs

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the languages and every pair, whatever they came from."""
        digest = hashlib.sha256(f"{self.source_language}\t{self.target_language}\n".encode())
        for name in SPLITS:
            digest.update(f"\f{name}\n".encode() + _to_tsv(self.split(name)))
        return digest.hexdigest()[:16]

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """Splits that have fewer pairs than were asked for, each as a sentence."""
        asked = self.provenance.get("config", {})
        return tuple(
            f"{wanted:,} {name} pairs were asked for, the corpus allows {len(self.split(name)):,}."
            for name in SPLITS
            if (wanted := asked.get(f"{name}_sentences")) is not None and len(self.split(name)) < wanted
        )

    def save(self, folder: Path) -> None:
        """Write three TSV files and, last, `corpus.json`; a folder without that file is no corpus.

        Raises:
            InputError: A sentence holds a tab or a line break.
            StorageError: The disk refused.
        """
        for name in SPLITS:
            _refuse_breaks(self.split(name), name)
            write_atomic(folder / f"{name}.tsv", _to_tsv(self.split(name)))
        meta = {
            "format": _FORMAT,
            "fingerprint": self.fingerprint,
            "source_language": self.source_language,
            "target_language": self.target_language,
            "pairs": {name: len(self.split(name)) for name in SPLITS},
            "provenance": self.provenance,
        }
        write_json(folder / _META, meta)

    def write_text(self, folder: Path) -> list[Path]:
        """Write two text files a split, `train.en` and `train.de` and so on: one sentence a line, aligned.

        Returns:
            The files.

        Raises:
            InputError: A sentence holds a tab or a line break.
            StorageError: The disk refused.
        """
        written = []
        for name in SPLITS:
            _refuse_breaks(self.split(name), name)
            for side, language in enumerate((self.source_language, self.target_language)):
                written.append(folder / f"{name}.{language}")
                write_atomic(written[-1], "".join(f"{pair[side]}\n" for pair in self.split(name)))
        return written

    @classmethod
    def load(cls, folder: Path) -> ParallelCorpus:
        """Read what `save` wrote.

        Raises:
            InputError: There is no corpus in `folder`.
            IntegrityError: The files are not what `corpus.json` says.
        """
        meta = read_json(folder / _META)
        if not isinstance(meta, dict) or meta.get("format") != _FORMAT:
            found = meta.get("format") if isinstance(meta, dict) else type(meta).__name__
            raise IntegrityError(f"{folder / _META} has format {found}, this version reads {_FORMAT}; delete {folder}.")
        try:
            train, valid, test = (_from_tsv(folder / f"{name}.tsv") for name in SPLITS)
            languages = meta["source_language"], meta["target_language"]
            corpus = cls(*languages, train, valid, test, provenance=meta["provenance"])
            matches = corpus.fingerprint == meta["fingerprint"]
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise IntegrityError(f"{folder} is not a complete corpus ({error!r}); delete it.") from error
        if not matches:
            raise IntegrityError(f"the sentences in {folder} do not match their fingerprint; delete it.")
        return corpus


def _to_tsv(pairs: Sequence[Pair]) -> bytes:
    return "".join(f"{source}\t{target}\n" for source, target in pairs).encode()


def _from_tsv(path: Path) -> list[Pair]:
    # Not splitlines(): it also breaks at characters that are text here, such as the line separator.
    lines = path.read_bytes().decode().split("\n")[:-1]
    return [(source, target) for source, target in (line.split("\t") for line in lines)]


def _refuse_breaks(pairs: Sequence[Pair], name: str) -> None:
    for number, (source, target) in enumerate(pairs, 1):
        if any(mark in text for text in (source, target) for mark in "\t\n\r"):
            raise InputError(
                f"pair {number} of {name} holds a tab or a line break; pass sentences through normalise() first."
            )
