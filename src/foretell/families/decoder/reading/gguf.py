"""A GGUF file of llama.cpp: its fields, and its tensors dequantised by the package gguf."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foretell.errors import InputError, IntegrityError
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.gguf_file import PARTS
from foretell.families.decoder.reading.checkpoint import Named, Pretrained, check_type
from foretell.records import file_sha256
from foretell.tasks.language_model.pretrained import tokenizer_of_gguf

__all__ = ["read_gguf"]

_NAMES = {theirs: ours for ours, theirs in PARTS.items()}
_WHOLE = {
    "token_embd.weight": "embed_tokens",
    "output_norm.weight": "norm.weight",
    "output.weight": "lm_head.weight",
}


def read_gguf(path: Path) -> Pretrained:
    """See `read_pretrained`."""
    try:
        import gguf
    except ImportError:
        raise InputError("GGUF files are read by the package gguf; pip install 'foretell[hf]'.") from None
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise InputError(f"{path} is no GGUF file; give a Hugging Face folder or a GGUF file.")
    try:
        reader = gguf.GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items()}
        names = {tensor.name for tensor in reader.tensors}
    except (ValueError, OSError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{path} is a damaged GGUF file ({error}); get it again.") from error
    kind = check_type(fields.get("general.architecture"), path)
    try:
        shape, backbone = _read(fields, kind, names, path)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise IntegrityError(f"{path} lacks what a {kind} needs ({error}); get it again.") from error
    return Pretrained(
        path,
        kind,
        shape,
        backbone,
        backbone.vocabulary,
        fields.get("general.license"),
        file_sha256(path)[:16],
        partial(tokenizer_of_gguf, fields, path),
        partial(_tensors, reader, path, shape, turned=kind == "llama"),
    )


def _read(fields: dict[str, Any], kind: str, names: set[str], path: Path) -> tuple[DecoderShape, Backbone]:
    def told(name: str) -> Any:
        return fields[f"{kind}.{name}"]

    if "rope_freqs.weight" in names or fields.get(f"{kind}.rope.scaling.type", "none") != "none":
        raise InputError(f"{path} stretches its rotary positions, which foretell does not; choose another checkpoint.")
    experts = int(fields.get(f"{kind}.expert_count", 0))
    if experts > 0:
        raise InputError(f"{path} chooses among {experts} experts, which foretell does not; choose another checkpoint.")
    heads, width = int(told("attention.head_count")), int(told("embedding_length"))
    size = int(fields.get(f"{kind}.attention.key_length", width // heads))
    turned = int(fields.get(f"{kind}.rope.dimension_count", size))
    if turned != size:
        raise InputError(
            f"{path} turns {turned} of the {size} channels of a head by their positions, and foretell all of them; "
            "choose another checkpoint."
        )
    layer = LayerShape(heads, int(told("attention.head_count_kv")), int(told("feed_forward_length")))
    backbone = Backbone(
        head_size=size,
        theta=float(fields.get(f"{kind}.rope.freq_base", 10000.0)),
        epsilon=float(told("attention.layer_norm_rms_epsilon")),
        context=int(told("context_length")),
        vocabulary=len(fields["tokenizer.ggml.tokens"]),
        tied="output.weight" not in names,
        attention_bias=kind == "qwen2",
        head_norms=kind == "qwen3",
    )
    return DecoderShape(width, (layer,) * int(told("block_count"))), backbone


def _tensors(reader: Any, path: Path, shape: DecoderShape, *, turned: bool) -> Named:
    import gguf

    for tensor in reader.tensors:
        name = _ours(tensor.name)
        try:
            data = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        except (NotImplementedError, ValueError) as error:
            raise InputError(f"{path} holds {tensor.name} in a form that gguf cannot read ({error}).") from error
        weight = torch.from_numpy(data.astype("float32"))  # a copy: the file may go
        if turned and name.endswith(("q_proj.weight", "k_proj.weight")):
            layer = shape.layers[int(name.split(".")[1])]
            weight = _apart(weight, layer.heads if name.endswith("q_proj.weight") else layer.kv_heads)
        yield name, weight


def _ours(name: str) -> str:
    if name in _WHOLE:
        return _WHOLE[name]
    parts = name.split(".", 2)
    return f"layers.{parts[1]}.{_NAMES.get(parts[2], parts[2])}" if len(parts) == 3 else name


def _apart(weight: Tensor, heads: int) -> Tensor:
    """Channels that turn together half a head apart, as Hugging Face has them."""
    rows, width = weight.shape
    return weight.view(heads, rows // heads // 2, 2, width).transpose(1, 2).reshape(rows, width).contiguous()
