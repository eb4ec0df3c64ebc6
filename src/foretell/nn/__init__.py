"""The elastic encoder-decoder Transformer, its loss, and decoding."""

from foretell.nn.decoding import beam_search
from foretell.nn.layers import DecoderLayer, EncoderLayer, FeedForward
from foretell.nn.loss import smoothed_cross_entropy
from foretell.nn.mixture import Mixture
from foretell.nn.population import population_losses
from foretell.nn.state import DecoderState, EncoderOutput
from foretell.nn.tokens import BOS, EOS, PAD, UNK
from foretell.nn.transformer import Seq2SeqTransformer

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "UNK",
    "DecoderLayer",
    "DecoderState",
    "EncoderLayer",
    "EncoderOutput",
    "FeedForward",
    "Mixture",
    "Seq2SeqTransformer",
    "beam_search",
    "population_losses",
    "smoothed_cross_entropy",
]
