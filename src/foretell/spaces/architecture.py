"""One architecture, as people read and write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.spaces.gene import Gene
from foretell.spaces.space import SearchSpace

__all__ = ["Architecture"]

_SUFFIX = "-subtransformer"


class Architecture(Mapping[str, Any]):
    """An immutable, hashable, canonical row of a population with names.

    `arch["decoder-layer-num"]` is an integer, `arch["decoder-ffn-embed-dim-all"]` a tuple with one value
    for each active layer. Two architectures are equal exactly when they are the same network.

    Args:
        space: The space it belongs to.
        row: One value for each column, `[columns]`; inactive layers may hold anything.

    Raises:
        InputError: A value is not one of its gene's choices.
    """

    __slots__ = ("_row", "space")

    def __init__(self, space: SearchSpace, row: npt.ArrayLike) -> None:
        population = np.asarray(row, dtype=np.int16)[None]
        space.validate(population)
        canonical = space.canonical(population)[0]
        canonical.flags.writeable = False
        self.space = space
        self._row = canonical

    @property
    def row(self) -> npt.NDArray[np.int16]:
        """The canonical, read-only row, `int16 [columns]`."""
        return self._row

    def __getitem__(self, name: str) -> Any:
        gene = self.space.gene(name)
        values = self._row[self.space.columns(name)]
        if gene.depth is None:
            return int(values[0])
        return tuple(int(value) for value in values[: self[gene.depth]])

    def __iter__(self) -> Iterator[str]:
        return (gene.name for gene in self.space.genes)

    def __len__(self) -> int:
        return len(self.space.genes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self.space.fingerprint == other.space.fingerprint and bytes(self._row) == bytes(other._row)

    def __hash__(self) -> int:
        return hash((self.space.fingerprint, bytes(self._row)))

    def __repr__(self) -> str:
        return f"Architecture({self.space.name!r}, {self.to_dict()})"

    @property
    def key(self) -> str:
        """A short name for files and tables: equal exactly for equal architectures of one space."""
        from foretell.records import fingerprint

        return fingerprint([self.space.fingerprint, self._row.tolist()])[:12]

    def to_dict(self) -> dict[str, Any]:
        """Gene names to integers, or to lists with one value for each active layer."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.items()}

    @classmethod
    def from_dict(cls, space: SearchSpace, values: Mapping[str, Any]) -> Architecture:
        """The architecture that a mapping describes.

        Args:
            space: The space to read it in.
            values: Gene names (with or without HAT's suffix "-subtransformer") to an integer or a list;
                lists hold one value for each active layer, or one for each layer there can be.

        Raises:
            UnknownNameError: A name that is not a gene.
            InputError: A gene is missing, a list has the wrong length, or a value is not a choice.
        """
        given = {str(name).removesuffix(_SUFFIX): value for name, value in values.items()}
        known = [gene.name for gene in space.genes]
        for name in given:
            if name not in known:
                raise UnknownNameError("gene", name, known, f"an architecture of the space {space.name}")
        row = np.empty(space.width, dtype=np.int16)
        for gene in space.genes:
            if gene.name not in given:
                raise InputError(f"the gene {gene.name} is missing; an architecture of {space.name} needs all genes.")
            columns = space.columns(gene.name)
            depth = given.get(gene.depth) if gene.depth else None
            row[columns] = _read(gene, given[gene.name], depth, columns.stop - columns.start)
        return cls(space, row)

    def to_text(self) -> str:
        """The lines "name: value" of HAT, lists cut to the active layers (REFERENCE 1.4)."""
        return "\n".join(f"{name}{_SUFFIX}: {value}" for name, value in self.to_dict().items())

    @classmethod
    def from_text(cls, space: SearchSpace, text: str) -> Architecture:
        """Read the lines of `to_text`; blank lines are skipped, the order of the lines is free.

        Raises:
            InputError: A line is not "name: integer" or "name: [integers]", or what they say is wrong.
        """
        values: dict[str, Any] = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            name, colon, value = line.partition(":")
            try:
                if not colon or name in values:
                    raise ValueError(name)
                values[name] = _parse(value.strip())
            except ValueError:
                raise InputError(
                    f"the line {line!r} does not describe a gene; expected each gene once, "
                    'as "name: 4" or "name: [4, 8]".'
                ) from None
        return cls.from_dict(space, values)


def _parse(text: str) -> int | list[int]:
    if text.startswith("[") and text.endswith("]"):
        inner = text[1:-1].strip()
        return [int(item) for item in inner.split(",")] if inner else []
    return int(text)


def _read(gene: Gene, value: Any, depth: Any, width: int) -> list[int]:
    """One gene's columns; inactive layers get the first choice."""
    scalar = gene.depth is None
    items = [value] if scalar else value
    if not isinstance(items, (list, tuple)) or not all(_is_integer(item) for item in items):
        expected = "one integer" if scalar else "a list of integers, one for each active layer"
        raise InputError(f"gene {gene.name} has the value {value!r}; expected {expected}.")
    for item in items:
        if item not in gene.choices:
            raise InputError(
                f"gene {gene.name} has the value {item}; allowed are {', '.join(map(str, gene.choices))}; "
                f"the nearest is {gene.nearest(item)}."
            )
    if not scalar and len(items) not in (depth, width):
        raise InputError(f"gene {gene.name} has {len(items)} values; expected {depth}, one for each active layer.")
    return [*map(int, items), *[gene.choices[0]] * (width - len(items))]


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
