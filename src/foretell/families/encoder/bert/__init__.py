"""BERT-shaped sentence encoders that come trained: read from a folder, run whole or as leading parts."""

from foretell.families.encoder.bert.network import BertBackbone, SentenceEncoder
from foretell.families.encoder.bert.reading import PretrainedEncoder, read_encoder

__all__ = ["BertBackbone", "PretrainedEncoder", "SentenceEncoder", "read_encoder"]
