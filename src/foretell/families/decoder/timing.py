"""The steps that are timed: reading a prompt, and one token more at the end of a context."""

from __future__ import annotations

from collections.abc import Callable

import torch

from foretell.families.decoder.genes import Backbone, DecoderShape
from foretell.families.decoder.network import LanguageModel
from foretell.families.timing import TimedSetting

__all__ = ["PREFILL", "random_prompt", "timed_network", "timed_step"]

PREFILL = "prefill_latency_ms"
_FIRST_WORD = 4
"""The token ids below are marks (foretell.nn.tokens)."""


def timed_network(setting: TimedSetting, shape: DecoderShape, shared: Backbone) -> LanguageModel:
    """A network of those dimensions with random weights, on the setting's device, in its precision."""
    with torch.random.fork_rng(devices=[]), torch.device(setting.device):
        torch.manual_seed(0)
        network = LanguageModel(shape, shared, setting.vocabulary).eval()
    return network.to(getattr(torch, setting.precision))


def random_prompt(setting: TimedSetting) -> torch.Tensor:
    """Tokens of a whole context, int64 [batch, T]; the same whenever it is asked for."""
    with torch.random.fork_rng(devices=[]), torch.device(setting.device):
        torch.manual_seed(0)
        return torch.randint(_FIRST_WORD, setting.vocabulary, (setting.batch, setting.sizes["tokens"]))


@torch.no_grad()
def timed_step(setting: TimedSetting, network: LanguageModel) -> Callable[[], None]:
    """A call that does what the setting says once.

    Reading a prompt ends with the choice of the token that follows. A token more is read with the keys and values of
    all tokens of the context before it, and ends with the same choice; every call reads at the same place.
    """
    length, prompt = setting.sizes["tokens"], random_prompt(setting)

    @torch.inference_mode()
    def prefill() -> None:
        network.logits(network.features(prompt, state=network.start())[:, -1]).argmax(-1)

    if setting.cost == PREFILL:
        return prefill
    state = network.start()
    for cache, layer in zip(state.caches, network.shape.layers, strict=True):
        shape = (setting.batch, layer.kv_heads, length - 1, network.backbone.head_size)
        if layer.heads:  # what the cache holds takes no other time than what a prompt would have left there
            cache.append(*network.embed_tokens.new_zeros(2, *shape).unbind())
    state.position = length - 1
    step, last = network.stepper(state, 1), prompt[:, -1]

    @torch.inference_mode()
    def decode() -> None:
        network.logits(step(last)).argmax(-1)
        step.back(length - 1)

    return decode
