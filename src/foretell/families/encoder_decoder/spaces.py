"""The space of the family that two CPU cores train in minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foretell.families.encoder_decoder.genes import Backbone, transformer_genes
from foretell.spaces import SearchSpace

__all__ = ["encoder_decoder_space", "small_seq2seq"]

_SMALL: Mapping[str, tuple[int, ...]] = {
    "encoder-embed-dim": (96, 64, 32),
    "encoder-layer-num": (4, 3, 2, 1),
    "encoder-ffn-embed-dim-all": (256, 128, 64),
    "encoder-self-attention-heads-all": (4, 2),
    "decoder-embed-dim": (96, 64, 32),
    "decoder-layer-num": (4, 3, 2, 1),
    "decoder-ffn-embed-dim-all": (256, 128, 64),
    "decoder-self-attention-heads-all": (4, 2),
    "decoder-ende-attention-heads-all": (4, 2),
    "decoder-arbitrary-ende-attn-all": (-1, 1, 2),
}


def encoder_decoder_space(
    name: str, choices: Mapping[str, Sequence[int]], backbone: Backbone, description: str = ""
) -> SearchSpace:
    """A space of the family.

    Args:
        name: Its name.
        choices: The admissible values of all ten genes.
        backbone: What its architectures have in common.
        description: One line for people.
    """
    genes = transformer_genes(choices, backbone.qkv_dim)
    return SearchSpace(genes, name, description, family="encoder_decoder", constants=backbone)


def small_seq2seq() -> SearchSpace:
    """HAT's genes at a size that two CPU cores train in minutes."""
    backbone = Backbone(64, "pre", "shared", sentence_length=10, vocabulary=2000)
    about = "HAT's genes at a size that two CPU cores train in minutes"
    return encoder_decoder_space("small-seq2seq", _SMALL, backbone, about)
