"""Proxies of a network at initialisation: one mini-batch, no training."""

from foretell.predictors.zero_cost.passes import PASSES
from foretell.predictors.zero_cost.predictor import ZeroCost, random_batch

__all__ = ["PASSES", "ZeroCost", "random_batch"]
