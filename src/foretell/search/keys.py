"""Rows as bytes: the keys under which scores are remembered."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from foretell.spaces import Population

__all__ = ["from_keys", "row_keys"]


def row_keys(population: Population) -> list[bytes]:
    """One key a row, `int16 [n, columns]`; equal rows have equal keys. One call for all: a hot spot of searches."""
    if not population.size:
        return []
    rows = np.ascontiguousarray(population, dtype=np.int16)
    keys: list[bytes] = rows.view(f"V{rows.strides[0]}").ravel().tolist()
    return keys


def from_keys(keys: Iterable[bytes], width: int) -> Population:
    """The rows `int16 [n, width]` that the keys stand for."""
    return np.frombuffer(b"".join(keys), dtype=np.int16).reshape(-1, width)
