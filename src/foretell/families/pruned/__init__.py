"""What is left of a pretrained decoder: some of its layers, of each some groups of heads and some neurons."""

from foretell.families.pruned.family import FAMILY

__all__ = ["FAMILY"]
