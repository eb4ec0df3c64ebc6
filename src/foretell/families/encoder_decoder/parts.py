"""What the time of a translation is made up of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["PARTS", "latency_parts"]

PARTS = (
    "fixed",
    "encoder_layers",
    "encoder_widths",
    "encoder_ffn",
    "encoder_heads",
    "decoder_layers",
    "decoder_widths",
    "decoder_ffn",
    "decoder_self_heads",
    "decoder_cross_heads",
    "attended",
    "attended_widths",
    "output_layer",
)
"""What a translation's time is a sum of, each the total over active layers."""


def latency_parts(averages: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much of each part of `PARTS` an architecture has, `[n, parts]`, from HAT's ten averages `[n, 10]`."""
    de, le, fe, he, dd, ld, fd, hs, hc, k = averages.T
    one = np.ones(len(averages))
    encoder = [le, le * de, le * fe * de, le * he]
    decoder = [ld, ld * dd, ld * fd * dd, ld * hs, ld * hc, ld * k, ld * k * de]
    return np.stack([one, *encoder, *decoder, dd], axis=1)
