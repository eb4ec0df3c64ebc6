"""The steps that are timed, in llama.cpp: there users run such models."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from foretell.errors import InputError
from foretell.families.decoder.card import Card
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.gguf_file import write_gguf
from foretell.families.decoder.network import LanguageModel
from foretell.families.decoder.timing import PREFILL, random_prompt
from foretell.families.timing import ELSE_TORCH, Step, TimedSetting
from foretell.llama_cpp import import_runtime, serve
from foretell.tasks.language_model.tokenizers import numbered_tokenizer

if TYPE_CHECKING:
    from xllamacpp import Server

__all__ = ["timed_completion", "timed_server"]

_WEIGHTS = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "q8_0": "q8_0"}
_LEAST = LayerShape(1, 1, 32)
"""What stands for a network without layers, which llama.cpp does not load."""
_TOGETHER = 16
"""Tokens written in one call: what a request costs by itself is shared among them."""


def timed_server(setting: TimedSetting, shape: DecoderShape, shared: Backbone) -> Server:
    """A network of those dimensions with random weights, loaded with the runtime's own defaults.

    Raises:
        InputError: An extra is not installed, or llama.cpp has no such network.
    """
    runtime = import_runtime(ELSE_TORCH)
    context = setting.sizes["tokens"] + _TOGETHER
    layers = shape.layers if any(layer.heads or layer.ffn for layer in shape.layers) else (_LEAST,)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = LanguageModel(replace(shape, layers=layers), replace(shared, context=context), setting.vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write_gguf(network, numbered_tokenizer(setting.vocabulary), Card("timed"), path, _WEIGHTS[setting.precision])
        try:
            return serve(runtime, path, context=context, threads=setting.threads)
        except (RuntimeError, ValueError) as error:
            raise InputError(f"llama.cpp does not load the network {shape} ({error}); {ELSE_TORCH}.") from error


def timed_completion(setting: TimedSetting, server: Server) -> Step:
    """A call that does what the setting says, and takes the time itself.

    A token more is one of the last `_TOGETHER` of the context, written with the keys and values of what precedes
    them in the slot's cache. With one thread the time is that of the processor in all threads but the caller's, which
    writes the request and reads the reply: other processes' turns are left out. Several threads: the wall's.
    """
    length, prompt = setting.sizes["tokens"], random_prompt(setting)[0].tolist()
    prefill = setting.cost == PREFILL
    count = 1 if prefill else min(_TOGETHER, length)
    body: dict[str, Any] = {
        "prompt": prompt if prefill else prompt[: length - count + 1],
        "n_predict": count,
        "cache_prompt": not prefill,
        "temperature": 0.0,
        "ignore_eos": True,
    }

    def complete() -> tuple[float, float]:
        start = time.process_time() - time.thread_time(), time.perf_counter()
        reply = server.handle_completions(body)
        end = time.process_time() - time.thread_time(), time.perf_counter()
        if "timings" not in reply:
            raise InputError(f"llama.cpp refused what is timed: {reply.get('error', reply)}; shorten the prompt.")
        inside, wall = (1000 * (b - a) / count for a, b in zip(start, end, strict=True))
        return (inside if setting.threads == 1 else wall), wall

    return complete
