"""A decoder as a Hugging Face folder; nothing of Hugging Face's is needed to write one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from foretell.errors import InputError
from foretell.families.decoder.card import Card
from foretell.families.decoder.network import LanguageModel
from foretell.records import write_atomic, write_json
from foretell.tasks.language_model.tokenizers import Tokenizer

__all__ = ["MODEL_TYPE", "TYPES", "llama_config", "llama_tensors", "write_folder"]

MODEL_TYPE = "foretell-decoder"
"""What `foretell.integrations.transformers` registers."""
TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def write_folder(network: LanguageModel, tokenizer: Tokenizer, card: Card, folder: Path, weights: str) -> None:
    """Write configuration, weights, tokenizer and model card.

    Raises:
        InputError: A type of weights that such a folder cannot hold.
    """
    if weights not in TYPES:
        raise InputError(f"a Hugging Face folder holds weights as {', '.join(TYPES)}, not {weights}; choose one.")
    kind, ids = TYPES[weights], dict(tokenizer.ids)
    tensors = {name: tensor.to("cpu", kind).contiguous() for name, tensor in llama_tensors(network).items()}
    config = {**llama_config(network), "dtype": str(kind).removeprefix("torch."), **ids}
    write_json(folder / "config.json", config)
    greedy = {**ids, "do_sample": False, **({"suppress_tokens": list(tokenizer.never)} if tokenizer.never else {})}
    write_json(folder / "generation_config.json", greedy)
    write_atomic(folder / "model.safetensors", save(tensors, {"format": "pt"}))
    for name, content in tokenizer.files.items():
        write_atomic(folder / name, content)
    write_atomic(folder / "README.md", _card(network, card))


def llama_tensors(network: LanguageModel) -> dict[str, Tensor]:
    """The weights by the names of Hugging Face's Llama, or of foretell's registered class where that is needed.

    Layers that do nothing are counted out.
    """
    found = {"model.embed_tokens.weight": network.embed_tokens.detach()}
    number = 0
    for layer, shape in zip(network.layers, network.shape.layers, strict=True):
        if shape.heads or shape.ffn:
            found |= {f"model.layers.{number}.{name}": p.detach() for name, p in layer.named_parameters()}
            number += 1
    found["model.norm.weight"] = network.norm.weight.detach()
    if network.lm_head is not None:
        found["lm_head.weight"] = network.lm_head.weight.detach()
    if is_plain(network):
        return found
    names = {"model.embed_tokens.weight": "model.embed_tokens", "lm_head.weight": "model.lm_head.weight"}
    return {names.get(name, name): tensor for name, tensor in found.items()}


def is_plain(network: LanguageModel) -> bool:
    """Whether transformers' own Llama, Qwen2 or Qwen3 can load it."""
    backbone = network.backbone
    both = backbone.attention_bias and backbone.head_norms
    return network.shape.uniform and backbone.feed_forward == "swiglu" and not both


def llama_config(network: LanguageModel) -> dict[str, Any]:
    """The configuration: Llama's where it can say all, else that of foretell's registered class."""
    backbone, shape = network.backbone, network.shape
    layers = [layer for layer in shape.layers if layer.heads or layer.ffn]
    common = {
        "vocab_size": network.vocabulary,
        "hidden_size": shape.width,
        "num_hidden_layers": len(layers),
        "head_dim": backbone.head_size,
        "max_position_embeddings": backbone.context,
        "rms_norm_eps": backbone.epsilon,
        "rope_theta": backbone.theta,
        "tie_word_embeddings": backbone.tied,
    }
    if is_plain(network):
        kind = "Qwen3" if backbone.head_norms else "Qwen2" if backbone.attention_bias else "Llama"
        return {
            "architectures": [f"{kind}ForCausalLM"],
            "model_type": kind.lower(),
            **common,
            **_sizes(layers[0].heads, layers[0].kv_heads, layers[0].ffn),
            "rope_parameters": {"rope_type": "default", "rope_theta": backbone.theta},
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
        }
    return {
        "architectures": ["ForetellDecoderForCausalLM"],
        "model_type": MODEL_TYPE,
        **common,
        "backbone": asdict(backbone),
        "per_layer_config": {str(i): _sizes(layer.heads, layer.kv_heads, layer.ffn) for i, layer in enumerate(layers)},
    }


def _sizes(heads: int, kv_heads: int, ffn: int) -> dict[str, int]:
    return {"num_attention_heads": heads, "num_key_value_heads": kv_heads, "intermediate_size": ffn}


def _card(network: LanguageModel, card: Card) -> str:
    plain = is_plain(network)
    said: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": ["foretell"]}
    said |= {"license": card.licence} if card.licence else {}
    head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in said.items())
    loading = (
        [] if plain else ["import foretell.integrations.transformers  # registers the class; pip install foretell"]
    )
    loading += [
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        'model = AutoModelForCausalLM.from_pretrained("FOLDER")',
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
    ]
    kind = (
        "All layers are alike: it is a plain "
        + llama_config(network)["architectures"][0].removesuffix("ForCausalLM")
        + ", "
        "which needs no code but transformers'."
        if plain
        else "Transformers' Llama has no such layers: it loads with a class of the package foretell."
    )
    rows = [
        f"| {i} | {layer.heads} | {layer.kv_heads} | {layer.ffn} |"
        for i, layer in enumerate(x for x in network.shape.layers if x.heads or x.ffn)
    ]
    table = ["| Layer | Heads | Key-value heads | Feed-forward width |", "|---|---|---|---|", *rows]
    parameters = f"{network.parameter_count(embeddings=True):,} parameters, width {network.shape.width}."
    parts = [
        f"---\n{head}\n---",
        f"# {card.title}",
        *card.lines,
        f"{parameters} {kind}",
        "```python\n" + "\n".join(loading) + "\n```",
    ]
    return "\n\n".join([*parts, "\n".join(table)]) + "\n"
