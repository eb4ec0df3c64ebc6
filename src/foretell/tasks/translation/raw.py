"""What a source of text hands over, before cleaning and splitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from foretell.tasks.cleaning import GroupedPair

__all__ = ["RawCorpus"]


@dataclass(frozen=True)
class RawCorpus:
    """Pairs as found.

    Attributes:
        pairs: All pairs, or the training pairs where the corpus has splits of its own.
        provenance: name, version, sha256, licence, attribution, as far as known.
        valid: Validation pairs that came with the corpus, or None.
        test: Test pairs that came with the corpus, or None.
        documents: Texts to keep beside the corpus (file name to text): licence and attribution.
    """

    pairs: Sequence[GroupedPair]
    provenance: Mapping[str, Any]
    valid: Sequence[GroupedPair] | None = None
    test: Sequence[GroupedPair] | None = None
    documents: Mapping[str, str] = field(default_factory=dict)
