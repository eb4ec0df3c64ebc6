"""HAT's four search spaces (arXiv 2005.14187, `configs/*/supertransformer/*.yml`)."""

from __future__ import annotations

from foretell.families.encoder_decoder.genes import Backbone
from foretell.families.encoder_decoder.spaces import encoder_decoder_space
from foretell.spaces import SearchSpace

__all__ = ["iwslt14_de_en", "wmt14_en_de", "wmt14_en_fr", "wmt19_en_de"]

_LATENCY_NORM = (640.0, 6.0, 2048.0, 6.0, 640.0, 6.0, 2048.0, 6.0, 6.0, 2.0)
"""The published divisors of HAT's latency predictor, the same for all four tasks."""


def _choices(ffn: tuple[int, ...], heads: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {
        "encoder-embed-dim": (640, 512),
        "encoder-layer-num": (6,),
        "encoder-ffn-embed-dim-all": ffn,
        "encoder-self-attention-heads-all": heads,
        "decoder-embed-dim": (640, 512),
        "decoder-layer-num": (6, 5, 4, 3, 2, 1),
        "decoder-ffn-embed-dim-all": ffn,
        "decoder-self-attention-heads-all": heads,
        "decoder-ende-attention-heads-all": heads,
        "decoder-arbitrary-ende-attn-all": (-1, 1, 2),
    }


def _wmt(name: str, task: str, vocabulary: int) -> SearchSpace:
    backbone = Backbone(512, "post", "shared", sentence_length=30, vocabulary=vocabulary, latency_norm=_LATENCY_NORM)
    return encoder_decoder_space(name, _choices((3072, 2048, 1024), (8, 4)), backbone, f"HAT's space for {task}")


def wmt14_en_de() -> SearchSpace:
    """The space of WMT'14 English-German."""
    return _wmt("hat-wmt14-en-de", "WMT'14 En-De", 32768)


def wmt14_en_fr() -> SearchSpace:
    """The space of WMT'14 English-French."""
    return _wmt("hat-wmt14-en-fr", "WMT'14 En-Fr", 44512)


def wmt19_en_de() -> SearchSpace:
    """The space of WMT'19 English-German."""
    return _wmt("hat-wmt19-en-de", "WMT'19 En-De", 49600)


def iwslt14_de_en() -> SearchSpace:
    """The space of IWSLT'14 German-English.

    Its dictionaries are separate and their sizes unpublished; 10 k is the size of the joint byte-pair encoding that
    they come from.
    """
    backbone = Backbone(512, "post", "separate", sentence_length=23, vocabulary=10000, latency_norm=_LATENCY_NORM)
    return encoder_decoder_space(
        "hat-iwslt14-de-en", _choices((2048, 1024, 512), (4, 2)), backbone, "HAT's space for IWSLT'14 De-En"
    )
