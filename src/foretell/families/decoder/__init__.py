"""Decoder-only language models in the shape of Llama, with layers that differ."""

from foretell.families.decoder.family import FAMILY

__all__ = ["FAMILY"]
