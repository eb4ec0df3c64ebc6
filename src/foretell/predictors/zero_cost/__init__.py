"""Proxies of a network at initialisation: one mini-batch, no training."""

from foretell.predictors.zero_cost.passes import PASSES
from foretell.predictors.zero_cost.predictor import ZeroCost

__all__ = ["PASSES", "ZeroCost"]
