"""Parameters and FLOPs of whole populations by closed forms, which HAT's published sizes and profiler's counts follow.

The convention is part of every call: with or without embeddings, with or without the output layer. The
published numbers are reproduced exactly; pre-norm backbones add their two final layer norms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from foretell.families.encoder_decoder.genes import Backbone
from foretell.spaces import Population, SearchSpace

__all__ = ["EmbeddingCount", "Totals", "Vocabulary", "embedding_parameters", "flops", "parameters"]

Counts = npt.NDArray[np.int64]

Vocabulary = int | tuple[int, int]
"""Number of tokens, or of the source's and of the target's where embeddings are separate."""

EmbeddingCount = Literal["stored", "decoder-width"]
"""How embeddings are counted:

- "stored": what a checkpoint of the network holds. Shared embeddings are one matrix as wide as the wider
  of the two stacks, separate ones are three (source, target input, output).
- "decoder-width": vocabulary x decoder width, as the published records have it, even where the encoder is
  wider or the matrices are separate.
"""


@dataclass(frozen=True)
class Totals:
    """What the closed forms need of a population: each attribute is `int64 [n]`.

    Attributes:
        encoder_width: Width of the encoder.
        encoder_depth: Number of encoder layers.
        encoder_ffn: Sum of the encoder's inner feed-forward widths over active layers.
        decoder_width: Width of the decoder.
        decoder_depth: Number of decoder layers.
        decoder_ffn: Sum of the decoder's inner feed-forward widths over active layers.
        attended: Sum over active decoder layers of the number of encoder layers attended to, each at most
            the encoder's depth.
        kept: The most encoder layers that any active decoder layer attends to.
    """

    encoder_width: Counts
    encoder_depth: Counts
    encoder_ffn: Counts
    decoder_width: Counts
    decoder_depth: Counts
    decoder_ffn: Counts
    attended: Counts
    kept: Counts

    @classmethod
    def of(cls, space: SearchSpace, population: Population) -> Totals:
        """Sum up a population of the Transformer family, `int16 [n, columns]`, canonical or not."""
        encoder_depth = _counts(space, population, "encoder-layer-num")
        decoder_depth = _counts(space, population, "decoder-layer-num")
        attended = np.minimum(_counts(space, population, "decoder-arbitrary-ende-attn-all"), encoder_depth)
        active = np.arange(attended.shape[1], dtype=np.int16) < decoder_depth
        return cls(
            encoder_width=_wide(_counts(space, population, "encoder-embed-dim")),
            encoder_depth=_wide(encoder_depth),
            encoder_ffn=_active_sum(_counts(space, population, "encoder-ffn-embed-dim-all"), encoder_depth),
            decoder_width=_wide(_counts(space, population, "decoder-embed-dim")),
            decoder_depth=_wide(decoder_depth),
            decoder_ffn=_active_sum(_counts(space, population, "decoder-ffn-embed-dim-all"), decoder_depth),
            attended=_active_sum(attended, decoder_depth),
            kept=np.multiply(attended, active).max(axis=1).astype(np.int64),
        )


def _counts(space: SearchSpace, population: Population, name: str) -> Population:
    """What a gene's choices count as, `int16 [n, layers]`: numbers of the family are whole and small."""
    return space.gene(name).numbers.astype(np.int16).take(population[:, space.columns(name)])


def _wide(column: Population) -> Counts:
    return column[:, 0].astype(np.int64)


def _active_sum(values: Population, depth: Population) -> Counts:
    """Sum over active layers; `values` is `[n, layers]`, `depth` `[n, 1]`."""
    active: npt.NDArray[np.bool_] = np.arange(values.shape[1], dtype=np.int16) < depth
    # int32 holds any sum of 16-bit widths, and halves the memory traffic of this, the hot spot of searches.
    return np.einsum("nl,nl->n", values, active, dtype=np.int32, casting="unsafe").astype(np.int64)


