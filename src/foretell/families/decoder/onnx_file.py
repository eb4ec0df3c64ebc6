"""A decoder or an encoder as an ONNX file: token ids to logits."""

from __future__ import annotations

import copy
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from foretell.errors import InputError
from foretell.nn.transformer import Transformer

__all__ = ["write_onnx"]


class _Logits(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.network(tokens)
        return logits


def write_onnx(network: nn.Module, path: Path) -> None:
    """Write input `tokens` int64 [batch, time], up to the context, to output `logits` float32.

    Those of decoders are [batch, time, V], those of encoders [batch, classes]; their texts are padded on the right.

    Args:
        network: A `Transformer`, or another with a `backbone` that takes tokens alone.
        path: The file.

    Raises:
        InputError: The extra `onnx` is not installed.
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise InputError(f"{missing[0]} is not installed; pip install 'foretell[onnx]', or export to hf.")
    network = copy.deepcopy(network).to("cpu", torch.float32).eval()
    context: int = cast("Any", network.backbone).context
    if isinstance(network, Transformer):
        network.positions(0, context)  # the table must not grow while it is traced
    tokens = torch.full((2, min(8, context)), 4)
    time = torch.export.Dim("time", min=2, max=context)
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _Logits(network),
                (tokens,),
                dynamo=True,
                verbose=False,
                input_names=["tokens"],
                output_names=["logits"],
                dynamic_shapes={"tokens": {0: torch.export.Dim("batch"), 1: time}},
            )
    finally:
        logger.setLevel(level)
    assert program is not None  # noqa: S101 - `dynamo` gives one
    program.save(str(path))
