"""Handing a trained classifier to other runtimes: a Hugging Face folder, an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from foretell.errors import InputError, known_name
from foretell.families.decoder.card import Card
from foretell.families.decoder.onnx_file import write_onnx
from foretell.families.encoder.bert.classifier import BertClassifier
from foretell.families.encoder.hugging_face import write_folder
from foretell.families.encoder.network import TextClassifier
from foretell.records import write_atomic, write_json, written_whole
from foretell.tasks.language_model.tokenizers import Tokenizer

__all__ = ["TARGETS", "export"]

TARGETS: Mapping[str, str] = {
    "hf": "a folder for transformers, with foretell's registered class",
    "onnx": "a file for ONNX runtimes: logits of every class of texts padded on the right",
}


def export(
    network: TextClassifier | BertClassifier,
    tokenizer: Tokenizer,
    card: Card,
    classes: Sequence[str],
    target: str,
    folder: Path,
    weights: str = "f32",
) -> list[Path]:
    """Write a classifier for another runtime; the folder appears whole or not at all.

    Args:
        network: On the CPU or not; it is left as it is.
        tokenizer: Of its vocabulary.
        card: For people.
        classes: Their names, in the order of the logits.
        target: Of `TARGETS`.
        folder: Is made; what it held is replaced.
        weights: "f32", "f16", "bf16"; ONNX files hold f32.

    Returns:
        The files.

    Raises:
        UnknownNameError: There is no such target.
        InputError: The target cannot express the network, or what writes it is not installed.
        StorageError: The folder cannot be written.
    """
    target = known_name("export target", target, TARGETS, "those of classifiers")
    if target == "hf":
        return written_whole(folder, lambda made: write_folder(network, tokenizer, card, classes, made, weights))
    if weights != "f32":
        raise InputError(f"ONNX files hold f32 weights, not {weights}; leave --weights out.")

    def write(made: Path) -> None:
        write_onnx(network, made / "model.onnx")
        for name, content in tokenizer.files.items():
            write_atomic(made / name, content)
        write_json(made / "labels.json", list(classes))

    return written_whole(folder, write)
