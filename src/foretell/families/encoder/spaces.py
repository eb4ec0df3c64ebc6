"""Spaces of the family: one that two CPU cores train in a minute, one around MiniLM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foretell.families.decoder.genes import decoder_genes
from foretell.families.encoder.genes import Backbone
from foretell.spaces import SearchSpace

__all__ = ["encoder_space", "minilm_encoder", "small_encoder"]


def encoder_space(
    name: str, choices: Mapping[str, Sequence[int]], backbone: Backbone, description: str = ""
) -> SearchSpace:
    """A space of the family.

    Args:
        name: Its name.
        choices: The admissible values of all five genes.
        backbone: What its architectures have in common.
        description: One line for people.
    """
    return SearchSpace(decoder_genes(choices, backbone), name, description, family="encoder", constants=backbone)


def small_encoder() -> SearchSpace:
    """Classifiers of short texts that two CPU cores train in a minute."""
    choices = {
        "width": (48, 32, 24, 16),
        "layers": (3, 2, 1),
        "heads": (4, 2, 0),
        "kv-heads": (4,),
        "ffn": (192, 128, 64, 0),
    }
    backbone = Backbone(head_size=16, context=32, vocabulary=16000, classes=40)
    return encoder_space("small-encoder", choices, backbone, "classifiers of short texts, trained in a minute")


def minilm_encoder() -> SearchSpace:
    """Around MiniLM (width 384, 6 layers, 12 heads, feed-forward 1,536)."""
    choices = {
        "width": (384, 320, 256, 192),
        "layers": (6, 5, 4, 3, 2),
        "heads": (12, 8, 6, 4, 0),
        "kv-heads": (12,),
        "ffn": (1536, 1152, 768, 384, 0),
    }
    backbone = Backbone(head_size=32, feed_forward="gelu", context=128, vocabulary=30522, classes=40)
    return encoder_space("minilm-encoder", choices, backbone, "around MiniLM (6 layers of width 384)")
