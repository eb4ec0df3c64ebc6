"""Parameters, FLOPs and bytes of whole populations by closed forms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.families.decoder.genes import Backbone, StackBackbone
from foretell.spaces import Population, SearchSpace

__all__ = ["COSTS", "Layers", "counted", "layers_of", "stack_counts"]

Counts = npt.NDArray[np.int64]

COSTS = {
    "flops": "FLOPs a token of a pass over a full context, the output layer included",
    "flops_without_output_layer": "FLOPs a token of a pass over a full context, the projection to the vocabulary "
    "left out",
    "prefill_flops": "FLOPs of reading a prompt as long as the context, with the logits of its last token",
    "decode_flops": "FLOPs of one token more at the end of a full context, the output layer included",
    "parameters": "every number that is stored, embeddings of the task's vocabulary included",
    "parameters_without_embeddings": "parameters of the layers and norms only",
    "weight_bytes": "bytes of the parameters in the space's precision",
    "cache_bytes": "bytes of the keys and values of a full context in the space's precision",
    "memory_bytes": "bytes of the parameters and of the keys and values of a full context in the space's precision",
}


@dataclass(frozen=True)
class Layers:
    """Every layer's dimensions, each `int64 [n, layers]`; zeros where a layer is not there or lacks the part.

    Attributes:
        width: Of the network, `[n, 1]`.
        heads: Query heads.
        kv_heads: Key-value heads.
        ffn: Inner feed-forward width.
    """

    width: Counts
    heads: Counts
    kv_heads: Counts
    ffn: Counts


def layers_of(space: SearchSpace, population: Population) -> Layers:
    """The layers of a population, `int16 [n, columns]`, canonical or not."""
    depth = space.numbers(population, "layers").astype(np.int64)
    most = int(space.gene("layers").numbers.max())
    active = np.arange(most) < depth

    def values(name: str) -> Counts:
        return space.numbers(population, name).astype(np.int64) * active

    heads = values("heads")
    shared = np.minimum(values("kv-heads"), heads)
    return Layers(space.numbers(population, "width").astype(np.int64), heads, shared, values("ffn"))


def stack_counts(layers: Layers, backbone: StackBackbone, context: int) -> tuple[Counts, Counts, Counts]:
    """Parameters of matrices, of norms and biases, and FLOPs by which one token looks at a context, each `[n]`."""
    width, size = layers.width[:, 0], backbone.head_size
    matrices = 3 if backbone.feed_forward == "swiglu" else 2
    attention = 2 * size * (layers.heads + layers.kv_heads).sum(1) * width
    linear = attention + matrices * layers.ffn.sum(1) * width
    attending = (layers.heads > 0).sum(1)
    norms = (attending + (layers.ffn > 0).sum(1) + 1) * width
    if backbone.attention_bias:
        norms = norms + size * (layers.heads + 2 * layers.kv_heads).sum(1)
    if backbone.head_norms:
        norms = norms + 2 * size * attending
    return linear, norms, 4 * context * size * layers.heads.sum(1)  # scores and mixing


def counted(
    layers: Layers, backbone: Backbone, names: list[str], vocabulary: int | None, length: int | None
) -> dict[str, Counts]:
    """Costs by name, each `int64 [n]`; see `COSTS`.

    Two FLOPs a multiply-add; attention counts all positions of the context for each token, as implementations
    without a causal kernel do. Norms, rotations, activations, softmax and look-ups are not counted.

    Args:
        layers: Of `n` architectures.
        backbone: What they have in common.
        names: Of `COSTS`.
        vocabulary: Pieces; None: the space's nominal number.
        length: Tokens of the context; None: the space's.
    """
    pieces, context = vocabulary or backbone.vocabulary, length or backbone.context
    width, size = layers.width[:, 0], backbone.head_size
    linear, norms, looked = stack_counts(layers, backbone, context)
    embeddings = pieces * width * (1 if backbone.tied else 2)
    token, output = 2 * linear + looked, 2 * pieces * width
    weights = (linear + norms + embeddings) * backbone.bytes
    cache = 2 * context * size * layers.kv_heads.sum(1) * backbone.bytes
    costs = {
        "flops": token + output,
        "flops_without_output_layer": token,
        "prefill_flops": context * token + output,
        "decode_flops": token + output,
        "parameters": linear + norms + embeddings,
        "parameters_without_embeddings": linear + norms,
        "weight_bytes": weights,
        "cache_bytes": cache,
        "memory_bytes": weights + cache,
    }
    return {name: costs[name] for name in names}
