"""The token ids that every network and every vocabulary agree on, in fairseq's order."""

from __future__ import annotations

__all__ = ["BOS", "EOS", "PAD", "UNK"]

BOS = 0
"""Beginning of a sentence; reserved, never predicted (as in fairseq, the decoder starts with `EOS`)."""
PAD = 1
"""Fills up short sentences on the right; never predicted."""
EOS = 2
"""Ends every sentence, and starts the decoder's input."""
UNK = 3
"""Stands for what the vocabulary does not hold."""
