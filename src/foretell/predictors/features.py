"""Named sets of numbers that a regression may look at: all known before training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.families.encoder_decoder.closed_forms import flops, parameters
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.spaces import Population, SearchSpace

__all__ = ["COST_FEATURES", "FEATURES", "check_features", "feature_matrix"]

Array = npt.NDArray[np.float64]
_Source = Callable[[SearchSpace, Population, Context, Columns], Array]


def _depth(gene: str) -> _Source:
    return lambda space, rows, _context, _columns: space.numbers(rows, gene)


def _both_depths(space: SearchSpace, rows: Population, _context: Context, _columns: Columns) -> Array:
    names = dict.fromkeys(gene.depth for gene in space.genes if gene.depth)
    return np.log(np.concatenate([space.numbers(rows, name) for name in names], axis=1))


def _count(embeddings: bool) -> _Source:
    def count(space: SearchSpace, rows: Population, context: Context, _columns: Columns) -> Array:
        n = parameters(space, rows, embeddings="decoder-width" if embeddings else False, vocabulary=context.vocabulary)
        return n[:, None].astype(np.float64)

    return count


def _flops(output_layer: bool) -> _Source:
    def count(space: SearchSpace, rows: Population, context: Context, _columns: Columns) -> Array:
        n = flops(space, rows, output_layer=output_layer, vocabulary=context.vocabulary)
        return n[:, None].astype(np.float64)

    return count


def _latency(_space: SearchSpace, rows: Population, context: Context, columns: Columns) -> Array:
    if context.latency is not None:
        return context.latency.predict(rows)[:, None]
    if "latency_ms" not in columns.costs:
        raise InputError(
            "latency is asked for, but no latency model was given and the observations hold no latency_ms; "
            "measure this device with `foretell latency measure`, or leave latency out."
        )
    return columns.lookup("latency_ms", rows)[:, None]


def _encoding(kind: str) -> _Source:
    return lambda space, rows, _context, _columns: space.features(rows, kind)


def _log(source: _Source) -> _Source:
    return lambda space, rows, context, columns: np.log(source(space, rows, context, columns))


COST_FEATURES: Mapping[str, _Source] = {
    "depth": _depth("decoder-layer-num"),
    "params": _count(embeddings=False),
    "params-with-embeddings": _count(embeddings=True),
    "flops": _flops(output_layer=False),
    "flops-with-output-layer": _flops(output_layer=True),
    "latency": _latency,
}
"""One number an architecture. Parameters and FLOPs in the four conventions of the paper's tables: plain
names leave out embeddings and the output layer, which hide what tells architectures apart."""

FEATURES: Mapping[str, _Source] = {
    **COST_FEATURES,
    **{f"log-{name}": _log(source) for name, source in COST_FEATURES.items()},
    "log-depths": _both_depths,
    "hat": _encoding("hat"),
    "hat-bleu": _encoding("hat-bleu"),
    "per-layer": _encoding("per-layer"),
}
"""All sets by name; "hat" and "per-layer" are explained in `foretell.spaces.FeatureKind`."""

_COLUMN = "column:"


def check_features(spec: str) -> tuple[str, ...]:
    """The parts of a sum of feature sets such as "log-depth+log-params+column:HAT".

    Raises:
        UnknownNameError: A part is no feature set; the message names the nearest.
    """
    parts = tuple(part.strip() for part in spec.split("+"))
    for part in parts:
        if part not in FEATURES and not part.startswith(_COLUMN):
            raise UnknownNameError("feature set", part, [*FEATURES, "column:NAME"])
    return parts


def feature_matrix(spec: str, space: SearchSpace, rows: Population, context: Context, columns: Columns) -> Array:
    """Features of canonical rows, `float64 [n, p]`; NaN where a column knows nothing of a row."""
    parts = []
    for part in check_features(spec):
        if part in FEATURES:
            parts.append(FEATURES[part](space, rows, context, columns))
        else:
            parts.append(columns.lookup(part.removeprefix(_COLUMN), rows)[:, None])
    return np.hstack(parts)
