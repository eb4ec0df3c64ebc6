"""Architectures as the few physical quantities that their quality follows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.families.encoder_decoder.closed_forms import Totals, flops, parameters
from foretell.spaces import Population, SearchSpace

__all__ = ["physical_feature_names", "physical_features"]

_NAMES = (
    "log_decoder_depth",
    "log_encoder_depth",
    "log_decoder_width",
    "log_encoder_width",
    "log_decoder_ffn",
    "log_encoder_ffn",
    "log_attended",
    "log_parameters_without_embeddings",
    "log_flops_without_output_layer",
)


def physical_feature_names(*, latency: bool = False) -> list[str]:
    """The name of each column of `physical_features`."""
    return [*_NAMES, "log_latency_ms"] if latency else list(_NAMES)


def physical_features(
    space: SearchSpace, population: Population, latency: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """Natural logarithms of depth, width, mean feed-forward width, mean attended layers, and costs.

    Embeddings and the output layer are left out on purpose: they depend on the decoder's width and the
    vocabulary only, and hide what tells architectures apart. Columns that a space keeps
    constant, such as HAT's encoder depth, are constant.

    Args:
        space: A space of the Transformer family.
        population: `int16 [n, columns]`, canonical or not.
        latency: Milliseconds, `[n]`, measured or predicted; adds the last column.

    Returns:
        `float64 [n, features]`, in the order of `physical_feature_names`.

    Raises:
        InputError: A latency that is not positive, or not one for each row.
    """
    t = Totals.of(space, population)
    columns = [
        t.decoder_depth,
        t.encoder_depth,
        t.decoder_width,
        t.encoder_width,
        t.decoder_ffn / t.decoder_depth,
        t.encoder_ffn / t.encoder_depth,
        t.attended / t.decoder_depth,
        parameters(space, population, embeddings=False, totals=t),
        flops(space, population, output_layer=False, totals=t),
    ]
    if latency is not None:
        if latency.shape != (len(population),) or not (latency > 0).all():
            raise InputError(f"latency has the shape {latency.shape}; expected {len(population)} positive numbers.")
        columns.append(latency)
    return np.log(np.stack(columns, axis=1))
