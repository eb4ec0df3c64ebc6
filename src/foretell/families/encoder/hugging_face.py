"""A classifier as a Hugging Face folder; nothing of Hugging Face's is needed to write one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save

from foretell.errors import InputError
from foretell.families.decoder.card import Card
from foretell.families.decoder.hugging_face import TYPES
from foretell.families.encoder.bert.classifier import BertClassifier
from foretell.families.encoder.network import TextClassifier
from foretell.nn.tokens import PAD
from foretell.records import write_atomic, write_json
from foretell.tasks.language_model.tokenizers import Tokenizer

__all__ = ["MODEL_TYPE", "write_folder"]

MODEL_TYPE = "foretell-encoder"
"""What `foretell.integrations.transformers` registers."""


def write_folder(
    network: TextClassifier | BertClassifier,
    tokenizer: Tokenizer,
    card: Card,
    classes: Sequence[str],
    folder: Path,
    weights: str,
) -> None:
    """Write configuration, weights, tokenizer and model card.

    Raises:
        InputError: A type of weights that such a folder cannot hold.
    """
    if weights not in TYPES:
        raise InputError(f"a Hugging Face folder holds weights as {', '.join(TYPES)}, not {weights}; choose one.")
    kind = TYPES[weights]
    tensors = {f"model.{name}": p.detach().to("cpu", kind).contiguous() for name, p in network.named_parameters()}
    config = {
        "architectures": ["ForetellEncoderForSequenceClassification"],
        "model_type": MODEL_TYPE,
        "family": network.family,
        "vocab_size": network.vocabulary,
        "hidden_size": network.shape.width,
        "num_hidden_layers": len(network.shape.layers),
        "max_position_embeddings": network.backbone.context,
        "shape": asdict(network.shape),
        "backbone": asdict(network.backbone),
        "id2label": {str(number): name for number, name in enumerate(classes)},
        "label2id": {name: number for number, name in enumerate(classes)},
        "pad_token_id": PAD,
        "dtype": str(kind).removeprefix("torch."),
    }
    write_json(folder / "config.json", config)
    write_atomic(folder / "model.safetensors", save(tensors, {"format": "pt"}))
    for name, content in tokenizer.files.items():
        write_atomic(folder / name, content)
    write_atomic(folder / "README.md", _card(network, card, classes))


def _card(network: TextClassifier | BertClassifier, card: Card, classes: Sequence[str]) -> str:
    said = {"library_name": "transformers", "pipeline_tag": "text-classification", "tags": ["foretell"]}
    head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in said.items())
    loading = [
        "import foretell.integrations.transformers  # registers the class; pip install foretell",
        "from transformers import pipeline",
        'classify = pipeline("text-classification", "FOLDER", truncation=True)',
    ]
    size = f"{network.parameter_count(embeddings=True):,} parameters, width {network.shape.width}"
    parts = [
        f"---\n{head}\n---",
        f"# {card.title}",
        *card.lines,
        f"{size}, {len(classes)} classes.",
        "```python\n" + "\n".join(loading) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"
