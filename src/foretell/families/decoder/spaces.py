"""Spaces of the family: one that two CPU cores train in minutes, two of the size of GPT-2 and SmolLM2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foretell.families.decoder.genes import Backbone, decoder_genes
from foretell.spaces import SearchSpace

__all__ = ["decoder_space", "lm_124m", "lm_350m", "small_lm"]


def decoder_space(
    name: str, choices: Mapping[str, Sequence[int]], backbone: Backbone, description: str = ""
) -> SearchSpace:
    """A space of the family.

    Args:
        name: Its name.
        choices: The admissible values of all five genes.
        backbone: What its architectures have in common.
        description: One line for people.
    """
    return SearchSpace(decoder_genes(choices, backbone), name, description, family="decoder", constants=backbone)


def small_lm() -> SearchSpace:
    """Language models that two CPU cores train in minutes."""
    choices = {
        "width": (128, 96, 64),
        "layers": (6, 4, 3, 2, 1),
        "heads": (4, 2, 0),
        "kv-heads": (2, 1),
        "ffn": (384, 256, 128, 0),
    }
    backbone = Backbone(head_size=32, context=128, vocabulary=1000)
    return decoder_space("small-lm", choices, backbone, "language models that two CPU cores train in minutes")


def lm_124m() -> SearchSpace:
    """Around GPT-2 small and SmolLM2-135M (width 576, 30 layers, 9 heads on 3, feed-forward 1,536)."""
    choices = {
        "width": (768, 576, 384),
        "layers": (30, 24, 18, 12, 6),
        "heads": (12, 9, 6, 3, 0),
        "kv-heads": (12, 3),
        "ffn": (3072, 2048, 1536, 1024, 0),
    }
    backbone = Backbone(head_size=64, context=1024, vocabulary=32768, precision="bfloat16")
    return decoder_space("lm-124m", choices, backbone, "around GPT-2 small and SmolLM2-135M")


def lm_350m() -> SearchSpace:
    """Around GPT-2 medium and SmolLM2-360M (width 960, 32 layers, 15 heads on 5, feed-forward 2,560)."""
    choices = {
        "width": (1024, 960, 768),
        "layers": (32, 24, 16, 8),
        "heads": (15, 10, 5, 0),
        "kv-heads": (5, 1),
        "ffn": (4096, 2560, 1536, 0),
    }
    backbone = Backbone(head_size=64, context=2048, vocabulary=49152, precision="bfloat16")
    return decoder_space("lm-350m", choices, backbone, "around GPT-2 medium and SmolLM2-360M")
