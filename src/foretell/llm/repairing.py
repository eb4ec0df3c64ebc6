"""From what a language model wrote to architectures: read tolerantly, and made those of the space that are nearest."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.llm.forms import SEPARATOR, in_order
from foretell.llm.replies import spoken
from foretell.spaces import Gene, Population, SearchSpace

__all__ = ["Keeps", "Read", "nearest_feasible", "read_architectures"]

Keeps = Callable[[Population], npt.NDArray[np.bool_]]
"""Which rows `int16 [n, columns]` keep all limits, `bool [n]`."""

_LONGEST = 200_000  # characters of a reply that are looked at
_SUFFIX = "-subtransformer"  # of HAT's names
_LONGEST_LINE = 4_000
_LONGEST_VALUE = 64
_FAULTS = 300  # brackets that begin no object, until the rest is given up: each is read to the end
_PIECE = re.compile(r'\[[^\]]*\]|"(?:[^"\\]|\\.)*"|,|[^,\["]+|.')  # brackets and quotes hide their commas
_MARKS = " \t*`\"'"  # around names and values, by those who like Markdown
_BULLET = re.compile(r"\s*(?:[-*]|\d+[.)])\s+")
_DRAWN = 500  # architectures among which the nearest that keeps the limits is looked for
_CHANGED = 2.0  # columns of a relative of what was proposed

Values = Mapping[str, Any]


class Read(NamedTuple):
    """An architecture that was read.

    Attributes:
        row: Canonical, `int16 [columns]`.
        exact: Whether it was written without a fault.
    """

    row: npt.NDArray[np.int16]
    exact: bool


def read_architectures(space: SearchSpace, text: str, base: npt.NDArray[np.int16]) -> Iterator[Read | None]:
    """What a reply proposes: JSON objects, or else blocks of "name: value", or else lines of values in order.

    A value that is no choice becomes the nearest; a list is cut or made longer by its last; a gene that is left out
    is that of `base`, and a gene that does not exist is passed over. None stands for what names less than half of
    the genes.
    """
    said = spoken(text)[:_LONGEST]
    for way in (_objects, _blocks, _lines):
        found = way(said, space)
        first = next(found, None)
        if first is not None:
            yield from (_mend(space, values, base) for values in chain([first], found))
            return


def _objects(text: str, space: SearchSpace) -> Iterator[Values]:
    """JSON objects with genes, wherever they stand; the last one may be cut off."""
    decoder, place, faults = json.JSONDecoder(), text.find("{"), 0
    while place >= 0 and faults < _FAULTS:
        try:
            found, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end, faults = place + 1, faults + 1
        else:
            yield from _with_genes(found, space)
        place = text.find("{", end)


def _with_genes(found: Any, space: SearchSpace, deep: int = 4) -> Iterator[Values]:
    """The object, or those inside it."""
    if isinstance(found, dict) and any(_gene(space, name) for name in found):
        yield found
    elif isinstance(found, dict | list) and deep:
        for value in found.values() if isinstance(found, dict) else found:
            yield from _with_genes(value, space, deep - 1)


def _blocks(text: str, space: SearchSpace) -> Iterator[Values]:
    """Lines "name: value"; a gene that comes again begins the next architecture."""
    values: dict[str, Any] = {}
    for line in _short_lines(text):
        name, _, value = line.partition(":" if ":" in line else "=")
        gene = _gene(space, _BULLET.sub("", name, count=1).strip(_MARKS))
        if gene is None or not value.strip():
            continue
        if gene.name in values:
            yield values
            values = {}
        values[gene.name] = value.strip(_MARKS)
    if values:
        yield values


def _lines(text: str, space: SearchSpace) -> Iterator[Values]:
    """Lines with as many values as there are genes, most of them choices, behind a score or a bullet or nothing."""
    genes = in_order(space)
    for line in _short_lines(text):
        fields = _fields(_BULLET.sub("", line.rpartition(SEPARATOR.strip())[2], count=1))
        if len(fields) != len(genes):
            continue
        right = [_place(g, f)[1] if g.depth is None else f[:1] == "[" for g, f in zip(genes, fields, strict=True)]
        if 2 * sum(right) > len(genes):
            yield {gene.name: field for gene, field in zip(genes, fields, strict=True)}


def _short_lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if len(line) <= _LONGEST_LINE)


def _fields(line: str) -> list[str]:
    """What stands between commas."""
    fields = [""]
    for piece in _PIECE.findall(line):
        fields += [""] if piece == "," else []
        fields[-1] += "" if piece == "," else piece
    return [field.strip() for field in fields]


def _gene(space: SearchSpace, name: object) -> Gene | None:
    wanted = str(name).strip().removesuffix(_SUFFIX)
    return next((gene for gene in space.genes if gene.name == wanted), None)


def _mend(space: SearchSpace, values: Values, base: npt.NDArray[np.int16]) -> Read | None:
    """The architecture that is nearest to what was written."""
    given = {gene.name: value for name, value in values.items() if (gene := _gene(space, name)) is not None}
    if 2 * len(given) < len(space.genes):
        return None
    row, exact = base.copy(), len(given) == len(values) == len(space.genes)
    for gene in in_order(space):
        if gene.name not in given:
            continue
        columns = space.columns(gene.name)
        if gene.depth is None:
            row[columns.start], right = _place(gene, given[gene.name])
            exact &= right
            continue
        counter = space.gene(gene.depth)
        depth = int(counter.choices[row[space.columns(gene.depth).start]])
        items = _items(given[gene.name])
        exact &= isinstance(items, list) and len(items) in (depth, columns.stop - columns.start)
        placed = [_place(gene, each) for each in (items if isinstance(items, list) else [items])]
        exact &= all(right for _, right in placed)
        for column in range(columns.start, columns.stop if placed else columns.start):
            row[column] = placed[min(column - columns.start, len(placed) - 1)][0]
    return Read(space.canonical(row[None])[0], bool(exact))


def _items(value: Any) -> Any:
    """The list that a text in brackets is; anything else as it is."""
    if isinstance(value, str) and value[:1] == "[":
        inner = value.strip("[] ")
        return _fields(inner) if inner else []
    return value


def _place(gene: Gene, value: Any) -> tuple[int, bool]:
    """The place of the choice that is meant, and whether it was written as it should be."""
    place = gene.place(value)
    if place is not None:
        return place, True
    text = str(value).strip()
    if text[:1] == '"':
        with suppress(ValueError):
            text = str(json.loads(text))
    text = text.strip(_MARKS) if text not in map(str, gene.choices) else text
    text = text[:_LONGEST_VALUE]
    spelled = [str(choice) for choice in gene.choices]
    if text in spelled:
        return spelled.index(text), True
    lower = [each.lower() for each in spelled]
    if text.lower() in lower:
        return lower.index(text.lower()), False
    number = _number(text) if gene.ordered else None
    return gene.choices.index(gene.nearest(text if number is None else number)), False


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def nearest_feasible(
    space: SearchSpace,
    row: npt.NDArray[np.int16],
    keeps: Keeps,
    rng: np.random.Generator,
    known: Population,
    pool: Population | None = None,
) -> npt.NDArray[np.int16] | None:
    """An architecture near `row` that keeps the limits, canonical, `int16 [columns]`; None where none is found.

    Of relatives of it, of known and of random ones the nearest that keeps them is taken, and then made still nearer,
    gene by gene, as long as it does.

    Args:
        space: The space.
        row: What was proposed, `int16 [columns]`.
        keeps: The limits.
        rng: Draws.
        known: Rows that keep the limits, `int16 [n, columns]`.
        pool: All that there is, `int16 [n, columns]`, where that is not the whole space.
    """
    relatives = space.mutate(np.repeat(row[None], _DRAWN, axis=0), min(1.0, _CHANGED / space.width), rng)
    drawn = pool if pool is not None else np.concatenate([known, relatives, space.sample(_DRAWN, rng)])
    rows = space.canonical(drawn)
    rows = rows[keeps(rows)]
    if not len(rows):
        return None
    near: npt.NDArray[np.int16] = rows[int((rows != row).sum(axis=1).argmin())]
    if pool is not None:
        return near
    for column in _shuffled(rng, np.flatnonzero(near != row)):
        trial = near.copy()
        trial[column] = row[column]
        trial = space.canonical(trial[None])
        if keeps(trial)[0]:
            near = trial[0]
    return near


def _shuffled(rng: np.random.Generator, places: npt.NDArray[np.intp]) -> Iterable[int]:
    order: list[int] = rng.permutation(places).tolist()
    return order
