"""Named sets of numbers that a regression may look at: all known before training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

from foretell.costs import CostModel, cost_name, counted_costs
from foretell.errors import InputError, UnknownNameError
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.structure import cell_features, total_features
from foretell.spaces import FEATURE_KINDS, Population, SearchSpace, family, family_names

__all__ = [
    "COST_FEATURES",
    "block_chances",
    "check_features",
    "depth_gene",
    "feature_matrix",
    "has_features",
    "preferred_features",
    "regression_blocks",
]

Array = npt.NDArray[np.float64]
_Source = Callable[[SearchSpace, Population, Context, Columns], Array]

# Names of costs in the order in which they are looked for. Those without embeddings and output layer come first: the
# others hide what tells architectures apart. The published records count embeddings as vocabulary x decoder width.
_COUNTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "params": (("parameters_without_embeddings",), ("parameters",)),
    "params-with-embeddings": (("parameters_without_embeddings", "decoder_embedding_parameters"),),
    "flops": (("flops_without_output_layer",), ("flops",)),
    "flops-with-output-layer": (("flops",),),
}
_ONLY_RECORDED = {"decoder_embedding_parameters"}
"""Counted by a family for comparison with published records, but no cost that anybody would limit."""


def depth_gene(space: SearchSpace) -> str | None:
    """The gene that says how deep a network is: the last of the depth genes (decoders decide more than encoders)."""
    names = [gene.depth for gene in space.genes if gene.depth is not None]
    return names[-1] if names else None


def _depth(space: SearchSpace, rows: Population, _context: Context, _columns: Columns) -> Array:
    return space.numbers(rows, depth_gene(space))


def _log_depths(space: SearchSpace, rows: Population, _context: Context, _columns: Columns) -> Array:
    names = dict.fromkeys(gene.depth for gene in space.genes if gene.depth)
    return np.log(np.concatenate([space.numbers(rows, name) for name in names], axis=1))


def _shape_genes(space: SearchSpace) -> tuple[str, ...]:
    """Genes of the network as a whole that are positive numbers and vary: its depths and widths."""
    return tuple(
        gene.name
        for gene in space.genes
        if gene.ordered and gene.depth is None and len(gene.choices) > 1 and min(gene.numbers) > 0
    )


def _shape_products(space: SearchSpace, rows: Population, _context: Context, _columns: Columns) -> Array:
    """Products of two and three logarithms of depths and widths, each from the middle of its range.

    They tell which sizes go together: a deep and narrow encoder learns little beside a decoder of one layer.
    """
    logs = []
    for name in _shape_genes(space):
        numbers = np.log(space.gene(name).numbers)
        logs.append(np.log(space.numbers(rows, name)[:, 0]) - (numbers.min() + numbers.max()) / 2)
    chosen = [each for size in (2, 3) for each in combinations_with_replacement(range(len(logs)), size)]
    return np.stack([np.prod([logs[at] for at in each], axis=0) for each in chosen], axis=1)


def _counted(name: str, space: SearchSpace, rows: Population, context: Context, _columns: Columns) -> Array:
    chosen = next((each for each in _COUNTS.get(name, ()) if _counts(space, each)), (cost_name(name),))
    if space.family is not None and _ONLY_RECORDED & set(chosen):
        found = space.family.count(space, rows, chosen, {"vocabulary": context.vocabulary})
    else:
        found = CostModel(space, vocabulary=context.vocabulary).costs(rows, chosen)
    return np.sum(list(found.values()), axis=0)[:, None]


def _counts(space: SearchSpace, names: tuple[str, ...]) -> bool:
    known = counted_costs(space)
    return all(name in known or (space.family is not None and name in _ONLY_RECORDED) for name in names)


def _latency(_space: SearchSpace, rows: Population, context: Context, columns: Columns) -> Array:
    if context.latency is not None:
        return context.latency.predict(rows)[:, None]
    if "latency_ms" not in columns.costs:
        raise InputError(
            "latency is asked for, but no latency model was given and the observations hold no latency_ms; "
            "measure this device with `foretell latency measure`, or leave latency out."
        )
    return columns.lookup("latency_ms", rows)[:, None]


def _encoding(kind: str, space: SearchSpace, rows: Population, _context: Context, _columns: Columns) -> Array:
    return space.features(rows, kind)


_STRUCTURE: Mapping[str, Callable[[SearchSpace, Population], Array]] = {
    "totals": total_features,
    "paths": cell_features,
}
"""What genes of one kind say together, and the paths through a cell (`foretell.predictors.structure`)."""


def _structure(name: str, space: SearchSpace, rows: Population, _context: Context, _columns: Columns) -> Array:
    return _STRUCTURE[name](space, space.canonical(rows))


def _log(source: _Source, space: SearchSpace, rows: Population, context: Context, columns: Columns) -> Array:
    values = source(space, rows, context, columns)
    # A user's own cost or a gene may be zero or less: the same order, and nearly the logarithm where it is large.
    positive = space.family is not None and not (isinstance(source, partial) and source.func is _encoding)
    return np.log(values) if positive else np.sign(values) * np.log1p(np.abs(values))


COST_FEATURES: Mapping[str, _Source] = {
    "depth": _depth,
    **{name: partial(_counted, name) for name in _COUNTS},
    "latency": _latency,
}
"""One number an architecture, by the names that predictors have; a space's own costs are features by their names."""


