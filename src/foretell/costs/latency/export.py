"""Exporting a trained network, and measuring what was exported beside the original."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.costs.latency.setting import LatencySetting
from foretell.costs.latency.timing import Repeats, time_pairs
from foretell.errors import InputError, UnknownNameError
from foretell.families.encoder_decoder.timing import beam_search_step, translation_step
from foretell.machine import torch_threads
from foretell.records import storage
from foretell.spaces import SearchSpace

if TYPE_CHECKING:
    from torch import Tensor

    from foretell.families.base import Network
    from foretell.families.encoder_decoder.network import Seq2SeqTransformer

__all__ = ["EXPORT_FORMATS", "export_network"]

EXPORT_FORMATS = ("torch", "onnx")
_SUFFIX = {"torch": "pt2", "onnx": "onnx"}
_FIRST_WORD = 4

_Encoder = Callable[["Tensor"], tuple["Tensor", ...]]
_Step = Callable[["Tensor", tuple["Tensor", ...], tuple["Tensor", ...]], tuple["Tensor", ...]]


def export_network(network: Network, form: str, out: Path | str, *, tokens: int = 10, beam: int = 4) -> dict[str, Any]:
    """Write a network as two programs, and time a translation with them and with the original in turns.

    Args:
        network: An encoder-decoder on the CPU, in single precision.
        form: "torch" (`torch.export`, files `.pt2`) or "onnx" (needs the extra `[onnx]`).
        out: The folder for `encoder` and `step`.
        tokens: Of the source and of the translation that is timed, by one thread.
        beam: Hypotheses of its beam search.

    Returns:
        `files`, `out`, `original_ms`, `exported_ms` (medians), `ratio` and its interval `ratio_interval`,
        `repeats`, `difference` (the largest between the logits of both after three tokens), `tokens`, `beam`.

    Raises:
        UnknownNameError: There is no such form.
        InputError: The extra is not installed, or the network is of another family.
        StorageError: The disk refused.
    """
    from foretell.families.encoder_decoder.network import Seq2SeqTransformer

    if not isinstance(network, Seq2SeqTransformer):
        raise InputError(f"a network of the family {network.family} cannot be exported so; give an encoder_decoder.")
    if form not in EXPORT_FORMATS:
        raise UnknownNameError("export format", form, EXPORT_FORMATS)
    if form == "onnx":
        _check_onnx()
    network = network.eval()
    paths = [Path(out) / f"{name}.{_SUFFIX[form]}" for name in ("encoder", "step")]
    encoder, step = _write(network, form, paths)
    setting = LatencySetting(_space_of(network), network.vocabulary[1], {"sentence_length": tokens, "beam": beam})
    exported = _translation(setting, network, encoder, step)
    with torch_threads(1):
        found = time_pairs(setting, exported, translation_step(setting, network), Repeats(most=60, seconds=3.0))
        difference = _difference(network, encoder, step)
    return {
        "files": [path.name for path in paths],
        "out": str(out),
        "original_ms": found["probe_ms"],
        "exported_ms": found["measured_ms"],
        **{name: found[name] for name in ("ratio", "ratio_interval", "repeats")},
        "difference": difference,
        "tokens": tokens,
        "beam": beam,
    }


def _write(network: Seq2SeqTransformer, form: str, paths: list[Path]) -> tuple[_Encoder, _Step]:
    """Write both programs, and give them back as they run."""
    import torch

    from foretell.families.encoder_decoder.programs import trace_programs

    with _quiet():
        programs = trace_programs(network)
        for program, path in zip(programs, paths, strict=True):
            with storage(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                if form == "onnx":
                    torch.onnx.export(program, dynamo=True, verbose=False).save(str(path))  # type: ignore[union-attr]
                else:
                    torch.export.save(program, path)
    if form == "onnx":
        return _onnx_runtime(paths)
    encoder, step = (program.module() for program in programs)
    return encoder, step


def _onnx_runtime(paths: list[Path]) -> tuple[_Encoder, _Step]:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sessions = [onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"]) for path in paths]
    names = [[item.name for item in session.get_inputs()] for session in sessions]

    def run(which: int, *values: Tensor) -> tuple[Tensor, ...]:
        feed = {name: value.numpy() for name, value in zip(names[which], values, strict=True)}
        return tuple(map(torch.from_numpy, sessions[which].run(None, feed)))

    return lambda source: run(0, source), lambda tokens, pasts, crosses: run(1, tokens, *pasts, *crosses)


class _State:
    """Keys and values of one translation by exported programs."""

    def __init__(self, pasts: tuple[Tensor, ...], crosses: tuple[Tensor, ...]) -> None:
        self.pasts, self.crosses = pasts, crosses

    def select(self, rows: Tensor) -> None:
        self.pasts = tuple(past.index_select(0, rows) for past in self.pasts)


def _translation(
    setting: LatencySetting, network: Seq2SeqTransformer, encoder: _Encoder, step: _Step
) -> Callable[[], None]:
    import torch

    empty = torch.zeros(setting.sizes["beam"], 0, 2 * network.backbone.qkv_dim)

    def start(source: Tensor) -> _State:
        crosses = encoder(source)
        return _State((empty,) * len(crosses), crosses)

    def advance(tokens: Tensor, state: _State) -> Tensor:
        logits, *pasts = step(tokens, state.pasts, state.crosses)
        state.pasts = tuple(pasts)
        return logits

    return beam_search_step(setting, start, advance, _State.select)


def _difference(network: Seq2SeqTransformer, encoder: _Encoder, step: _Step) -> float:
    """The largest difference of logits after three tokens of two hypotheses."""
    import torch

    source = torch.arange(_FIRST_WORD, _FIRST_WORD + 5)[None]
    with torch.inference_mode():
        state = network.start(network.encode(source))
        crosses = encoder(source)
        pasts: tuple[Tensor, ...] = (torch.zeros(2, 0, 2 * network.backbone.qkv_dim),) * len(crosses)
        for word in range(3):
            tokens = torch.tensor([_FIRST_WORD + word, _FIRST_WORD])
            expected = network.logits(network.step(tokens, state))
            found, *grown = step(tokens, pasts, crosses)
            pasts = tuple(grown)
    return float((found - expected).abs().max())


def _check_onnx() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"{missing[0]} is not installed; install foretell with the extra [onnx], or take --format torch."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn of their own internals."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _space_of(network: Seq2SeqTransformer) -> SearchSpace:
    """A setting names a space; for timing one network its backbone is all that matters."""
    return SearchSpace((), "exported", family="encoder_decoder", constants=network.backbone)