def parameters(
    space: SearchSpace,
    population: Population,
    *,
    embeddings: bool | EmbeddingCount,
    vocabulary: Vocabulary | None = None,
    totals: Totals | None = None,
) -> Counts:
    """Number of parameters.

    Args:
        space: A space of the Transformer family.
        population: `int16 [n, columns]`.
        embeddings: Whether and how embeddings are counted: True means "stored"; False counts none, and no
            output layer either.
        vocabulary: Size of the vocabulary, or of source's and target's; None: the space's nominal one.
        totals: `Totals.of(space, population)` where it is at hand.

    Returns:
        `int64 [n]`.
    """
    t = totals or Totals.of(space, population)
    q, de, dd = Backbone.of(space).qkv_dim, t.encoder_width, t.decoder_width
    encoder = t.encoder_depth * (4 * q * de + 3 * q + 6 * de) + (2 * de + 1) * t.encoder_ffn
    decoder = t.decoder_depth * (6 * q * dd + 2 * q * de + 6 * q + 9 * dd) + (2 * dd + 1) * t.decoder_ffn
    total: Counts = encoder + decoder
    if Backbone.of(space).norm == "pre":
        total += 2 * (de + dd)
    if embeddings is not False:
        count: EmbeddingCount = "stored" if embeddings is True else embeddings
        total += embedding_parameters(space, population, count=count, vocabulary=vocabulary, totals=t)
    return total


def embedding_parameters(
    space: SearchSpace,
    population: Population,
    *,
    count: EmbeddingCount,
    vocabulary: Vocabulary | None = None,
    totals: Totals | None = None,
) -> Counts:
    """Number of embedding parameters, `int64 [n]`, under a counting convention; see `EmbeddingCount`."""
    t = totals or Totals.of(space, population)
    source, target = _sizes(space, vocabulary)
    if count == "decoder-width":
        return target * t.decoder_width
    if Backbone.of(space).embeddings == "shared":
        return target * np.maximum(t.encoder_width, t.decoder_width)
    return source * t.encoder_width + 2 * target * t.decoder_width


def _sizes(space: SearchSpace, vocabulary: Vocabulary | None) -> tuple[int, int]:
    """Vocabulary sizes of source and target."""
    size = vocabulary or Backbone.of(space).vocabulary
    return size if isinstance(size, tuple) else (size, size)


def flops(
    space: SearchSpace,
    population: Population,
    *,
    output_layer: bool,
    vocabulary: Vocabulary | None = None,
    sentence_length: int | None = None,
    totals: Totals | None = None,
) -> Counts:
    """Floating-point operations of one teacher-forced pass over one sentence pair: two a multiply-add.

    Source and target have the same number of tokens. Layer norms, the scaling of embeddings and queries
    and the index products are counted as the published profiler does; softmax, residual
    additions, ReLU, biases and look-ups are not.

    Args:
        space: A space of the Transformer family.
        population: `int16 [n, columns]`.
        output_layer: Whether the projection to the vocabulary is counted.
        vocabulary: Size of the vocabulary, or of source's and target's; None: the space's nominal one.
        sentence_length: Tokens a side; None: the space's nominal length.
        totals: `Totals.of(space, population)` where it is at hand.

    Returns:
        `int64 [n]`.
    """
    t = totals or Totals.of(space, population)
    length = sentence_length or Backbone.of(space).sentence_length
    macs = _matrix_macs(t, Backbone.of(space).qkv_dim, length) + _elementwise_macs(space, t, length)
    if output_layer:
        macs += length * _sizes(space, vocabulary)[1] * t.decoder_width
    return 2 * macs


def _matrix_macs(t: Totals, q: int, length: int) -> Counts:
    """Multiply-adds of projections, attention and feed-forward networks."""
    scores = 2 * length * length * q
    encoder = t.encoder_depth * (4 * length * q * t.encoder_width + scores)
    feed_forward = 2 * length * (t.encoder_width * t.encoder_ffn + t.decoder_width * t.decoder_ffn)
    decoder = t.decoder_depth * (6 * length * q * t.decoder_width + scores)
    # Keys, values and attention once for each encoder layer attended to.
    cross = t.attended * (2 * length * q * t.encoder_width + scores)
    return encoder + decoder + cross + feed_forward


def _elementwise_macs(space: SearchSpace, t: Totals, length: int) -> Counts:
    """Products that the published profiler counts beside the matrices."""
    # Pre-norm: one final norm for the decoder, one for each encoder layer that is attended to.
    encoder_final, decoder_final = (t.kept, 1) if Backbone.of(space).norm == "pre" else (0, 0)
    attentions = t.encoder_depth + 2 * t.decoder_depth
    norms_and_scaling = length * (
        (2 * t.encoder_depth + 1 + encoder_final) * t.encoder_width
        + (3 * t.decoder_depth + 1 + decoder_final) * t.decoder_width
    )
    return norms_and_scaling + length * Backbone.of(space).qkv_dim * attentions + 2 * length + 3 * attentions
