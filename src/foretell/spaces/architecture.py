"""One architecture, as people read and write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.spaces.gene import Gene, Scalar
from foretell.spaces.space import SearchSpace

__all__ = ["Architecture"]

_SUFFIX = "-subtransformer"


class Architecture(Mapping[str, Any]):
    """An immutable, hashable, canonical row of a population with names.

    A global gene's value is one of its choices (`arch["decoder-layer-num"]` is 3), a per-layer gene's a tuple with
    one for each active layer. Two architectures are equal exactly when they are the same network.

    Args:
        space: The space it belongs to.
        row: The place of a choice for each column, `[columns]`; inactive layers may hold any.

    Raises:
        InputError: A place that its gene does not have.
    """

    __slots__ = ("_row", "space")

    def __init__(self, space: SearchSpace, row: npt.ArrayLike) -> None:
        population = np.asarray(row, dtype=np.int16)[None]
        space.validate(population)
        canonical = space.canonical(population)[0]
        canonical.flags.writeable = False
        self.space = space
        self._row = canonical

    @classmethod
    def of_canonical(cls, space: SearchSpace, rows: npt.NDArray[np.int16]) -> list[Self]:
        """Rows that are valid and canonical, `int16 [n, columns]`, without looking at each again."""
        rows = np.array(rows, dtype=np.int16)
        rows.flags.writeable = False
        found = []
        for row in rows:
            made = cls.__new__(cls)
            made.space, made._row = space, row
            found.append(made)
        return found

    @property
    def row(self) -> npt.NDArray[np.int16]:
        """The canonical, read-only row of places, `int16 [columns]`."""
        return self._row

    def __getitem__(self, name: str) -> Any:
        gene = self.space.gene(name)
        places = self._row[self.space.columns(name)]
        if gene.depth is None:
            return gene.choices[places[0]]
        return tuple(gene.choices[place] for place in places[: self[gene.depth]])

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

        return fingerprint([self.space.fingerprint, self.spelled()])[:12]

    def spelled(self) -> list[Scalar]:
        """The canonical row as values instead of places, `[columns]`: what keys and fingerprints are made of."""
        return self.space.spelled(self._row[None])[0]

    def to_dict(self) -> dict[str, Any]:
        """Gene names to values, or to lists with one value for each active layer."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.items()}

    @classmethod
    def from_dict(cls, space: SearchSpace, values: Mapping[str, Any]) -> Architecture:
        """The architecture that a mapping describes.

        Args:
            space: The space to read it in.
            values: Gene names (with or without HAT's suffix "-subtransformer") to a value or a list;
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
        """The lines "name: value" of HAT, lists cut to the active layers."""
        suffix = _SUFFIX if self.space.family_name == "encoder_decoder" else ""
        return "\n".join(f"{name}{suffix}: {_spelled(value)}" for name, value in self.to_dict().items())

    @classmethod
    def from_text(cls, space: SearchSpace, text: str) -> Architecture:
        """Read the lines of `to_text`; blank lines are skipped, the order of the lines is free.

        Raises:
            InputError: A line is not "name: value" or "name: [values]", or what they say is wrong.
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


def _spelled(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _parse(text: str) -> Scalar | list[Scalar]:
    if text.startswith("[") and text.endswith("]"):
        inner = text[1:-1].strip()
        return [_scalar(item.strip()) for item in inner.split(",")] if inner else []
    return _scalar(text)


def _scalar(text: str) -> Scalar:
    """A number where it is one, yes and no in Python's spelling, else the word itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if not text:
        raise ValueError("nothing stands where a value is expected")
    return {"True": True, "False": False}.get(text, text)


def _read(gene: Gene, value: Any, depth: Any, width: int) -> list[int]:
    """The places of one gene's columns; inactive layers get the first choice."""
    scalar = gene.depth is None
    items = [value] if scalar else value
    kind = "number" if gene.ordered else "choice"
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, Scalar | np.generic) for item in items):
        expected = f"one {kind}" if scalar else f"a list of {kind}s, one for each active layer"
        raise InputError(f"gene {gene.name} has the value {value!r}; expected {expected}.")
    places = [_place(gene, item.item() if isinstance(item, np.generic) else item) for item in items]
    if not scalar and len(items) not in (depth, width):
        raise InputError(f"gene {gene.name} has {len(items)} values; expected {depth}, one for each active layer.")
    return [*places, *[0] * (width - len(places))]


def _place(gene: Gene, value: Scalar) -> int:
    place = gene.place(value)
    if place is None:
        shown = repr(value) if gene.ordered and isinstance(value, str) else value  # the text "128" is no 128
        raise InputError(
            f"gene {gene.name} has the value {shown}; allowed are {', '.join(map(str, gene.choices))}; "
            f"the nearest is {gene.nearest(value)}."
        )
    return place
