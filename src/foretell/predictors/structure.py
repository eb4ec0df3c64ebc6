"""What a plain space's genes say together: numbers, shares of words, totals of numbered genes, paths through a cell.

A published table knows no family: `ffn0` to `ffn15` are sixteen genes to it, of which 0 means that the layer is absent,
`e10` to `e32` six edges. Names that differ in their numbers alone are one kind of gene, chosen for each layer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from foretell.spaces import Gene, Population, SearchSpace

__all__ = ["cell_features", "global_features", "layer_features", "total_features"]

Array = npt.NDArray[np.float64]

_FEW = 8
"""Numbers of which there are no more may be names of operations as well: each choice also counts on its own."""

_SAMPLE = 512
_NOTHING = ("none", "zero", "zeroize", "null", "absent")
_THROUGH = ("skip_connect", "skip", "identity", "id", "skip-connect", "skipconnect")


def global_features(space: SearchSpace, rows: Population) -> Array:
    """Of genes that are chosen once: a value for numbers, one a choice for words and few numbers, `float64 [n, p]`.

    Numbers that span more than a factor of three are taken as logarithms. Scaled so that two architectures of the space
    differ by about one in each gene.
    """
    return _scaled(space, "globals", rows)


def layer_features(space: SearchSpace, rows: Population) -> Array:
    """The same of genes that are chosen for each layer, a kind of which has several columns."""
    return _scaled(space, "layers", rows)


def total_features(space: SearchSpace, rows: Population) -> Array:
    """Of each kind of gene over its layers: count, mean and total of numbers, share and place of words."""
    return _scaled(space, "totals", rows)


def cell_features(space: SearchSpace, rows: Population) -> Array:
    """Where the genes are the edges of a cell: its paths from the first node to the last; else no feature.

    Beside the paths it counts the edges of each operation that lie on one: the others compute what nobody reads.
    Genes called `e10`, `e20`, `e21`, ... are operations on the edges from the second number's node to the first's. A
    path is the sequence of its operations without those that only hand on; it does not exist where one of them is none.
    """
    return _scaled(space, "cells", rows)


@dataclass(frozen=True)
class _Kind:
    """Genes that differ in their numbers alone, as columns of the population."""

    columns: tuple[int, ...]
    genes: tuple[Gene, ...]


def _scaled(space: SearchSpace, what: str, rows: Population) -> Array:
    raw = _RAW[what](space, rows)
    if raw.shape[1] == 0:
        return raw
    center, scale = _scales(space.fingerprint, what, _Held(space))
    return (raw - center) / scale


class _Held:
    """A space as an argument that a cache does not look at."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=64)
def _scales(fingerprint: str, what: str, held: _Held) -> tuple[Array, Array]:
    space = held.space
    sample = space.canonical(space.sample(_SAMPLE, np.random.default_rng(0)))
    raw = _RAW[what](space, sample)
    spread = raw.std(axis=0)
    return raw.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)


def _kinds(space: SearchSpace) -> list[_Kind]:
    """Kinds of genes that are chosen more than once."""
    found: dict[str, list[tuple[int, Gene]]] = {}
    for gene in space.genes:
        columns = space.columns(gene.name)
        name = gene.name if gene.depth is not None else re.sub(r"\d+", "#", gene.name)
        found.setdefault(name, []).extend((column, gene) for column in range(columns.start, columns.stop))
    return [_Kind(tuple(c for c, _ in each), tuple(g for _, g in each)) for each in found.values() if len(each) > 1]


def _number(gene: Gene, values: Array) -> Array:
    """Numbers of a gene, as logarithms where they span more than a factor of three; 0 stays below them all."""
    positive = gene.numbers[gene.numbers > 0]
    if gene.numbers.min() < 0 or not len(positive) or positive.max() <= 3 * positive.min():
        return values
    return np.log(np.maximum(values, positive.min() / 2))


def _few(gene: Gene) -> bool:
    return not gene.ordered or 2 < len(gene.choices) <= _FEW


def _globals(space: SearchSpace, rows: Population) -> Array:
    return _columns(space, rows, layers=False)


def _layers(space: SearchSpace, rows: Population) -> Array:
    return _columns(space, rows, layers=True)


def _columns(space: SearchSpace, rows: Population, *, layers: bool) -> Array:
    active = space.active(rows)
    several = {gene.name for kind in _kinds(space) for gene in kind.genes}
    parts: list[Array] = []
    for gene in space.genes:
        if (gene.name in several) != layers:
            continue
        columns = space.columns(gene.name)
        there = active[:, columns]
        if gene.ordered:
            parts.append(_number(gene, space.numbers(rows, gene.name)) * there)
        if _few(gene):
            chosen = rows[:, columns][:, :, None] == np.arange(len(gene.choices))
            parts.append((chosen & there[:, :, None]).reshape(len(rows), -1).astype(np.float64))
    return np.concatenate(parts, axis=1) if parts else np.empty((len(rows), 0))


def _totals(space: SearchSpace, rows: Population) -> Array:
    active = space.active(rows)
    parts: list[Array] = []
    for kind in _kinds(space):
        columns = list(kind.columns)
        there = active[:, columns]
        amounts = [_amounts(gene) for gene in kind.genes]
        if not any(each is None for each in amounts):
            values = np.stack(
                [each.take(rows[:, c]) for c, each in zip(columns, amounts, strict=True) if each is not None], axis=1
            )
            parts += _of_numbers(np.nan_to_num(values), there & ~np.isnan(values))
        words = list(dict.fromkeys(str(choice) for gene in kind.genes for choice in gene.choices))
        if len(words) <= _FEW * 2:
            parts += _of_words(rows, columns, kind.genes, words, there)
    return np.stack(parts, axis=1) if parts else np.empty((len(rows), 0))


