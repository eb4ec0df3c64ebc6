"""Search spaces, and populations of architectures as integer matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.spaces.gene import Gene, attended_layers

if TYPE_CHECKING:
    from foretell.spaces.architecture import Architecture
    from foretell.spaces.features import FeatureKind
    from foretell.spaces.transformer import Backbone

__all__ = ["Population", "SearchSpace"]

Population = npt.NDArray[np.int16]
"""Architectures in a crowd: `int16 [n, columns]`, one row each, holding the genes' values themselves."""

_Mask = npt.NDArray[np.bool_]


class SearchSpace:
    """An ordered set of genes and the network family that they describe.

    A global gene takes one column of a population, a per-layer gene one column for each layer that its
    depth gene can switch on. Layers beyond the active depth keep their values, so that evolution can carry
    them (REFERENCE 5.1), but mean nothing; `canonical` removes them.

    Args:
        name: The name under which the space is known.
        genes: The genes, in the order of the columns.
        backbone: What all architectures of the space share.
        description: One line for people.
        latency_norm: Divisors of the ten averaged values in HAT's latency predictor, where they are
            published (REFERENCE 6.3); None: each gene's largest value.

    Raises:
        InputError: Two genes of one name, or a per-layer gene whose depth gene is not in the space.
    """

    def __init__(
        self,
        name: str,
        genes: Sequence[Gene],
        backbone: Backbone,
        description: str = "",
        latency_norm: tuple[float, ...] | None = None,
    ) -> None:
        self.name = name
        self.genes = tuple(genes)
        self.backbone = backbone
        self.description = description
        self.latency_norm = latency_norm
        self._by_name = {gene.name: gene for gene in self.genes}
        if len(self._by_name) != len(self.genes):
            raise InputError(f"space {name} has two genes of one name; each name may stand once.")
        for gene in self.genes:
            for other in (gene.depth, gene.attends):
                if other is not None and other not in self._by_name:
                    raise InputError(f"space {name}: gene {gene.name} needs the depth gene {other}; add it.")
        self._slices: dict[str, slice] = {}
        start = 0
        for gene in self.genes:
            width = max(self._by_name[gene.depth].choices) if gene.depth else 1
            self._slices[gene.name] = slice(start, start + width)
            start += width
        self.width = start

    def __repr__(self) -> str:
        return f"SearchSpace({self.name!r}, {len(self.genes)} genes, {self.width} columns)"

    # ---- genes and columns

    def gene(self, name: str) -> Gene:
        """The gene called `name`.

        Raises:
            UnknownNameError: The space has no such gene; the message names the nearest.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownNameError("gene", name, self._by_name, f"the space {self.name}") from None

    def columns(self, name: str) -> slice:
        """The columns of a population that hold the gene called `name`."""
        return self._slices[self.gene(name).name]

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits: equal for spaces with the same genes and backbone."""
        from dataclasses import asdict

        from foretell.records import fingerprint

        genes = [[g.name, list(g.choices), g.depth, g.attends] for g in self.genes]
        return fingerprint({"genes": genes, "backbone": asdict(self.backbone)})

    @cached_property
    def _column_genes(self) -> list[Gene]:
        return [gene for gene in self.genes for _ in range(self._width(gene))]

    @cached_property
    def _table(self) -> Population:
        """Choices by column, `[columns, most choices]`, short rows padded with their last choice."""
        most = max(len(gene.choices) for gene in self.genes)
        rows = [list(g.choices) + [g.choices[-1]] * (most - len(g.choices)) for g in self._column_genes]
        return np.array(rows, dtype=np.int16)

    @cached_property
    def _counts(self) -> npt.NDArray[np.float32]:
        return np.array([len(gene.choices) for gene in self._column_genes], dtype=np.float32)

    def _width(self, gene: Gene) -> int:
        columns = self._slices[gene.name]
        return columns.stop - columns.start

    # ---- drawing

    def sample(
        self, n: int, rng: np.random.Generator, *, uniform_over: Literal["genes", "architectures"] = "genes"
    ) -> Population:
        """Draw `n` architectures.

        Args:
            n: How many.
            rng: The source of randomness; nothing else is used.
            uniform_over: "genes" draws every gene uniformly and on its own, so that depths are equally
                likely (HAT's way, REFERENCE 2.4 and 5.1); "architectures" makes every distinct
                architecture equally likely, so that almost all are deep.

        Returns:
            Values, `int16 [n, columns]`.
        """
        # The product of a float32 below one and a small count can round up to the count itself.
        index = (rng.random((n, self.width), dtype=np.float32) * self._counts).astype(np.intp)
        np.minimum(index, self._counts.astype(np.intp) - 1, out=index)
        index += np.arange(self.width) * self._table.shape[1]
        population = self._table.take(index)
        if uniform_over == "architectures":
            self._redraw_uniformly(population, rng)
        return population

    def _redraw_uniformly(self, population: Population, rng: np.random.Generator) -> None:
        combinations, sizes = zip(*self._sizes_by_depth(), strict=True)
        total = sum(sizes)
        chosen = rng.choice(len(sizes), size=len(population), p=[size / total for size in sizes])
        depths = np.array(combinations, dtype=np.int16)[chosen]
        for index, gene in enumerate(self._depth_genes):
            population[:, self.columns(gene.name)] = depths[:, index : index + 1]
        for gene in self.genes:
            if gene.attends is not None:
                values = population[:, self.columns(gene.name)]
                reach = population[:, self.columns(gene.attends)][:, 0]
                for depth in np.unique(reach):
                    rows = np.flatnonzero(reach == depth)
                    distinct = np.unique([_clipped(gene, choice, int(depth)) for choice in gene.choices])
                    values[rows] = rng.choice(distinct, size=(len(rows), values.shape[1]))

    def mutate(self, population: Population, probability: float, rng: np.random.Generator) -> Population:
        """Redraw each gene of each row with the given probability (it may draw the same value again).

        Args:
            population: `int16 [n, columns]`; not changed.
            probability: Of one gene's being redrawn.
            rng: The source of randomness.

        Returns:
            Mutants, `int16 [n, columns]`.
        """
        redrawn = rng.random(population.shape, dtype=np.float32) < probability
        return np.where(redrawn, self.sample(len(population), rng), population)

    def crossover(self, a: Population, b: Population, rng: np.random.Generator) -> Population:
        """Take each gene from `a` or `b` with equal probability.

        Args:
            a: One parent of each child, `int16 [n, columns]`.
            b: The other parent, same shape; the children have it too.
            rng: The source of randomness.
        """
        return np.where(rng.random(a.shape, dtype=np.float32) < 0.5, a, b)

    # ---- what a row means

    def active(self, population: Population) -> _Mask:
        """Which entries mean something: `bool [n, columns]`, false for layers beyond the depth."""
        depth_columns, layers = self._activity
        return population.take(depth_columns, axis=1) > layers

    @cached_property
    def _activity(self) -> tuple[npt.NDArray[np.intp], Population]:
        """For each column, the column of its depth gene (its own for a global gene), and its layer number.

        A global gene has the layer number -2, below every value: always active. One comparison for all genes.
        """
        columns, layers = np.arange(self.width), np.full(self.width, -2, dtype=np.int16)
        for gene in self.genes:
            if gene.depth is not None:
                columns[self.columns(gene.name)] = self.columns(gene.depth).start
                layers[self.columns(gene.name)] = np.arange(self._width(gene))
        return columns, layers

    def canonical(self, population: Population) -> Population:
        """The one spelling of each architecture: equal rows exactly when the networks are the same.

        Values of inactive layers become the gene's first choice, and attention to more layers than there
        are becomes the smallest choice that attends to all of them.

        Args:
            population: `int16 [n, columns]`; not changed.

        Returns:
            `int16 [n, columns]`, members of the space again.
        """
        clipped = population
        for gene, table in self._clips:
            clipped = population.copy() if clipped is population else clipped
            columns = self.columns(gene.name)
            depth = population[:, self.columns(gene.attends or "")]
            clipped[:, columns] = table[depth, population[:, columns] + 1]
        return np.where(self.active(population), clipped, self._table[:, 0])

    @cached_property
    def _clips(self) -> list[tuple[Gene, Population]]:
        """For each attention gene, what a value means at each depth of the stack attended to.

        Row: the depth; column: the value plus one, so that -1 is column 0.
        """
        clips = []
        for gene in self.genes:
            if gene.attends is not None:
                depths = range(max(self.gene(gene.attends).choices) + 1)
                table = [[_clipped(gene, value, depth) for value in (-1, 0, 1, 2)] for depth in depths]
                clips.append((gene, np.array(table, dtype=np.int16)))
        return clips

    def validate(self, population: Population) -> None:
        """Check that every value is one of its gene's choices.

        Raises:
            InputError: Names the first row, gene and value that is not, and the nearest that is.
        """
        if population.ndim != 2 or population.shape[1] != self.width:
            raise InputError(
                f"a population of the space {self.name} has {self.width} columns; found shape {population.shape}."
            )
        known = (population[:, :, None] == self._table[None]).any(axis=2)
        if not known.all():
            row, column = np.argwhere(~known)[0]
            gene = self._column_genes[column]
            value = int(population[row, column])
            raise InputError(
                f"row {row} gives {gene.name} the value {value}; the space {self.name} allows "
                f"{', '.join(map(str, gene.choices))}; the nearest is {gene.nearest(value)}."
            )

    def largest(self) -> Architecture:
        """The true maximum: every gene at its largest value, attention to the most layers."""
        return self._extreme(max)

    def smallest(self) -> Architecture:
        """The true minimum: every gene at its smallest value, attention to the fewest layers."""
        return self._extreme(min)

    def _extreme(self, pick: Callable[[tuple[int, ...]], int]) -> Architecture:
        return self.architecture(np.array([pick(gene.choices) for gene in self._column_genes], dtype=np.int16))

    # ---- views for people

    def architecture(self, row: npt.NDArray[np.int16]) -> Architecture:
        """One row as a named, immutable architecture. Shape of `row`: `[columns]`."""
        from foretell.spaces.architecture import Architecture

        return Architecture(self, row)

    def architectures(self, population: Population) -> list[Architecture]:
        """All rows as architectures."""
        return [self.architecture(row) for row in population]

    def population(self, architectures: Sequence[Architecture]) -> Population:
        """Architectures of this space as canonical rows, `int16 [n, columns]`.

        Raises:
            InputError: One of them belongs to another space.
        """
        for architecture in architectures:
            if architecture.space.fingerprint != self.fingerprint:
                raise InputError(
                    f"an architecture of the space {architecture.space.name} was given where the space "
                    f"{self.name} is searched; convert it or choose that space."
                )
        rows = [architecture.row for architecture in architectures]
        return np.array(rows, dtype=np.int16).reshape(len(rows), self.width)

    def features(self, population: Population, kind: FeatureKind) -> npt.NDArray[np.float64]:
        """Numbers for a regression, `float64 [n, features]`; see `foretell.spaces.features`."""
        from foretell.spaces.features import features

        return features(self, population, kind)

    # ---- how many

    @cached_property
    def _depth_genes(self) -> list[Gene]:
        named = {gene.depth for gene in self.genes} | {gene.attends for gene in self.genes}
        return [gene for gene in self.genes if gene.name in named]

    def _sizes_by_depth(self) -> list[tuple[tuple[int, ...], int]]:
        result = []
        for depths in itertools.product(*(gene.choices for gene in self._depth_genes)):
            depth_of: Mapping[str, int] = dict(zip((g.name for g in self._depth_genes), depths, strict=True))
            size = 1
            for gene in self.genes:
                if gene.name not in depth_of:
                    size *= self._distinct(gene, depth_of) ** (depth_of[gene.depth] if gene.depth else 1)
            result.append((depths, size))
        return result

    @staticmethod
    def _distinct(gene: Gene, depth_of: Mapping[str, int]) -> int:
        if gene.attends is None:
            return len(gene.choices)
        return len({_clipped(gene, choice, depth_of[gene.attends]) for choice in gene.choices})

    def size(self) -> int:
        """The number of distinct architectures, exactly."""
        return sum(size for _, size in self._sizes_by_depth())

    def genotypes(self) -> int:
        """The number of rows, inactive layers counted: what a search without a canonical form walks over."""
        return math.prod(int(count) for count in self._counts)


def _clipped(gene: Gene, value: int, depth: int) -> int:
    """The least choice of an attention gene that means the same as `value` when `depth` layers are active."""
    reach = min(_reach(value), depth)
    return min((c for c in gene.choices if min(_reach(c), depth) == reach), default=gene.choices[0])


def _reach(value: int) -> int:
    return int(attended_layers(np.array(value, dtype=np.int16)))
