"""The encoder-decoder Transformer family: its ten genes, what its members share, and a member's dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.spaces import Gene, Scalar, constants_of

if TYPE_CHECKING:
    from foretell.spaces import Architecture, SearchSpace

__all__ = ["GENES", "Backbone", "TransformerShape", "attended_layers", "transformer_genes"]


@dataclass(frozen=True)
class Backbone:
    """What every architecture of a Transformer space has in common.

    Attributes:
        qkv_dim: Total width of queries, keys and values, whatever the embedding width; the number of heads
            only splits it.
        norm: "post" (as published) or "pre" layer normalisation.
        embeddings: "shared" (source, target and output are one matrix) or "separate" (three).
        sentence_length: Nominal tokens a side for counting FLOPs and measuring latency.
        vocabulary: Nominal vocabulary size for counting; a task's own size replaces it where one is known.
        latency_norm: Divisors of the ten averaged values in HAT's latency predictor, where they are published;
            None: each gene's largest value. Says nothing of the networks.
    """

    qkv_dim: int
    norm: Literal["pre", "post"] = "post"
    embeddings: Literal["shared", "separate"] = "shared"
    sentence_length: int = 30
    vocabulary: int = 32768
    latency_norm: tuple[float, ...] | None = None

    @classmethod
    def of(cls, space: SearchSpace) -> Backbone:
        """What the architectures of a space have in common.

        Raises:
            InputError: The space is not of this family.
        """
        return constants_of(space, cls, "encoder_decoder")


GENES: Mapping[str, tuple[str, str | None, str | None]] = {
    "encoder-embed-dim": ("width of the encoder's embeddings and layers", None, None),
    "encoder-layer-num": ("number of encoder layers", None, None),
    "encoder-ffn-embed-dim-all": (
        "inner width of the feed-forward network of each encoder layer",
        "encoder-layer-num",
        None,
    ),
    "encoder-self-attention-heads-all": (
        "number of self-attention heads of each encoder layer",
        "encoder-layer-num",
        None,
    ),
    "decoder-embed-dim": ("width of the decoder's embeddings and layers", None, None),
    "decoder-layer-num": ("number of decoder layers", None, None),
    "decoder-ffn-embed-dim-all": (
        "inner width of the feed-forward network of each decoder layer",
        "decoder-layer-num",
        None,
    ),
    "decoder-self-attention-heads-all": (
        "number of self-attention heads of each decoder layer",
        "decoder-layer-num",
        None,
    ),
    "decoder-ende-attention-heads-all": (
        "number of heads with which each decoder layer attends to the encoder",
        "decoder-layer-num",
        None,
    ),
    "decoder-arbitrary-ende-attn-all": (
        "which encoder layers each decoder layer attends to: -1 the last, 1 the last two, 2 the last three",
        "decoder-layer-num",
        "encoder-layer-num",
    ),
}
"""Description, depth gene and attended stack of the ten genes, in HAT's order."""


def transformer_genes(choices: Mapping[str, Sequence[Scalar]], qkv_dim: int) -> list[Gene]:
    """The ten genes of a Transformer space, in HAT's order.

    Args:
        choices: The admissible values of every gene of `GENES`.
        qkv_dim: Total attention width, which every number of heads must divide.

    Raises:
        UnknownNameError: A name that is not one of the ten.
        InputError: A gene without choices, or a number of heads that does not divide `qkv_dim`.
    """
    for name in choices:
        if name not in GENES:
            raise UnknownNameError("gene", name, GENES)
    genes = []
    for name, (description, depth, bound) in GENES.items():
        if name not in choices:
            raise InputError(f"the gene {name} has no choices; list its values (one value makes it constant).")
        values = _whole(name, choices[name], bound is not None)
        counts = None if bound is None else tuple(attended_layers(np.array(values)).tolist())
        if "heads" in name and any(qkv_dim % heads for heads in values):
            raise InputError(f"{name} allows {values} heads; each must divide the qkv-dim {qkv_dim}.")
        genes.append(Gene(name, tuple(values), description, depth, bound, counts))
    return genes


def _whole(name: str, choices: Sequence[Scalar], attention: bool) -> list[int]:
    """The choices, which must be whole numbers of the family's sizes."""
    whole = [c for c in choices if isinstance(c, int) and not isinstance(c, bool)]
    if len(whole) != len(choices):
        raise InputError(f"gene {name} has the choices {list(choices)}; expected whole numbers such as [4, 2].")
    if attention and not set(whole) <= {-1, 1, 2}:
        raise InputError(f"gene {name} has the choices {whole}; expected some of -1, 1, 2.")
    if not attention and whole and not 1 <= min(whole) <= max(whole) < 2**15:
        raise InputError(f"gene {name} has the choices {whole}; expected positive integers below 32,768.")
    return whole


def attended_layers(values: npt.NDArray[np.integer]) -> npt.NDArray[np.int16]:
    """How many encoder layers HAT's arbitrary-attention values -1, 1, 2 attend to: 1, 2, 3."""
    return np.where(values < 0, 1, values + 1).astype(np.int16)


@dataclass(frozen=True)
class TransformerShape:
    """The dimensions of one encoder-decoder Transformer; everything a network is built from.

    Attributes:
        encoder_width: Embedding width of the encoder.
        encoder_ffn: Inner feed-forward widths, one for each encoder layer.
        encoder_heads: Self-attention heads, one for each encoder layer.
        decoder_width: Embedding width of the decoder.
        decoder_ffn: Inner feed-forward widths, one for each decoder layer.
        decoder_self_heads: Self-attention heads, one for each decoder layer.
        decoder_cross_heads: Cross-attention heads, one for each decoder layer.
        attended: How many of the encoder's last layers each decoder layer attends to, at least 1 and at
            most the encoder's depth.
    """

    encoder_width: int
    encoder_ffn: tuple[int, ...]
    encoder_heads: tuple[int, ...]
    decoder_width: int
    decoder_ffn: tuple[int, ...]
    decoder_self_heads: tuple[int, ...]
    decoder_cross_heads: tuple[int, ...]
    attended: tuple[int, ...]

    @classmethod
    def of(cls, architecture: Architecture) -> TransformerShape:
        """The dimensions of an architecture of the Transformer family."""
        arch = architecture.to_dict()
        layers = attended_layers(np.array(arch["decoder-arbitrary-ende-attn-all"], dtype=np.int16))
        depth = arch["encoder-layer-num"]
        return cls(
            encoder_width=arch["encoder-embed-dim"],
            encoder_ffn=tuple(arch["encoder-ffn-embed-dim-all"]),
            encoder_heads=tuple(arch["encoder-self-attention-heads-all"]),
            decoder_width=arch["decoder-embed-dim"],
            decoder_ffn=tuple(arch["decoder-ffn-embed-dim-all"]),
            decoder_self_heads=tuple(arch["decoder-self-attention-heads-all"]),
            decoder_cross_heads=tuple(arch["decoder-ende-attention-heads-all"]),
            attended=tuple(min(int(k), depth) for k in layers),
        )
