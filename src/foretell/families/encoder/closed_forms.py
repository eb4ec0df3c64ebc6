"""Parameters, FLOPs and bytes of whole populations of encoders by closed forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.families.decoder.closed_forms import Counts, layers_of, stack_counts
from foretell.families.encoder.genes import Backbone
from foretell.spaces import Population, SearchSpace

__all__ = ["COSTS", "counted"]

COSTS = {
    "flops": "FLOPs of classifying one text as long as the context",
    "flops_without_output_layer": "FLOPs of classifying one text as long as the context, the projection to the classes "
    "left out",
    "parameters": "every number that is stored, embeddings of the task's vocabulary included",
    "parameters_without_embeddings": "parameters of the layers, norms and the classifier only",
    "weight_bytes": "bytes of the parameters in the space's precision",
    "memory_bytes": "bytes of the parameters in the space's precision; nothing is remembered between texts",
}


def counted(
    space: SearchSpace, population: Population, names: list[str], sizes: Mapping[str, Any]
) -> dict[str, Counts]:
    """Costs by name, each `int64 [n]`; see `COSTS`.

    Two FLOPs a multiply-add; pooling, norms, rotations, activations, softmax and look-ups are not counted.

    Args:
        space: A space of the family.
        population: `int16 [n, columns]`, canonical or not.
        names: Of `COSTS`.
        sizes: May hold `vocabulary`, `classes` and `length`, the tokens of a text; else the space's.
    """
    backbone, layers = Backbone.of(space), layers_of(space, population)
    pieces, classes = sizes.get("vocabulary") or backbone.vocabulary, sizes.get("classes") or backbone.classes
    length, width = sizes.get("length") or backbone.context, layers.width[:, 0]
    linear, norms, looked = stack_counts(layers, backbone, length)
    inner = linear + norms + classes * width
    weights, text = inner + pieces * width, length * (2 * linear + looked)
    costs = {
        "flops": text + 2 * classes * width,
        "flops_without_output_layer": text,
        "parameters": weights,
        "parameters_without_embeddings": inner,
        "weight_bytes": weights * backbone.bytes,
        "memory_bytes": weights * backbone.bytes,
    }
    return {name: costs[name] for name in names}
