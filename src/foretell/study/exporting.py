"""Handing what a study has trained to other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.errors import InputError
from foretell.metrics import metric_named
from foretell.records import read_object
from foretell.study.shrinking.sources import pretrained_of
from foretell.study.use import trained_folder, trained_network
from foretell.tasks.classification import TextReader
from foretell.tasks.classification.word_pieces import WordPieces
from foretell.tasks.language_model import load_vocabulary

if TYPE_CHECKING:
    from foretell.families.decoder.card import Card

__all__ = ["export_network"]


def export_network(run: Path, target: str, out: Path | None = None, weights: str = "f32") -> list[Path]:
    """Write the network of a run's winner, of a folder of `foretell train`, or a pretrained one, for another runtime.

    Args:
        run: The folder; a run of `foretell shrink`; or a pretrained model as `foretell shrink` takes it.
        target: "hf", "gguf" or "onnx"; see `TARGETS` of `foretell.families.decoder.exporting` and of the encoder's.
        out: The folder that is made; None: `RUN/exported/TARGET`.
        weights: "f32", "f16", "bf16", "q8_0"; not every target has all.

    Returns:
        The files.

    Raises:
        InputError: The folder holds no trained network, or one that the target cannot express.
        UnknownNameError: There is no such target.
    """
    from foretell.families.decoder.card import Card
    from foretell.families.decoder.exporting import export
    from foretell.families.decoder.network import LanguageModel
    from foretell.families.encoder.bert.classifier import BertClassifier
    from foretell.families.encoder.exporting import export as export_classifier
    from foretell.families.encoder.network import TextClassifier
    from foretell.tasks.language_model.tokenizers import exported_tokenizer

    where, source = out or run / "exported" / target, pretrained_of(run)
    if source is not None:
        found = source.checkpoint
        tokenizer = found.tokenizer().exported(found.vocabulary, gguf=target == "gguf")
        lines = (f"{source.name}, rewritten by `foretell export`.", f"Its licence: {source.licence or 'not told'}")
        return export(found.load(), tokenizer, Card(source.name, lines, found.licence), target, where, weights)
    network = trained_network(run)
    if isinstance(network, TextClassifier | BertClassifier):
        reader = TextReader.load(trained_folder(run))
        if isinstance(reader.vocabulary, WordPieces):
            read = reader.vocabulary.cut_to(reader.tokens)
        else:
            read = exported_tokenizer(reader.vocabulary, longest=reader.tokens, lowercase=reader.lowercase)
        card = _card(run, trained_folder(run), "A text classifier")
        return export_classifier(network, read, card, reader.classes, target, where, weights)
    if not isinstance(network, LanguageModel):
        raise InputError(
            f"{run} holds a network of the family {network.family}, which no other runtime knows; language models "
            "(family decoder) and classifiers (family encoder) are exported, and `foretell latency export` writes a "
            "translator's programs."
        )
    folder = trained_folder(run)
    tokenizer = exported_tokenizer(load_vocabulary(folder / "vocabulary.model"))
    return export(network, tokenizer, _card(run, folder), target, where, weights)


def _card(run: Path, folder: Path, what: str = "A language model") -> Card:
    from foretell.families.decoder.card import Card

    lines = [f"{what} that `foretell` found and trained; its licence is for whoever owns the text to say."]
    record = folder / "observation.json"
    if record.exists():
        found: dict[str, Any] = read_object(record, "observation")["observation"].get("metrics") or {}
        scores = [
            f"{metric_named(name).label} {value:.3f}" for name, value in found.items() if name.startswith("test_")
        ]
        lines += [f"Measured: {', '.join(scores)}."] if scores else []
    return Card(run.resolve().name, tuple(lines))
