"""Which architectures a network can run, and a network's description as JSON values."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from foretell.errors import InputError
from foretell.families.encoder_decoder.genes import Backbone, TransformerShape
from foretell.nn.mixture import Mixture

__all__ = ["check_consistent", "check_fits", "network_arguments", "shape_from_json", "shape_to_json"]


def check_consistent(shape: TransformerShape, backbone: Backbone) -> None:
    """Refuse dimensions that contradict each other.

    Raises:
        InputError: Lists of different lengths, attention to missing layers, heads that do not divide.
    """
    encoder, decoder = len(shape.encoder_ffn), len(shape.decoder_ffn)
    lists = (shape.decoder_self_heads, shape.decoder_cross_heads, shape.attended)
    if len(shape.encoder_heads) != encoder or any(len(values) != decoder for values in lists):
        raise InputError(f"the lists of {shape} differ in length; give one value for each layer.")
    if not encoder or not decoder or not all(1 <= k <= encoder for k in shape.attended):
        raise InputError(
            f"decoder layers attend to the last {list(shape.attended)} of {encoder} encoder layers; "
            "expected at least one layer on each side and between 1 and all of the encoder's."
        )
    heads = (*shape.encoder_heads, *shape.decoder_self_heads, *shape.decoder_cross_heads)
    if any(h < 1 or backbone.qkv_dim % h for h in heads):
        raise InputError(f"heads {sorted(set(heads))} must each divide the qkv-dim {backbone.qkv_dim}.")


def check_fits(shape: TransformerShape, largest: TransformerShape, backbone: Backbone) -> None:
    """Refuse an architecture that is not a leading part of the network.

    Raises:
        InputError: Some dimension is larger than the network's, or contradicts another.
    """
    check_consistent(shape, backbone)
    widths = ((shape.encoder_width, largest.encoder_width), (shape.decoder_width, largest.decoder_width))
    layers = ((shape.encoder_ffn, largest.encoder_ffn), (shape.decoder_ffn, largest.decoder_ffn))
    fits = all(mine <= most for mine, most in widths) and all(
        len(mine) <= len(most) and all(a <= b for a, b in zip(mine, most, strict=False)) for mine, most in layers
    )
    if not fits:
        raise InputError(f"{shape} does not fit into the network's {largest}; use a network of its space.")


def shape_to_json(shape: TransformerShape) -> dict[str, Any]:
    """The dimensions with lists in place of tuples."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(shape).items()}


def shape_from_json(values: dict[str, Any]) -> TransformerShape:
    """What `shape_to_json` was given.

    Raises:
        InputError: A value is missing or no integers.
    """
    try:
        found = [values[field.name] for field in fields(TransformerShape)]
        return TransformerShape(*(tuple(map(int, v)) if isinstance(v, list | tuple) else int(v) for v in found))  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the dimensions {values} of a network are damaged ({error!r}).") from error


def network_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """What `Seq2SeqTransformer` is made with, from what its `config` returned.

    Raises:
        InputError: Keys are missing, unknown or do not fit together.
    """
    try:
        source, target = config["vocabulary"]
        encoder, decoder = config["reference_widths"]
        return {
            "shape": shape_from_json(config["shape"]),
            "backbone": Backbone(**config["backbone"]),
            "vocabulary": (source, target),
            "dropout": config["dropout"],
            "attention_dropout": config["attention_dropout"],
            "reference_widths": (encoder, decoder),
            "mixture": Mixture.of(config.get("mixture")),
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"the network's description is damaged ({error!r}); restore the file it was read from."
        ) from error
