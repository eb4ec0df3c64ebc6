"""`foretell shrink`: a pretrained language model made to fit, from its checkpoint to the exported folder."""

from foretell.study.shrinking.config import ShrinkConfig, read_shrink
from foretell.study.shrinking.job import shrink

__all__ = ["ShrinkConfig", "read_shrink", "shrink"]
