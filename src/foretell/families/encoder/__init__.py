"""Encoders that classify texts: the decoder's layers, in which every position sees every other."""

from foretell.families.encoder.family import FAMILY

__all__ = ["FAMILY"]
