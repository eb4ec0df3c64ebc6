"""A Hugging Face folder: its configuration, safetensors and tokenizer; nothing else of it is read, no code run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from foretell.errors import InputError, IntegrityError
from foretell.families.decoder.family import FAMILY
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.hugging_face import MODEL_TYPE
from foretell.families.decoder.reading.checkpoint import Named, Pretrained, check_type
from foretell.families.hugging_face_folder import (
    check_header,
    licence,
    positive,
    tensors,
    weight_files,
    whole_number,
)
from foretell.records import file_sha256, fingerprint, read_object
from foretell.tasks.language_model.pretrained import tokenizer_of_folder

__all__ = ["read_folder"]

_SIZES = ("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads", "intermediate_size")
_OF_LAYERS = ("num_attention_heads", "num_key_value_heads", "intermediate_size")
_RENAMED = {"embed_tokens.weight": "embed_tokens"}


def read_folder(folder: Path) -> Pretrained:
    """See `read_pretrained`."""
    if not (folder / "config.json").exists():
        raise InputError(f"{folder} has no config.json; give the folder of a Hugging Face checkpoint.")
    config = read_object(folder / "config.json")
    kind = check_type(config.get("model_type"), folder, remote_code="auto_map" in config)
    shape, backbone = _read(config, kind, folder / "config.json")
    files = weight_files(folder)
    for path in files:
        check_header(path)
    return Pretrained(
        folder,
        kind,
        shape,
        backbone,
        int(config["vocab_size"]),
        licence(folder),
        fingerprint([kind, config, [file_sha256(path) for path in files]]),  # whole: sisters differ in weights alone
        partial(tokenizer_of_folder, folder, config),
        partial(_tensors, files),
    )


def _read(config: Mapping[str, Any], kind: str, where: Path) -> tuple[DecoderShape, Backbone]:
    if config.get("quantization_config"):
        told = config["quantization_config"]
        method = told.get("quant_method", "unknown") if isinstance(told, dict) else told
        raise InputError(
            f"{where} says that the weights are quantised ({method}); give the checkpoint that they were made from, or "
            "a GGUF file, which is dequantised."
        )
    for name in _SIZES[: 3 if kind == MODEL_TYPE else None]:
        value = config.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**24:
            raise IntegrityError(f"{where} has {name} {value!r}; expected a positive whole number: restore it.")
    for name, plain in (("hidden_act", "silu"), ("mlp_bias", False), ("partial_rotary_factor", 1.0)):
        if config.get(name) not in (None, plain):
            raise InputError(f"{where} has {name} {config[name]!r}; foretell reads {plain!r} alone: choose another.")
    if kind != "qwen2" and config.get("attention_bias"):
        raise InputError(f"{where} has biases in its attention, which foretell reads of qwen2 alone; choose another.")
    if kind == MODEL_TYPE:
        return _read_own(config, where)
    heads = config["num_attention_heads"]
    kv_heads = whole_number(config, "num_key_value_heads", heads, where)
    size = whole_number(config, "head_dim", config["hidden_size"] // heads, where)
    layer = LayerShape(heads, kv_heads, config["intermediate_size"])
    backbone = Backbone(
        head_size=size,
        theta=_theta(config, where),
        epsilon=positive(config, "rms_norm_eps", 1e-6, where),
        context=_context(config, kind, where),
        vocabulary=config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings", False)),
        attention_bias=kind == "qwen2",
        head_norms=kind == "qwen3",
    )
    return DecoderShape(config["hidden_size"], (layer,) * config["num_hidden_layers"]), backbone


def _read_own(config: Mapping[str, Any], where: Path) -> tuple[DecoderShape, Backbone]:
    """What `foretell.families.decoder.hugging_face` wrote of a network whose layers differ."""
    try:
        told = config["per_layer_config"]
        layers = [LayerShape(*(int(told[str(n)][name]) for name in _OF_LAYERS)) for n in range(len(told))]
        if len(layers) != config["num_hidden_layers"]:
            raise ValueError(f"{len(layers)} layers")
        backbone = FAMILY.constants(config["backbone"], str(where))
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise IntegrityError(f"{where} does not tell the network's sizes ({error!r}): restore it.") from error
    return DecoderShape(config["hidden_size"], tuple(layers)), backbone


def _theta(config: Mapping[str, Any], where: Path) -> float:
    told = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(told, dict):
        raise IntegrityError(f"{where} says {told!r} of its rotary positions; expected a mapping: restore it.")
    kind = told.get("rope_type", told.get("type", "default"))
    if kind != "default":
        raise InputError(
            f"{where} stretches its rotary positions ({kind}), which foretell does not; choose a checkpoint without."
        )
    return positive(told if told.get("rope_theta") is not None else config, "rope_theta", 10000.0, where)


def _context(config: Mapping[str, Any], kind: str, where: Path) -> int:
    """The longest text; one that a sliding window does not cut short."""
    longest = whole_number(config, "max_position_embeddings", 2048, where)
    slides = kind == "mistral" or config.get("use_sliding_window")
    return min(longest, whole_number(config, "sliding_window", longest, where)) if slides else longest


def _tensors(files: list[Path]) -> Named:
    for name, tensor in tensors(files):
        plain = name.removeprefix("model.")
        yield _RENAMED.get(plain, plain), tensor
