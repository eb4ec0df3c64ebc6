"""Freshly initialised networks of whatever family a space is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from foretell.families.base import Network, networks_of
from foretell.nn import Mixture
from foretell.spaces import Architecture
from foretell.training.recipe import Recipe

__all__ = ["build_network"]


def build_network(
    architecture: Architecture, sizes: Mapping[str, Any], recipe: Recipe, seed: int, mixture: Mixture | None = None
) -> Network:
    """A freshly initialised network, for whoever needs one; the initial weights depend on the seed alone.

    The largest architecture of a space gives its supernet. The caller's random state is put back.

    Args:
        architecture: Its dimensions.
        sizes: What the task decides, such as the size of its `vocabulary`.
        recipe: Says how much is dropped.
        seed: Of the weights.
        mixture: Mix feed-forward networks from experts; None: slices alone.

    Raises:
        InputError: The architecture's space has no family that builds networks.
    """
    family = networks_of(architecture.space)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return family.build(
            architecture,
            sizes,
            dropout=recipe.dropout,
            attention_dropout=recipe.attention_dropout,
            mixture=mixture,
        )
