"""A decoder as a GGUF file of llama.cpp: architecture `llama` where all layers are alike, else `deci`."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foretell.errors import InputError
from foretell.families.decoder.card import Card
from foretell.families.decoder.genes import LayerShape
from foretell.families.decoder.network import LanguageModel
from foretell.parsing import parse_json
from foretell.tasks.language_model.tokenizers import Tokenizer

__all__ = ["PARTS", "WEIGHTS", "write_gguf"]

WEIGHTS = ("f32", "f16", "bf16", "q8_0")
_ROW = 32  # q8_0 keeps a scale for so many numbers
PARTS = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_proj.bias": "attn_q.bias",
    "self_attn.k_proj.bias": "attn_k.bias",
    "self_attn.v_proj.bias": "attn_v.bias",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}
"""Tensors of a layer, by the names that Hugging Face gives them, and llama.cpp."""


def write_gguf(network: LanguageModel, tokenizer: Tokenizer, card: Card, path: Path, weights: str) -> None:
    """Write the file.

    llama.cpp drops the attention of a layer without a feed-forward network, and does not load a first layer without
    heads: such layers get a feed-forward network, or a head, of zeros, which changes no output. So do all
    layers of a qwen2 whose heads do not fill the width, which llama.cpp does not load either.

    Raises:
        InputError: The extra `hf` is not installed, the type of weights is none, or llama.cpp cannot express the
            network.
    """
    try:
        import gguf
    except ImportError:
        raise InputError("GGUF files are written by the package gguf; pip install 'foretell[hf]'.") from None
    if weights not in WEIGHTS:
        raise InputError(f"a GGUF file holds weights as {', '.join(WEIGHTS)}, not {weights}; choose one.")
    backbone = network.backbone
    if backbone.feed_forward != "swiglu":
        raise InputError(
            f"llama.cpp's decoders have gated feed-forward networks, this one has {backbone.feed_forward}; export to "
            "hf or onnx."
        )
    if tokenizer.gguf["model"] == "t5":
        warnings.warn(
            "llama.cpp spells no bytes with a unigram vocabulary: characters without a piece become unknown",
            stacklevel=2,
        )
    kind = _architecture(network)
    shapes, tensors = _padded(
        network, turned=kind in ("llama", "deci"), groups=_groups(network) if kind == "qwen2" else 0
    )
    writer = gguf.GGUFWriter(path, kind)
    writer.add_name(card.title)
    if card.licence:
        writer.add_license(card.licence)
    writer.add_context_length(backbone.context)
    writer.add_embedding_length(network.shape.width)
    writer.add_block_count(len(shapes))
    writer.add_vocab_size(network.vocabulary)
    writer.add_layer_norm_rms_eps(backbone.epsilon)
    writer.add_rope_freq_base(backbone.theta)
    writer.add_rope_dimension_count(backbone.head_size)
    writer.add_key_length(backbone.head_size)
    writer.add_value_length(backbone.head_size)
    columns = ([s.heads for s in shapes], [s.kv_heads for s in shapes], [s.ffn for s in shapes])
    uniform = network.shape.uniform
    heads, kv_heads, ffn = (column[0] if uniform else column for column in columns)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_feed_forward_length(ffn)
    kinds = gguf.GGMLQuantizationType
    writer.add_file_type({"f32": 0, "f16": 1, "q8_0": 7, "bf16": 32}[weights])
    for name, value in tokenizer.gguf.items():
        _add(writer, f"tokenizer.ggml.{name}", value)
    if template := _chat_template(tokenizer):
        writer.add_chat_template(template)
    for name, tensor in tensors.items():
        data = tensor.to("cpu", torch.float32).contiguous().numpy()
        type_ = kinds[_kind(data, weights)]
        writer.add_tensor(name, gguf.quants.quantize(data, type_), raw_dtype=type_)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    except OSError:
        with suppress(OSError):  # what was left to write has no room either
            writer.close()
        raise


def _chat_template(tokenizer: Tokenizer) -> str:
    """How turns of a talk become text; empty where the tokenizer does not say, or says it in several ways."""
    if "chat_template.jinja" in tokenizer.files:
        return tokenizer.files["chat_template.jinja"]
    told = parse_json(tokenizer.files.get("tokenizer_config.json", "{}")).get("chat_template", "")
    return told if isinstance(told, str) else ""


def _architecture(network: LanguageModel) -> str:
    backbone = network.backbone
    special = "qwen3" if backbone.head_norms else "qwen2" if backbone.attention_bias else ""
    if special and (not network.shape.uniform or (backbone.head_norms and backbone.attention_bias)):
        raise InputError(
            f"llama.cpp has no {special} whose layers differ, and this network's do; export to hf, or keep all layers "
            "alike (--uniform)."
        )
    return special or ("llama" if network.shape.uniform else "deci")


def _groups(network: LanguageModel) -> int:
    """Groups of heads that fill the width, as llama.cpp's qwen2 wants them: those that there are, then some of zeros.

    Raises:
        InputError: There are no such.
    """
    width, size, layer = network.shape.width, network.backbone.head_size, network.shape.layers[0]
    heads = width // size if width % size == 0 else 0
    for groups in range(max(1, layer.kv_heads), heads + 1):
        if layer.heads and heads % groups == 0 and heads // groups >= layer.heads // layer.kv_heads:
            return groups
    raise InputError(
        f"llama.cpp's qwen2 takes only heads that fill the width of {width}, and this network's fill "
        f"{layer.heads * size}; export to hf."
    )


def _kind(data: NDArray[np.float32], weights: str) -> str:
    """Vectors stay whole, and rows that do not fill blocks are kept in half precision."""
    if data.ndim == 1:
        return "F32"
    return "F16" if weights == "q8_0" and data.shape[-1] % _ROW else weights.upper()


def _add(writer: Any, name: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    else:
        writer.add_array(name, value)


def _padded(network: LanguageModel, *, turned: bool, groups: int) -> tuple[list[LayerShape], dict[str, Tensor]]:
    """The layers as llama.cpp takes them, and its tensors."""
    size, width = network.backbone.head_size, network.shape.width
    found = {"token_embd.weight": network.embed_tokens.detach(), "output_norm.weight": network.norm.weight.detach()}
    if network.lm_head is not None:
        found["output.weight"] = network.lm_head.weight.detach()
    shapes: list[LayerShape] = []
    for layer, shape in zip(network.layers, network.shape.layers, strict=True):
        if not shape.heads and not shape.ffn:
            continue
        own = {PARTS[name]: p.detach() for name, p in layer.named_parameters()}
        if not shape.heads and not shapes:
            shape = replace(shape, heads=1, kv_heads=1)
            own |= {name: torch.zeros(size, width) for name in ("attn_q.weight", "attn_k.weight", "attn_v.weight")}
            own |= {"attn_norm.weight": torch.ones(width), "attn_output.weight": torch.zeros(width, size)}
        if groups and shape.heads * size < width:
            filled = replace(shape, heads=width // size, kv_heads=groups)
            own |= _more_heads(own, shape, filled, size)
            shape = filled
        if not shape.ffn:
            shape = replace(shape, ffn=_ROW)
            own |= {name: torch.zeros(_ROW, width) for name in ("ffn_gate.weight", "ffn_up.weight")}
            own |= {"ffn_norm.weight": torch.ones(width), "ffn_down.weight": torch.zeros(width, _ROW)}
        for name, heads in (("attn_q.weight", shape.heads), ("attn_k.weight", shape.kv_heads)):
            if turned and name in own:
                own[name] = _interleaved(own[name], heads)
        found |= {f"blk.{len(shapes)}.{name}": tensor for name, tensor in own.items()}
        shapes.append(shape)
    return shapes, found


def _more_heads(own: dict[str, Tensor], shape: LayerShape, filled: LayerShape, size: int) -> dict[str, Tensor]:
    """A layer's attention with as many heads as `filled`, those of zeros behind the others of their group."""
    each, wanted = shape.heads // shape.kv_heads, filled.heads // filled.kv_heads

    def more(tensor: Tensor, each: int, wanted: int) -> Tensor:
        rows = tensor.reshape(shape.kv_heads, each * size, -1)
        found = rows.new_zeros(filled.kv_heads, wanted * size, rows.shape[-1])
        found[: rows.shape[0], : rows.shape[1]] = rows
        return found.reshape(-1, *tensor.shape[1:])

    found = {f"attn_q.{part}": more(own[f"attn_q.{part}"], each, wanted) for part in ("weight", "bias")}
    for name in ("attn_k.weight", "attn_k.bias", "attn_v.weight", "attn_v.bias"):
        found[name] = more(own[name], 1, 1)
    found["attn_output.weight"] = more(own["attn_output.weight"].T, each, wanted).T
    return found


def _interleaved(weight: Tensor, heads: int) -> Tensor:
    """Channels that turn together side by side, as llama.cpp has them; Hugging Face has them half a head apart."""
    rows, width = weight.shape
    return weight.view(heads, 2, rows // heads // 2, width).transpose(1, 2).reshape(rows, width)
