"""How many architectures a space has, and drawing each of them equally often."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from foretell.spaces.gene import Gene

if TYPE_CHECKING:
    from foretell.spaces.space import Population, SearchSpace

__all__ = ["redraw_uniformly", "sizes_by_depth"]


def sizes_by_depth(space: SearchSpace) -> list[tuple[tuple[int, ...], int]]:
    """For each combination of the depth genes' choices (their places), how many architectures have it."""
    result = []
    genes = _depth_genes(space)
    for places in itertools.product(*(range(len(gene.choices)) for gene in genes)):
        chosen = zip(genes, places, strict=True)
        depth_of = {gene.name: int(gene.numbers[place]) for gene, place in chosen}
        size = 1
        for gene in space.genes:
            if gene.name not in depth_of:
                size *= _distinct(gene, depth_of) ** (depth_of[gene.depth] if gene.depth else 1)
        result.append((places, size))
    return result


def redraw_uniformly(space: SearchSpace, population: Population, rng: np.random.Generator) -> None:
    """Draw the depth genes, and what they bound, anew, so that every distinct architecture is equally likely.

    Args:
        space: Whose population it is.
        population: Drawn uniformly over genes, `int16 [n, columns]`; changed.
        rng: The source of randomness.
    """
    combinations, sizes = zip(*sizes_by_depth(space), strict=True)
    total = sum(sizes)
    chosen = rng.choice(len(sizes), size=len(population), p=[size / total for size in sizes])
    depths = np.array(combinations, dtype=np.int16)[chosen]
    for index, gene in enumerate(_depth_genes(space)):
        population[:, space.columns(gene.name)] = depths[:, index : index + 1]
    for gene in space.genes:
        if gene.bound is not None:
            places = population[:, space.columns(gene.name)]
            bounds = space.numbers(population, gene.bound)[:, 0]
            for bound in np.unique(bounds):
                rows = np.flatnonzero(bounds == bound)
                places[rows] = rng.choice(np.unique(gene.meanings(bound)), size=(len(rows), places.shape[1]))


def _depth_genes(space: SearchSpace) -> list[Gene]:
    named = {gene.depth for gene in space.genes} | {gene.bound for gene in space.genes}
    return [gene for gene in space.genes if gene.name in named]


def _distinct(gene: Gene, depth_of: Mapping[str, int]) -> int:
    return len(gene.choices) if gene.bound is None else len(set(gene.meanings(depth_of[gene.bound])))
