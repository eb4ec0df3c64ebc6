"""Architectures as numbers for a regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from foretell.errors import UnknownNameError
from foretell.spaces.gene import Gene

if TYPE_CHECKING:
    from foretell.spaces.space import Population, SearchSpace

__all__ = ["FEATURE_KINDS", "averages", "feature_names", "features"]

Array = npt.NDArray[np.float64]

FEATURE_KINDS: tuple[str, ...] = ("averages", "per-layer", "one-hot")
"""Encodings that need nothing but the genes; a family may know more:

- "averages": for each gene of numbers its mean over active layers, for each gene of words the share of active
  layers that each word has. In the units of the genes.
- "per-layer": one value a column divided by its gene's largest magnitude, zero for inactive layers; a word is a
  column of its own that is one where it is chosen.
- "one-hot": a column for each choice of each column, numbers too; all zero for inactive layers.

Physical quantities (parameters, FLOPs, latency) are costs.
"""


def features(space: SearchSpace, population: Population, kind: str) -> Array:
    """Encode a population.

    Args:
        space: The population's space.
        population: `int16 [n, columns]`, canonical or not.
        kind: One of `FEATURE_KINDS`, or of the family's own.

    Returns:
        `float64 [n, features]`, as many as `feature_names` names.

    Raises:
        UnknownNameError: There is no encoding of that name.
    """
    rows = space.canonical(population)
    if space.family is not None and kind in space.family.features:
        return space.family.features[kind](space, rows)
    if kind == "averages":
        return averages(space, rows)
    if kind not in FEATURE_KINDS:
        raise UnknownNameError("feature kind", kind, _kinds(space))
    active = space.active(rows)
    parts = [_columns(space, gene, rows, active, kind) for gene in space.genes]
    return np.concatenate(parts, axis=1) if parts else np.empty((len(rows), 0))


def feature_names(space: SearchSpace, kind: str) -> list[str]:
    """The name of each feature column of `features`."""
    if space.family is not None and kind in space.family.features:
        return space.family.features[kind].names(space)
    names = []
    for gene in space.genes:
        columns = space.columns(gene.name)
        if kind == "averages" or gene.depth is None:
            layers = [gene.name]
        else:
            layers = [f"{gene.name}[{layer}]" for layer in range(columns.stop - columns.start)]
        apart = not gene.ordered or kind == "one-hot"
        names += [f"{layer}={choice}" for layer in layers for choice in gene.choices] if apart else layers
    return names


def _kinds(space: SearchSpace) -> list[str]:
    return [*FEATURE_KINDS, *(space.family.features if space.family is not None else ())]


def averages(space: SearchSpace, canonical: Population) -> Array:
    """The encoding "averages" of canonical rows, `float64 [n, features]`."""
    active = space.active(canonical)
    parts = []
    for gene in space.genes:
        columns = space.columns(gene.name)
        there = active[:, columns]
        values = space.numbers(canonical, gene.name)[:, :, None] if gene.ordered else _chosen(space, gene, canonical)
        parts.append((values * there[:, :, None]).sum(axis=1) / there.sum(axis=1)[:, None])
    return np.concatenate(parts, axis=1) if parts else np.empty((len(canonical), 0))


def _columns(space: SearchSpace, gene: Gene, rows: Population, active: npt.NDArray[np.bool_], kind: str) -> Array:
    there = active[:, space.columns(gene.name)]
    if gene.ordered and kind == "per-layer":
        # Divided last, as it always was: the last digit of what is fitted on it is on record.
        return space.numbers(rows, gene.name) * there / (np.abs(gene.numbers).max() or 1.0)
    return (_chosen(space, gene, rows) * there[:, :, None]).reshape(len(rows), -1)


def _chosen(space: SearchSpace, gene: Gene, rows: Population) -> Array:
    """One where a choice is chosen, `[n, layers, choices]`."""
    places = rows[:, space.columns(gene.name)]
    return (places[:, :, None] == np.arange(len(gene.choices), dtype=np.int16)).astype(np.float64)
