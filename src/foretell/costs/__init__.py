"""Costs of architectures: parameters, FLOPs, latency, and the constraints on them."""

from foretell.costs.closed_forms import EmbeddingCount, embedding_parameters, flops, parameters
from foretell.costs.constraint import Constraint, Constraints
from foretell.costs.feasibility import Feasibility, reachable
from foretell.costs.latency import LatencySetting, measure_latency, measured_latency
from foretell.costs.latency_predictor import LatencyPredictor
from foretell.costs.model import COSTS, CostModel, LatencyModel
from foretell.costs.physical import physical_feature_names, physical_features

__all__ = [
    "COSTS",
    "Constraint",
    "Constraints",
    "CostModel",
    "EmbeddingCount",
    "Feasibility",
    "LatencyModel",
    "LatencyPredictor",
    "LatencySetting",
    "embedding_parameters",
    "flops",
    "measure_latency",
    "measured_latency",
    "parameters",
    "physical_feature_names",
    "physical_features",
    "reachable",
]
