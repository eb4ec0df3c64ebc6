"""The Transformer encoder-decoder, as HAT searches it (arXiv 2005.14187)."""

from foretell.families.encoder_decoder.family import FAMILY

__all__ = ["FAMILY"]
