"""What is timed: from the tokens of one text, or of many together, to the likeliest class."""

from __future__ import annotations

from collections.abc import Callable

import torch

from foretell.families.decoder.genes import DecoderShape
from foretell.families.encoder.bert.classifier import BertClassifier
from foretell.families.encoder.genes import Backbone
from foretell.families.encoder.network import TextClassifier
from foretell.families.timing import TimedSetting
from foretell.nn.tokens import UNK
from foretell.spaces import Architecture

__all__ = ["timed_network", "timed_step"]


def timed_network(setting: TimedSetting, architecture: Architecture) -> TextClassifier:
    """A network of that architecture with random weights, on the setting's device, in its precision."""
    with torch.random.fork_rng(devices=[]), torch.device(setting.device):
        torch.manual_seed(0)
        shape = DecoderShape.of(architecture)
        network = TextClassifier(shape, Backbone.of(setting.space), setting.vocabulary).eval()
    return network.to(getattr(torch, setting.precision))


def timed_step(setting: TimedSetting, network: TextClassifier | BertClassifier) -> Callable[[], None]:
    """A call that does what the setting says once; texts are equally long, so nothing is padded."""
    shape = (setting.batch * setting.sizes["texts"], setting.sizes["tokens"])
    with torch.random.fork_rng(devices=[]), torch.device(setting.device):
        torch.manual_seed(0)
        tokens = torch.randint(UNK + 1, setting.vocabulary, shape)

    @torch.inference_mode()
    def step() -> None:
        network.logits(network.features(tokens)).argmax(-1)

    return step
