"""What is known of architectures before training, as blocks of features whose scale means something."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from foretell.costs import counted_costs
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.sizes import recorded_sizes, size_cost, sizes
from foretell.predictors.structure import cell_features, global_features, layer_features, total_features
from foretell.spaces import Population, SearchSpace

__all__ = ["Sight", "has_law"]

Array = npt.NDArray[np.float64]

_WIDE = 30.0
"""A gene of positive numbers that span such a factor is an amount: tokens, steps."""


def has_law(space: SearchSpace, columns: Columns) -> bool:
    """Whether there is anything to write a power law in: counts on record, or genes that are amounts."""
    return bool(_amounts(space)) or (not counted_costs(space) and size_cost(columns.costs) is not None)


def _amounts(space: SearchSpace) -> tuple[str, ...]:
    """Genes of positive numbers that span a wide factor."""
    return tuple(
        gene.name
        for gene in space.genes
        if gene.ordered and gene.depth is None and 0 < _WIDE * gene.numbers.min() <= gene.numbers.max()
    )


@dataclass(frozen=True)
class Sight:
    """What is known of architectures before training, as features of fixed scale.

    Attributes:
        space: Their space.
        columns: What is on record.
        context: The surroundings.
        counts: Names of sizes.
        wide: Names of genes that are amounts.
        scores: Names of scores.
        scales: Center and scale of each log size, `[2, counts + wide]`.
        ranks: Sorted values on record of each score.
    """

    space: SearchSpace
    columns: Columns
    context: Context
    counts: tuple[str, ...]
    wide: tuple[str, ...]
    scores: tuple[str, ...]
    scales: Array
    ranks: tuple[Array, ...]

    @classmethod
    def of(cls, space: SearchSpace, columns: Columns, context: Context, rows: Population) -> Sight:
        """What is known of all labelled rows."""
        closed = recorded_sizes(space, columns)
        known = ~np.isnan(sizes(closed, space, rows, context, columns)).any(axis=0)
        counts = tuple(name for name, there in zip(closed, np.atleast_1d(known).tolist(), strict=True) if there)
        main = size_cost(counts)
        counts = tuple(sorted(counts, key=lambda name: name != main))
        wide = _amounts(space)
        names = [*columns.scores, *columns.own_unit]
        scores = tuple(name for name in names if not np.isnan(columns.lookup(name, rows)).any())
        ranks = tuple(_known(columns, name, context) for name in scores)
        made = cls(space, columns, context, counts, wide, scores, np.empty((2, 0)), ranks)
        logs = made._logs(_known_rows(columns, counts, rows))
        spread = logs.std(axis=0)
        scales = np.stack([logs.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)])
        return replace(made, scales=scales)

    @property
    def has_size(self) -> bool:
        """Whether there is anything to write a power law in."""
        return bool(self.counts or self.wide)

    @property
    def needs_record(self) -> bool:
        """Whether an architecture that is not on record cannot be seen this way."""
        return bool(self.scores) or not set(self.counts) <= set(counted_costs(self.space))

    def _logs(self, rows: Population) -> Array:
        amounts = [np.log(self.space.numbers(rows, name)) for name in self.wide]
        return np.hstack([sizes(self.counts, self.space, rows, self.context, self.columns), *amounts])

    def blocks(self, rows: Population, exponents: Iterable[float]) -> dict[float, dict[str, Array]]:
        """Features by block, each row of a block about one long, for each exponent of the law."""
        logs = self._logs(rows) - self.scales[0]
        lines = logs / self.scales[1]
        main = [place for place in range(logs.shape[1]) if place == 0 or place >= len(self.counts)]
        found = {
            "main": lines[:, main],
            "counts": _shared(lines[:, : len(self.counts)]) if len(self.counts) > 1 else lines[:, :0],
            "globals": _shared(global_features(self.space, rows)),
            "totals": _shared(total_features(self.space, rows)),
            "layers": _shared(layer_features(self.space, rows)),
            "cells": _shared(cell_features(self.space, rows)),
        }
        found["scores"] = _shared(self._ranked(rows))
        return {exponent: {"law": self._law(logs, exponent)[:, main], **found} for exponent in exponents}

    def _law(self, logs: Array, exponent: float) -> Array:
        """A power of each size, grown linear where sizes are usual, `[n, k]`; its logarithm where the exponent is 0."""
        return (logs if exponent == 0 else -np.expm1(-exponent * logs) / exponent) / self.scales[1]

    def _ranked(self, rows: Population) -> Array:
        """Scores as normal scores of their rank among all on record: their tails reach anywhere."""
        from scipy.stats import norm

        found = [np.empty((len(rows), 0))]
        for name, known in zip(self.scores, self.ranks, strict=True):
            values = self.columns.goodness(name, rows, self.context.quality)
            below = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / 2
            scores = norm.ppf(np.clip((below + 0.25) / (len(known) + 0.5), 1e-4, 1 - 1e-4))
            found.append(np.where(np.isnan(values), np.nan, scores)[:, None])
        return np.hstack(found)


def _known(columns: Columns, name: str, context: Context) -> Array:
    """All values of a score on record, more being better, sorted."""
    if name in columns.scores:
        return np.sort(context.quality.goodness(np.array(list(columns.scores[name].values()), dtype=np.float64)))
    return np.sort(np.array(list(columns.own_unit[name].values()), dtype=np.float64))


def _known_rows(columns: Columns, counts: Sequence[str], rows: Population) -> Population:
    """All architectures whose sizes are on record, or the labelled ones."""
    known = columns.costs.get(counts[0]) if counts else None
    if known is None or len(known) <= len(rows):
        return rows
    keys = [key for key in known if all(key in columns.costs.get(name, known) for name in counts)]
    return np.frombuffer(b"".join(keys), dtype=np.int16).reshape(len(keys), rows.shape[1])


def _shared(features: Array) -> Array:
    """Features that count as one together, however many they are."""
    return features / np.sqrt(max(features.shape[1], 1))
