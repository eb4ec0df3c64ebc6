"""A Hugging Face folder: its configuration, safetensors and tokenizer; nothing else of it is read, no code run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from foretell.errors import InputError, IntegrityError
from foretell.families.decoder.family import FAMILY
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.hugging_face import MODEL_TYPE
from foretell.families.decoder.reading.checkpoint import Named, Pretrained, check_type
from foretell.records import file_sha256, fingerprint, read_object
from foretell.tasks.language_model.pretrained import tokenizer_of_folder

__all__ = ["read_folder"]

_SIZES = ("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads", "intermediate_size")
_OF_LAYERS = ("num_attention_heads", "num_key_value_heads", "intermediate_size")
_PICKLES = ("*.bin", "*.pt", "*.pth")
_RENAMED = {"embed_tokens.weight": "embed_tokens"}


def read_folder(folder: Path) -> Pretrained:
    """See `read_pretrained`."""
    if not (folder / "config.json").exists():
        raise InputError(f"{folder} has no config.json; give the folder of a Hugging Face checkpoint.")
    config = read_object(folder / "config.json")
    kind = check_type(config.get("model_type"), folder, remote_code="auto_map" in config)
    shape, backbone = _read(config, kind, folder / "config.json")
    files = _files(folder)
    for path in files:
        _check_header(path)
    return Pretrained(
        folder,
        kind,
        shape,
        backbone,
        int(config["vocab_size"]),
        _licence(folder),
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
    kv_heads = _whole(config, "num_key_value_heads", heads, where)
    size = _whole(config, "head_dim", config["hidden_size"] // heads, where)
    layer = LayerShape(heads, kv_heads, config["intermediate_size"])
    backbone = Backbone(
        head_size=size,
        theta=_theta(config, where),
        epsilon=_positive(config, "rms_norm_eps", 1e-6, where),
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


def _positive(config: Mapping[str, Any], name: str, otherwise: float, where: Path) -> float:
    """A number above zero; `otherwise` where there is none."""
    value = otherwise if config.get(name) is None else config[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise IntegrityError(f"{where} has {name} {value!r}; expected a number above 0: restore it.")
    return float(value)


def _whole(config: Mapping[str, Any], name: str, otherwise: int, where: Path) -> int:
    value = _positive(config, name, otherwise, where)
    if value != int(value):
        raise IntegrityError(f"{where} has {name} {value!r}; expected a positive whole number: restore it.")
    return int(value)


def _theta(config: Mapping[str, Any], where: Path) -> float:
    told = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(told, dict):
        raise IntegrityError(f"{where} says {told!r} of its rotary positions; expected a mapping: restore it.")
    kind = told.get("rope_type", told.get("type", "default"))
    if kind != "default":
        raise InputError(
            f"{where} stretches its rotary positions ({kind}), which foretell does not; choose a checkpoint without."
        )
    return _positive(told if told.get("rope_theta") is not None else config, "rope_theta", 10000.0, where)


def _context(config: Mapping[str, Any], kind: str, where: Path) -> int:
    """The longest text; one that a sliding window does not cut short."""
    longest = _whole(config, "max_position_embeddings", 2048, where)
    slides = kind == "mistral" or config.get("use_sliding_window")
    return min(longest, _whole(config, "sliding_window", longest, where)) if slides else longest


def _files(folder: Path) -> list[Path]:
    index, whole = folder / "model.safetensors.index.json", folder / "model.safetensors"
    if index.exists():
        told = read_object(index, "weight_map")["weight_map"]
        if not isinstance(told, dict) or not all(isinstance(name, str) for name in told.values()):
            raise IntegrityError(f"{index} does not say which file each tensor is in; get the checkpoint again.")
        names = sorted(set(told.values()))
        if any(Path(name).name != name for name in names):
            raise IntegrityError(f"{index} names files outside of its folder; get the checkpoint again.")
        missing = [name for name in names if not (folder / name).exists()]
        if missing:
            raise InputError(
                f"{folder} lacks {len(missing)} of the {len(names)} shards that its index names: "
                f"{', '.join(missing[:4])}; get them too."
            )
        return [folder / name for name in names]
    if whole.exists():
        return [whole]
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise InputError(
            f"{folder} holds its weights as pickles ({pickles[0]}), which can run code and are never read; give a "
            "checkpoint with safetensors."
        )
    raise InputError(f"{folder} holds no model.safetensors; give the whole folder of a checkpoint.")


def _check_header(path: Path) -> None:
    """Whether a file is whole, by what it says of its tensors, before it is read."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > 100 << 20:
                raise ValueError("its header is too long")
            header: dict[str, Any] = json.loads(file.read(length))
        if max(each["data_offsets"][1] for name, each in header.items() if name != "__metadata__") + length + 8 > (
            path.stat().st_size
        ):
            raise ValueError("it is cut")
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise IntegrityError(f"{path} is no whole safetensors file ({error}); get it again.") from error


def _tensors(files: list[Path]) -> Named:
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a mapping
                    tensor = file.get_tensor(name)
                    if not tensor.is_floating_point() or tensor.element_size() < 2:
                        raise InputError(
                            f"{path} holds {name} as {tensor.dtype}: its weights are quantised; give the checkpoint "
                            "that they were made from, or a GGUF file, which is dequantised."
                        )
                    plain = name.removeprefix("model.")
                    yield _RENAMED.get(plain, plain), tensor.to(torch.float32)
        except (SafetensorError, OSError) as error:
            raise IntegrityError(f"{path} cannot be read ({error}); get it again.") from error


def _licence(folder: Path) -> str | None:
    """What the model card's first lines say."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    head = card.read_text(encoding="utf-8", errors="replace")[:4096].split("\n---", 1)[0]
    found = re.search(r"^license:\s*[\"']?([\w.+-]+)", head, re.MULTILINE)
    return found[1] if found else None
