"""A Hugging Face folder of a BERT: its configuration, safetensors and tokenizer; nothing else of it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor

from foretell.errors import InputError, IntegrityError
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.encoder.bert.network import BertBackbone, SentenceEncoder
from foretell.families.hugging_face_folder import (
    check_header,
    licence,
    positive,
    tensors,
    weight_files,
)
from foretell.records import file_sha256, fingerprint, read_object
from foretell.tasks.language_model.pretrained import PretrainedTokenizer, tokenizer_of_folder

__all__ = ["PretrainedEncoder", "read_encoder"]

_ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu"}
_TYPES = "embeddings.token_type_embeddings.weight"
_NO_WEIGHTS = ("embeddings.position_ids", "bert.embeddings.position_ids")
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")
_PLAIN = {
    "embeddings.word_embeddings.weight": "words.weight",
    "embeddings.position_embeddings.weight": "positions.weight",
    "embeddings.LayerNorm.weight": "norm.weight",
    "embeddings.LayerNorm.bias": "norm.bias",
}
_PARTS = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "expand",
    "output.dense": "contract",
    "output.LayerNorm": "feed_forward_norm",
}


@dataclass(frozen=True, eq=False)
class PretrainedEncoder:
    """An encoder that has been looked at.

    Attributes:
        path: The folder.
        shape: Its dimensions.
        backbone: What its layers have in common.
        licence: As its model card says; None where it does not.
        fingerprint: Names its weights: what the files are, not where they lie.
    """

    path: Path
    shape: DecoderShape
    backbone: BertBackbone
    licence: str | None
    fingerprint: str
    _files: tuple[Path, ...]
    _config: Mapping[str, Any]

    @property
    def parameters(self) -> int:
        """Numbers that are read."""
        with torch.device("meta"):
            return sum(each.numel() for each in SentenceEncoder(self.shape, self.backbone).parameters())

    def tokenizer(self) -> PretrainedTokenizer:
        """See `tokenizer_of_folder`."""
        return tokenizer_of_folder(self.path, self._config)

    def load(self) -> SentenceEncoder:
        """The network, in evaluation mode on the CPU, float32.

        Raises:
            InputError: Its weights are quantised.
            IntegrityError: Tensors are missing, of another shape or not finite.
        """
        with torch.device("meta"):
            network = SentenceEncoder(self.shape, self.backbone)
        wanted = dict(network.named_parameters())
        found: dict[str, Tensor] = {}
        types: Tensor | None = None
        for name, tensor in tensors(self._files, _NO_WEIGHTS):
            plain = name.removeprefix("bert.")
            if plain == _TYPES:
                types = tensor
            ours = _ours(plain)
            if ours in wanted:
                self._check(name, tensor, tuple(wanted[ours].shape))
                found[ours] = tensor
        missing = [name for name in wanted if name not in found] + ([_TYPES] if types is None else [])
        if missing:
            raise self._damaged(f"lacks {len(missing)} tensors that its configuration wants, such as {missing[0]}")
        first = cast("Tensor", types)
        self._check(_TYPES, first, (len(first), self.shape.width))
        # Only the first type is ever read: it is a part of the positions, whose sum with the words rounds as before.
        found["positions.weight"] = found["positions.weight"] + first[0]
        network.load_state_dict(found, assign=True)
        return network.requires_grad_(True).eval()

    def _check(self, name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
        if tensor.shape != shape:
            told = f"has a tensor {name} of shape {tuple(tensor.shape)}, its configuration says {shape}"
            raise self._damaged(told)
        if not bool(torch.isfinite(tensor).all()):
            raise self._damaged(f"has a tensor {name} that is not finite")

    def _damaged(self, told: str) -> IntegrityError:
        return IntegrityError(f"{self.path} {told}; get the checkpoint again.")


def _ours(plain: str) -> str | None:
    """What the network calls a tensor; None where it has none such, as of the pooler."""
    found = _LAYER.fullmatch(plain)
    if found is None:
        return _PLAIN.get(plain)
    number, part, kind = found.groups()
    return f"layers.{number}.{_PARTS[part]}.{kind}" if part in _PARTS else None


def read_encoder(folder: Path) -> PretrainedEncoder:
    """Look at the folder of a BERT-shaped encoder; weights are read by `PretrainedEncoder.load`.

    Raises:
        InputError: There is nothing of the kind, or nothing that foretell reads; the message says what is.
        IntegrityError: It is damaged.
    """
    where = folder / "config.json"
    if not where.exists():
        raise InputError(f"{folder} has no config.json; give the folder of a Hugging Face checkpoint.")
    config = read_object(where)
    if config.get("model_type") != "bert":
        raise InputError(
            f"{where} is a model of type {config.get('model_type')!r}; foretell reads encoders of type 'bert': choose "
            "one of those."
        )
    shape, backbone = _read(config, where)
    files = weight_files(folder)
    for path in files:
        check_header(path)
    named = fingerprint(["bert", config, [file_sha256(path) for path in files]])
    return PretrainedEncoder(folder, shape, backbone, licence(folder), named, tuple(files), config)


def _read(config: Mapping[str, Any], where: Path) -> tuple[DecoderShape, BertBackbone]:
    size = partial(_size, config, where)
    width, heads = size("hidden_size"), size("num_attention_heads")
    if width % heads:
        raise IntegrityError(f"{where} has {heads} heads in a width of {width}, which they do not divide: restore it.")
    for name, plain in (("position_embedding_type", "absolute"), ("is_decoder", False)):
        if config.get(name) not in (None, plain):
            raise InputError(f"{where} has {name} {config[name]!r}; foretell reads {plain!r} alone: choose another.")
    activation = config.get("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise InputError(
            f"{where} has hidden_act {activation!r}; foretell reads {', '.join(_ACTIVATIONS)}: choose one."
        )
    backbone = BertBackbone(
        width // heads,
        size("max_position_embeddings"),
        size("vocab_size"),
        positive(config, "layer_norm_eps", 1e-12, where),
        cast("Literal['gelu', 'gelu_tanh', 'relu']", _ACTIVATIONS[activation]),
    )
    layer = LayerShape(heads, heads, size("intermediate_size"))
    return DecoderShape(width, (layer,) * size("num_hidden_layers")), backbone


def _size(config: Mapping[str, Any], where: Path, name: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**24:
        raise IntegrityError(f"{where} has {name} {value!r}; expected a positive whole number: restore it.")
    return value
