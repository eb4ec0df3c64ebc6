"""Architectures as numbers for a regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from foretell.errors import UnknownNameError
from foretell.spaces.gene import attended_layers

if TYPE_CHECKING:
    from foretell.spaces.space import Population, SearchSpace

__all__ = ["FeatureKind", "feature_names", "features"]

FeatureKind = Literal["hat", "hat-latency", "hat-bleu", "per-layer"]
"""Encodings that need nothing but the genes:

- "hat": one value a gene, averaged over active layers; attention as the number of attended layers. In the
  units of the genes, as in HAT's latency files (REFERENCE 6.2).
- "hat-latency": the same divided by the published norms of the latency predictor (REFERENCE 6.3).
- "hat-bleu": the same divided by the largest values, attention as (1 + mean of -1, 1, 2) / 3, as in the
  paper's distilled predictor (REFERENCE 9).
- "per-layer": one value a column divided by its gene's largest, zero for inactive layers (REFERENCE 3).

Physical quantities (parameters, FLOPs, latency) are costs: see `foretell.costs`.
"""


def features(space: SearchSpace, population: Population, kind: FeatureKind) -> npt.NDArray[np.float64]:
    """Encode a population.

    Args:
        space: The population's space.
        population: `int16 [n, columns]`, canonical or not.
        kind: Which encoding.

    Returns:
        `float64 [n, genes]`, or `[n, columns]` for "per-layer".

    Raises:
        UnknownNameError: There is no encoding of that name.
    """
    if kind == "per-layer":
        return _per_layer(space, population)
    if kind == "hat":
        return _averages(space, population)
    if kind == "hat-latency":
        norm = space.latency_norm or _maxima(space)
        return _averages(space, population) / np.array(norm)
    if kind == "hat-bleu":
        means = _averages(space, population) / _maxima(space)
        canonical = space.canonical(population)
        for column, gene in enumerate(space.genes):
            if gene.attends is not None:
                raw = canonical[:, space.columns(gene.name)]
                active = space.active(population)[:, space.columns(gene.name)]
                means[:, column] = (1 + (raw * active).sum(1) / active.sum(1)) / 3
        return means
    raise UnknownNameError("feature kind", kind, get_args(FeatureKind))


def feature_names(space: SearchSpace, kind: FeatureKind) -> list[str]:
    """The name of each feature column of `features`."""
    if kind != "per-layer":
        return [gene.name for gene in space.genes]
    names = []
    for gene in space.genes:
        columns = space.columns(gene.name)
        width = columns.stop - columns.start
        names += [gene.name] if gene.depth is None else [f"{gene.name}[{layer}]" for layer in range(width)]
    return names


def _maxima(space: SearchSpace) -> npt.NDArray[np.float64]:
    return np.array(
        [
            attended_layers(np.array(gene.choices, dtype=np.int16)).max() if gene.attends else max(gene.choices)
            for gene in space.genes
        ],
        dtype=np.float64,
    )


def _physical_values(space: SearchSpace, population: Population) -> npt.NDArray[np.float64]:
    canonical = space.canonical(population)
    values = canonical.astype(np.float64)
    for gene in space.genes:
        if gene.attends is not None:
            columns = space.columns(gene.name)
            values[:, columns] = attended_layers(canonical[:, columns])
    return values


def _averages(space: SearchSpace, population: Population) -> npt.NDArray[np.float64]:
    values = _physical_values(space, population)
    active = space.active(population)
    means = np.empty((len(population), len(space.genes)))
    for column, gene in enumerate(space.genes):
        columns = space.columns(gene.name)
        count = active[:, columns].sum(1)
        means[:, column] = (values[:, columns] * active[:, columns]).sum(1) / count
    return means


def _per_layer(space: SearchSpace, population: Population) -> npt.NDArray[np.float64]:
    scale = np.concatenate(
        [
            np.full(space.columns(gene.name).stop - space.columns(gene.name).start, top)
            for gene, top in zip(space.genes, _maxima(space), strict=True)
        ]
    )
    return _physical_values(space, population) * space.active(population) / scale
