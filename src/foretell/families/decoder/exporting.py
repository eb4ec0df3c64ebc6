"""Handing a trained decoder to other runtimes: a Hugging Face folder, a GGUF file, an ONNX file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from foretell.errors import InputError, known_name
from foretell.families.decoder.card import Card
from foretell.families.decoder.network import LanguageModel
from foretell.records import write_atomic, written_whole
from foretell.tasks.language_model.tokenizers import Tokenizer

__all__ = ["TARGETS", "export"]


def _hf(network: LanguageModel, tokenizer: Tokenizer, card: Card, folder: Path, weights: str) -> None:
    from foretell.families.decoder.hugging_face import write_folder

    write_folder(network, tokenizer, card, folder, weights)


def _gguf(network: LanguageModel, tokenizer: Tokenizer, card: Card, folder: Path, weights: str) -> None:
    from foretell.families.decoder.gguf_file import write_gguf

    write_gguf(network, tokenizer, card, folder / "model.gguf", weights)


def _onnx(network: LanguageModel, tokenizer: Tokenizer, card: Card, folder: Path, weights: str) -> None:
    from foretell.families.decoder.onnx_file import write_onnx

    if weights != "f32":
        raise InputError(f"ONNX files hold f32 weights, not {weights}; leave --weights out.")
    write_onnx(network, folder / "model.onnx")
    for name, content in tokenizer.files.items():
        write_atomic(folder / name, content)


_Writer = Callable[[LanguageModel, Tokenizer, Card, Path, str], None]
_WRITERS: dict[str, _Writer] = {"hf": _hf, "gguf": _gguf, "onnx": _onnx}

TARGETS: Mapping[str, str] = {
    "hf": "a folder for transformers: plain Llama where all layers are alike, else foretell's registered class",
    "gguf": "a file for llama.cpp: llama where all layers are alike, else deci",
    "onnx": "a file for ONNX runtimes: logits of every position, without a cache",
}


def export(
    network: LanguageModel, tokenizer: Tokenizer, card: Card, target: str, folder: Path, weights: str = "f32"
) -> list[Path]:
    """Write a network for another runtime; the folder appears whole or not at all.

    Args:
        network: On the CPU or not; it is left as it is.
        tokenizer: Of its vocabulary.
        card: For people.
        target: Of `TARGETS`.
        folder: Is made; what it held is replaced.
        weights: "f32", "f16", "bf16"; ONNX files hold f32, GGUF files also "q8_0".

    Returns:
        The files.

    Raises:
        UnknownNameError: There is no such target.
        InputError: The target cannot express the network, or what writes it is not installed.
        StorageError: The folder cannot be written.
    """
    target = known_name("export target", target, _WRITERS)
    if not network.shape.layers:
        raise InputError("a network without layers is nothing that another runtime loads; choose another architecture.")
    return written_whole(folder, lambda made: _WRITERS[target](network, tokenizer, card, made, weights))