def _amounts(gene: Gene) -> Array | None:
    """The number that each choice is, NaN where it says that the layer is not there; None where others are words.

    A layer that only some architectures have makes words of its numbers: `2`, `4` or `absent`.
    """
    if gene.ordered:
        return gene.numbers
    try:
        found = [np.nan if str(choice).lower() in _NOTHING else float(choice) for choice in gene.choices]
    except ValueError:
        return None
    return np.array(found, dtype=np.float64)


def _of_numbers(values: Array, there: npt.NDArray[np.bool_]) -> list[Array]:
    """Layers that are there, the mean of theirs, the total, and where the weight lies."""
    there = there & (values != 0)
    count = there.sum(axis=1)
    total = (values * there).sum(axis=1)
    mean = total / np.maximum(count, 1)
    place = np.arange(values.shape[1])
    middle = (values * there * place).sum(axis=1) / np.where(total == 0, 1.0, total)
    signed = np.sign(total) * np.log1p(np.abs(total))
    return [np.log1p(count), np.sign(mean) * np.log1p(np.abs(mean)), signed, middle / np.maximum(count - 1, 1)]


def _of_words(
    rows: Population, columns: list[int], genes: Sequence[Gene], words: Sequence[str], there: npt.NDArray[np.bool_]
) -> list[Array]:
    """How often each word is chosen, and how late on average."""
    found = []
    place = np.linspace(-1, 1, len(columns))
    spelled = [np.array([str(choice) for choice in gene.choices]) for gene in genes]
    for word in words:
        chosen = np.stack([(own == word).take(rows[:, c]) for c, own in zip(columns, spelled, strict=True)], axis=1)
        chosen &= there
        found.append(chosen.sum(axis=1).astype(np.float64))
        found.append((chosen * place).sum(axis=1))
    return found


def _cell(space: SearchSpace) -> dict[tuple[int, int], int] | None:
    """The column of each edge (from, to), where the genes are all edges of a cell; None where they are not."""
    edges: dict[tuple[int, int], int] = {}
    for gene in space.genes:
        match = re.fullmatch(r"[A-Za-z_]*?(\d)_?(\d)", gene.name)
        if match is None or gene.ordered or gene.depth is not None:
            continue
        first, second = int(match[1]), int(match[2])
        edges[min(first, second), max(first, second)] = space.columns(gene.name).start
    if not edges:
        return None
    nodes = sorted({node for edge in edges for node in edge})
    whole = len(nodes) > 2 and nodes == list(range(nodes[0], nodes[-1] + 1))
    return edges if whole and set(edges) == set(combinations(nodes, 2)) else None


def _cells(space: SearchSpace, rows: Population) -> Array:
    edges = _cell(space)
    if edges is None:
        return np.empty((len(rows), 0))
    nodes = sorted({node for edge in edges for node in edge})
    words = sorted({str(choice) for gene in space.genes if not gene.ordered for choice in gene.choices})
    through = {word for word in words if word.lower() in _THROUGH}
    blocked = {word for word in words if word.lower() in _NOTHING}
    routes = [
        [edges[a, b] for a, b in pairwise(route)]
        for inner in range(len(nodes) - 1)
        for middle in combinations(nodes[1:-1], inner)
        for route in [(nodes[0], *middle, nodes[-1])]
    ]
    genes = {space.columns(gene.name).start: [str(choice) for choice in gene.choices] for gene in space.genes}
    unique, back = np.unique(rows, axis=0, return_inverse=True)
    kept = [word for word in words if word not in through | blocked]
    names = _path_names(kept, max(map(len, routes)))
    found = []
    for row in unique:
        chosen = {column: choices[row[column]] for column, choices in genes.items()}
        open_routes = [route for route in routes if not blocked & {chosen[column] for column in route}]
        paths = [tuple(chosen[c] for c in route if chosen[c] not in through) for route in open_routes]
        alive = [chosen[column] for column in {column for route in open_routes for column in route}]
        on_paths = [alive.count(word) for word in words if word not in blocked]
        found.append(np.concatenate([_described(paths, kept, names), np.array(on_paths, dtype=np.float64)]))
    return np.stack(found)[back.ravel()]


def _path_names(words: list[str], longest: int) -> dict[tuple[str, ...], int]:
    """Every bag of operations that a path can hold, by its place."""
    from itertools import combinations_with_replacement

    bags = [bag for n in range(longest + 1) for bag in combinations_with_replacement(words, n)]
    return {bag: place for place, bag in enumerate(bags)}


def _described(paths: list[tuple[str, ...]], words: list[str], names: dict[tuple[str, ...], int]) -> Array:
    """Whether each bag of operations is on a path, operations on the paths, lengths of the paths."""
    bags = np.zeros(len(names))
    for path in paths:
        bags[names[tuple(sorted(path))]] = 1.0
    counts = [np.log1p(sum(path.count(word) for path in paths)) for word in words]
    longest = [max((path.count(word) for path in paths), default=0) for word in words]
    lengths = [len(path) for path in paths]
    about = [len(paths) > 0, np.log1p(len(paths)), max(lengths, default=-1), min(lengths, default=-1)]
    return np.concatenate([bags, counts, longest, np.array(about, dtype=np.float64)])


_RAW = {"globals": _globals, "layers": _layers, "totals": _totals, "cells": _cells}
