"""Search spaces, and populations of architectures as integer matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.spaces.expression import Expression
from foretell.spaces.family import Family, RuledFamily, family
from foretell.spaces.gene import Gene, Scalar

if TYPE_CHECKING:
    from foretell.spaces.architecture import Architecture

__all__ = ["Population", "SearchSpace"]

Population = npt.NDArray[np.int16]
"""Architectures in a crowd: `int16 [n, columns]`, one row each, holding the places of the genes' choices."""

_Mask = npt.NDArray[np.bool_]

_MOST_LAYERS = 256
_ALWAYS = np.iinfo(np.int16).max


class SearchSpace:
    """An ordered set of genes, with or without a family of networks that they describe.

    A global gene takes one column of a population, a per-layer gene one column for each layer that its
    depth gene can switch on. Layers beyond the active depth keep their choices, so that evolution can carry
    them (as in HAT), but mean nothing; `canonical` removes them.

    Args:
        genes: The genes in the order of the columns; or a mapping from names to lists of choices (or to mappings
            with `choices`, `depth` and `description`).
        name: The name under which the space is known.
        description: One line for people.
        family: The name of the family of networks whose genes these are; None: the genes are the user's own.
        constants: What all architectures of the family share, in the family's own form.
        costs: Costs of a space without a family, by name: arithmetic expressions over the genes, in which a
            per-layer gene stands for the sum over its active layers, as in `{"params": "layers * width**2"}`.

    Raises:
        InputError: No gene, two genes of one name, a per-layer gene whose depth gene is not in the space or does
            not count layers, or an expression that cannot be read.
    """

    def __init__(
        self,
        genes: Sequence[Gene] | Mapping[str, Any],
        name: str = "mine",
        description: str = "",
        *,
        family: str | None = None,
        constants: Any = None,
        costs: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(genes, Mapping):
            from foretell.spaces.written import genes_from

            genes = genes_from(genes, f"the space {name}")
        self.name = name
        self.genes = tuple(genes)
        self.description = description
        self.family_name = family
        self.constants = constants
        self._by_name = {gene.name: gene for gene in self.genes}
        if len(self._by_name) != len(self.genes):
            raise InputError(f"space {name} has two genes of one name; each name may stand once.")
        for gene in self.genes:
            for other in (gene.depth, gene.bound):
                if other is not None:
                    self._check_depth(gene, other)
        self._slices: dict[str, slice] = {}
        start = 0
        for gene in self.genes:
            width = int(self._by_name[gene.depth].numbers.max()) if gene.depth else 1
            self._slices[gene.name] = slice(start, start + width)
            start += width
        self.width = start
        self.expressions = {key: Expression(text, self.genes, key) for key, text in (costs or {}).items()}

    def _check_depth(self, gene: Gene, other: str) -> None:
        if other not in self._by_name:
            raise InputError(f"space {self.name}: gene {gene.name} needs the depth gene {other}; add it.")
        depth = self._by_name[other]
        whole = depth.ordered and all(isinstance(choice, int) for choice in depth.choices)
        if depth.depth is not None or not whole or not 1 <= depth.numbers.min() <= depth.numbers.max() <= _MOST_LAYERS:
            raise InputError(
                f"space {self.name}: {other} says how many layers {gene.name} has, but its choices are "
                f"{list(depth.choices)}; expected whole numbers from 1 to {_MOST_LAYERS}, chosen once."
            )

    def __repr__(self) -> str:
        return f"SearchSpace({self.name!r}, {len(self.genes)} genes, {self.width} columns)"

    @cached_property
    def family(self) -> Family | None:
        """What knows more of the genes than the space does; None for a user's own."""
        return None if self.family_name is None else family(self.family_name)

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

    def numbers(self, population: Population, name: str | None = None) -> npt.NDArray[np.float64]:
        """What choices count as: of one gene `float64 [n, layers]` (one column where it is global), else of all."""
        if name is not None:
            return self.gene(name).numbers.take(population[:, self.columns(name)])
        parts = [self.numbers(population, gene.name) for gene in self.genes]
        return np.concatenate(parts, axis=1) if parts else np.empty((len(population), 0))

    def spelled(self, population: Population) -> list[list[Scalar]]:
        """Rows as files keep them: the choices themselves instead of their places."""
        parts = [gene.values.take(population[:, self.columns(gene.name)]).tolist() for gene in self.genes]
        return [list(itertools.chain.from_iterable(row)) for row in zip(*parts, strict=True)]

    def read(self, rows: Sequence[Sequence[Scalar]]) -> Population:
        """What `spelled` wrote, `int16 [n, columns]`.

        Raises:
            InputError: A row of another length, or a value that is not one of its gene's choices.
        """
        places = np.empty((len(rows), self.width), dtype=np.int16)
        for number, row in enumerate(rows):
            if len(row) != self.width:
                raise InputError(f"row {number} has {len(row)} values; the space {self.name} has {self.width} columns.")
            for column, (gene, value) in enumerate(zip(self._column_genes, row, strict=True)):
                place = gene.place(value)
                if place is None:
                    raise InputError(
                        f"row {number} gives {gene.name} the value {value!r}; the space {self.name} allows "
                        f"{', '.join(map(str, gene.choices))}; the nearest is {gene.nearest(value)}."
                    )
                places[number, column] = place
        return places

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits: equal for spaces with the same genes, family and constants."""
        from foretell.records import fingerprint

        genes = [[g.name, list(g.choices), g.depth, g.bound] for g in self.genes]
        known = {} if self.family is None else self.family.described(self.constants)
        return fingerprint({"genes": genes, **known})

    def to_dict(self) -> dict[str, Any]:
        """The space as a space file writes it; `foretell.spaces.from_dict` reads it."""
        from foretell.spaces.written import written

        return written(self)

    @cached_property
    def _column_genes(self) -> list[Gene]:
        return [gene for gene in self.genes for _ in range(self._width(gene))]

    @cached_property
    def _counts(self) -> npt.NDArray[np.float32]:
        return np.array([len(gene.choices) for gene in self._column_genes], dtype=np.float32)

    @cached_property
    def _last(self) -> Population:
        """The last choice of each column, `int16 [columns]`."""
        return (self._counts - 1).astype(np.int16)

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
                likely (as HAT does); "architectures" makes every distinct architecture equally likely, so
                that almost all are deep.

        Returns:
            Places of choices, `int16 [n, columns]`.
        """
        population = (rng.random((n, self.width), dtype=np.float32) * self._counts).astype(np.int16)
        # The product of a float32 below one and a small count can round up to the count itself.
        np.minimum(population, self._last, out=population)
        if uniform_over == "architectures":
            from foretell.spaces.counting import redraw_uniformly

            redraw_uniformly(self, population, rng)
        return population

    def mutate(self, population: Population, probability: float, rng: np.random.Generator) -> Population:
        """Redraw each gene of each row with the given probability (it may draw the same choice again).

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
        places, layers, depths = self._activity
        if not len(depths):
            return np.ones(population.shape, dtype=bool)
        # The depth that each depth gene names, and one that is always enough for global genes.
        named = np.full((len(population), len(depths) + 1), _ALWAYS, dtype=np.int16)
        for index, (column, values) in enumerate(depths):
            named[:, index] = values.take(population[:, column])
        return named.take(places, axis=1) > layers

    @cached_property
    def _activity(self) -> tuple[npt.NDArray[np.intp], Population, list[tuple[int, Population]]]:
        """For each column, its depth gene's place among them and its layer number; the depth genes' depths."""
        names = list(dict.fromkeys(gene.depth for gene in self.genes if gene.depth is not None))
        depths = [(self.columns(name).start, self.gene(name).numbers.astype(np.int16)) for name in names]
        places, layers = np.full(self.width, len(names), dtype=np.intp), np.zeros(self.width, dtype=np.int16)
        for gene in self.genes:
            if gene.depth is not None:
                places[self.columns(gene.name)] = names.index(gene.depth)
                layers[self.columns(gene.name)] = np.arange(self._width(gene))
        return places, layers, depths

    def canonical(self, population: Population) -> Population:
        """The one spelling of each architecture: equal rows exactly when the networks are the same.

        Choices of inactive layers become the gene's first one, and a choice beyond what bounds it becomes the
        least one that means the same.

        Args:
            population: `int16 [n, columns]`; not changed.

        Returns:
            `int16 [n, columns]`, members of the space again.
        """
        clipped = population
        for gene, table in self._clips:
            clipped = population.copy() if clipped is population else clipped
            columns = self.columns(gene.name)
            bound = population[:, self.columns(gene.bound or "")]
            clipped[:, columns] = table[bound, population[:, columns]]
        plain: Population = np.where(self.active(population), clipped, np.int16(0))
        return self.family.canonical(self, plain) if isinstance(self.family, RuledFamily) else plain

    @cached_property
    def _clips(self) -> list[tuple[Gene, Population]]:
        """For each bounded gene, what each choice (column) means at each choice of its bound (row)."""
        bounded = [(gene, self.gene(gene.bound)) for gene in self.genes if gene.bound is not None]
        return [(g, np.array([g.meanings(b) for b in bound.numbers], dtype=np.int16)) for g, bound in bounded]

    def validate(self, population: Population) -> None:
        """Check that every entry is the place of one of its gene's choices.

        Raises:
            InputError: The population has another width, or names the first row and gene that is wrong.
        """
        if population.ndim != 2 or population.shape[1] != self.width:
            raise InputError(
                f"a population of the space {self.name} has {self.width} columns; found shape {population.shape}."
            )
        wrong = (population < 0) | (population > self._last)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            gene = self._column_genes[column]
            raise InputError(
                f"row {row} gives {gene.name} the choice number {population[row, column]}; the space {self.name} has "
                f"{len(gene.choices)} of them, counted from 0: {', '.join(map(str, gene.choices))}."
            )

    def largest(self) -> Architecture:
        """Every gene at its largest number (words: at their first choice)."""
        return self._extreme(np.argmax)

    def smallest(self) -> Architecture:
        """Every gene at its smallest number (words: at their first choice)."""
        return self._extreme(np.argmin)

    def _extreme(self, pick: Callable[[npt.NDArray[np.float64]], np.intp]) -> Architecture:
        row = [int(pick(gene.numbers)) if gene.ordered else 0 for gene in self._column_genes]
        return self.architecture(np.array(row, dtype=np.int16))

    # ---- views for people

    def architecture(self, row: npt.NDArray[np.int16]) -> Architecture:
        """One row as a named, immutable architecture. Shape of `row`: `[columns]`."""
        from foretell.spaces.architecture import Architecture

        return Architecture(self, row)

    def architectures(self, population: Population) -> list[Architecture]:
        """All rows as architectures."""
        from foretell.spaces.architecture import Architecture

        self.validate(population)
        return Architecture.of_canonical(self, self.canonical(population))

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

    def features(self, population: Population, kind: str) -> npt.NDArray[np.float64]:
        """Numbers for a regression, `float64 [n, features]`; see `foretell.spaces.features`."""
        from foretell.spaces.features import features

        return features(self, population, kind)

    # ---- how many

    def size(self) -> int:
        """The number of distinct architectures, exactly."""
        if isinstance(self.family, RuledFamily):
            return self.family.size(self)
        from foretell.spaces.counting import sizes_by_depth

        return sum(size for _, size in sizes_by_depth(self))

    def genotypes(self) -> int:
        """The number of rows, inactive layers counted: what a search without a canonical form walks over."""
        return math.prod(int(count) for count in self._counts)
