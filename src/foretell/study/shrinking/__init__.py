"""`foretell shrink`: a pretrained model made to fit, from its checkpoint to the exported folder."""

from foretell.study.shrinking.config import ShrinkClassifier, ShrinkConfig, read_shrink
from foretell.study.shrinking.job import shrink

__all__ = ["ShrinkClassifier", "ShrinkConfig", "read_shrink", "shrink"]