def _with_logarithms(names: Collection[str]) -> list[str]:
    return [*names, *(f"log-{name}" for name in names)]


_FAMILY_KINDS = [kind for name in family_names() for kind in family(name).features]
_NAMES = [
    *_STRUCTURE,
    *_with_logarithms([*FEATURE_KINDS, *_FAMILY_KINDS, *COST_FEATURES]),
    "log-depths",
    "shape-products",
]
_MOST_SHAPE_GENES = 8
"""Genes whose products are looked at: the number of products grows with its third power."""


def _source(name: str, space: SearchSpace) -> _Source | None:
    """Where a set of features comes from; None where the space has none of that name."""
    if name == "log-depths":
        return _log_depths if depth_gene(space) else None
    if name == "shape-products":
        return _shape_products if 0 < len(_shape_genes(space)) <= _MOST_SHAPE_GENES else None
    if name.startswith("log-"):
        inner = _source(name.removeprefix("log-"), space)
        return None if inner is None else partial(_log, inner)
    if name in FEATURE_KINDS or (space.family is not None and name in space.family.features):
        return partial(_encoding, name)
    if name in _STRUCTURE:
        smallest = space.canonical(np.zeros((1, space.width), dtype=np.int16))
        return partial(_structure, name) if _STRUCTURE[name](space, smallest).shape[1] else None
    if name == "depth":
        return _depth if depth_gene(space) else None
    if name == "latency":
        return _latency
    if any(_counts(space, each) for each in _COUNTS.get(name, ())) or cost_name(name) in counted_costs(space):
        return partial(_counted, name)
    return None


def has_features(spec: str, space: SearchSpace) -> bool:
    """Whether a space has every set of a sum of feature sets."""
    return all(part.startswith(_COLUMN) or _source(part, space) is not None for part in _parts(spec))


def preferred_features(spec: str, space: SearchSpace) -> str:
    """A sum of feature sets where the space has them all, else what every space has instead."""
    if has_features(spec, space):
        return spec
    return "log-params+per-layer" if has_features("log-params", space) else "per-layer"


def regression_blocks(space: SearchSpace) -> tuple[str, ...]:
    """The feature sets of `Regression`, as far as the space has them.

    Averages say nothing new of global genes; which sizes go together is asked of networks of several stacks.
    """
    stacks = len({gene.depth for gene in space.genes if gene.depth})
    wanted = (
        "log-depths",
        "log-params",
        "averages" if stacks else "",
        "per-layer",
        "shape-products" if stacks > 1 else "",
    )
    return tuple(name for name in wanted if name and has_features(name, space))


_TOGETHER = 0.05
"""Chance that sizes have to go together, before any label: few labels may seem to need a block of many features."""


def block_chances(names: Sequence[str], strengths: Array) -> Array:
    """How probable combinations of strengths of blocks are before any label, up to a factor.

    Args:
        names: Of the blocks.
        strengths: One row a combination, `[m, blocks]`; infinity switches a block off.

    Returns:
        `float64 [m]`.
    """
    on = [np.isfinite(strengths[:, at]) for at, name in enumerate(names) if name == "shape-products"]
    return np.prod([np.where(each, _TOGETHER, 1 - _TOGETHER) for each in on], axis=0) * np.ones(len(strengths))


_COLUMN = "column:"


def _parts(spec: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in spec.split("+"))


def check_features(spec: str, space: SearchSpace | None = None) -> tuple[str, ...]:
    """The parts of a sum of feature sets such as "log-depth+log-params+column:HAT".

    Args:
        spec: The sum.
        space: Where it is known: whose costs and encodings may be named, too.

    Raises:
        UnknownNameError: A part is no feature set; the message names the nearest.
        InputError: A count that the space does not have.
    """
    parts = _parts(spec)
    names = [*_NAMES, *(() if space is None else _with_logarithms(counted_costs(space)))]
    for part in parts:
        there = part in names and (space is None or has_features(part, space))
        if not there and space is not None and part in _COUNTS:
            raise InputError(
                f"nothing says how to count the {part} of an architecture of {space.name}; where they are on record "
                f"take column:{part} (or calibrated:column:{part}), or write them as a cost of the space."
            )
        if not there and not part.startswith(_COLUMN):
            known = [name for name in names if space is None or has_features(name, space)]
            raise UnknownNameError("feature set", part, [*known, "column:NAME"], space.name if space else "")
    return parts


def feature_matrix(spec: str, space: SearchSpace, rows: Population, context: Context, columns: Columns) -> Array:
    """Features of canonical rows, `float64 [n, p]`; NaN where a column knows nothing of a row.

    Raises:
        UnknownNameError: The space has no feature set of a name.
    """
    parts = []
    for part in check_features(spec, space):
        source = _source(part, space)
        if source is not None:
            parts.append(source(space, rows, context, columns))
        else:
            parts.append(columns.goodness(part.removeprefix(_COLUMN), rows, context.quality)[:, None])
    return np.hstack(parts)
