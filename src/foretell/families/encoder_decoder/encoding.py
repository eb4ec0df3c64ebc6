"""What the routers of a Mixture-of-Supernets read of an architecture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.nn.mixture import Mixture

__all__ = ["encode_shape"]


def encode_shape(shape: TransformerShape, largest: TransformerShape, mixture: Mixture) -> tuple[float, ...]:
    """What a router reads of an architecture.

    The ten averages are `SearchSpace.features` of the kind "hat-latency" where the published
    norm is given; "per-layer" is the kind of that name, zero for layers that are not active.
    """
    if mixture.router_input == "per-layer":
        pairs = zip(_genes(shape), _genes(largest), strict=True)
        return tuple(value / top for genes in pairs for value, top in _padded(*genes))
    averages, norm = _averages(shape), mixture.norm or _averages(largest)
    if mixture.router_input == "constant":
        return (0.5,) * len(averages)
    return tuple(value / top for value, top in zip(averages, norm, strict=True))


def _genes(shape: TransformerShape) -> list[Sequence[int]]:
    """The ten genes in HAT's order."""
    encoder = [(shape.encoder_width,), (len(shape.encoder_ffn),), shape.encoder_ffn, shape.encoder_heads]
    decoder = [(shape.decoder_width,), (len(shape.decoder_ffn),), shape.decoder_ffn, shape.decoder_self_heads]
    return [*encoder, *decoder, shape.decoder_cross_heads, shape.attended]


def _averages(shape: TransformerShape) -> tuple[float, ...]:
    return tuple(sum(values) / len(values) for values in _genes(shape))


def _padded(values: Sequence[int], most: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip([*values, *[0] * (len(most) - len(values))], most, strict=True)
