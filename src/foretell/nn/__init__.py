"""Elastic layers that know no family: what networks and supernets are made of."""

from foretell.nn.layers import DecoderLayer, EncoderLayer, FeedForward
from foretell.nn.loss import smoothed_cross_entropy
from foretell.nn.mixture import Mixture
from foretell.nn.tokens import BOS, EOS, PAD, UNK

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "UNK",
    "DecoderLayer",
    "EncoderLayer",
    "FeedForward",
    "Mixture",
    "smoothed_cross_entropy",
]
