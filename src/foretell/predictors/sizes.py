"""How large architectures are: counts that are known before training, on record or in closed form."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from foretell.costs import CostModel, counted_costs
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.spaces import Population, SearchSpace

__all__ = ["recorded_sizes", "size_cost", "size_names", "sizes"]

Array = npt.NDArray[np.float64]

_COUNTS = ("param", "flop", "macs", "token")
_WITHOUT = ("no_emb", "non_emb", "without_emb", "nonemb", "decoder", "without_output")
"""Parts of names that say that embeddings are left out: what tells architectures of one vocabulary apart."""


def size_names(names: Iterable[str]) -> list[str]:
    """Those that count parameters, operations or tokens; latencies must be measured, and are none."""
    return [name for name in names if any(part in name.lower() for part in _COUNTS)]


def size_cost(names: Iterable[str]) -> str | None:
    """The count that means size: parameters without embeddings where they are there, else parameters, else FLOPs."""
    there = [name for name in size_names(names) if "token" not in name and "embedding_parameters" not in name]

    def order(name: str) -> tuple[bool, bool, int]:
        low = name.lower()
        return "param" not in low, not any(part in low for part in _WITHOUT), len(low)

    return min(there, key=order, default=None)


def recorded_sizes(space: SearchSpace, columns: Columns) -> list[str]:
    """The names of all counts, closed forms first; what a family counts for comparison only is left out."""
    counted = size_names(counted_costs(space))
    return counted or size_names(columns.costs)


def sizes(names: Iterable[str], space: SearchSpace, rows: Population, context: Context, columns: Columns) -> Array:
    """Logarithms of counts, `float64 [n, k]`; NaN where one is not on record, or is not positive."""
    names = list(names)
    closed = set(counted_costs(space))
    counted = [name for name in names if name in closed]
    values = {name: columns.lookup(name, rows) for name in names if name not in closed}
    if counted:
        values |= CostModel(space, vocabulary=context.vocabulary).costs(rows, tuple(counted))
    found = np.stack([values[name] for name in names], axis=1) if names else np.empty((len(rows), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(found > 0, np.log(found), np.nan)
