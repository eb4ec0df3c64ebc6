"""Costs of architectures: parameters, FLOPs, latency, and the constraints on them."""

from foretell.costs.closed_forms import EmbeddingCount, embedding_parameters, flops, parameters
from foretell.costs.constraint import Constraint, Constraints
from foretell.costs.feasibility import Feasibility, reachable
from foretell.costs.latency import (
    FORMS,
    LatencyFit,
    LatencyPredictor,
    LatencySamples,
    LatencySetting,
    Repeats,
    device_name,
    drift_summary,
    export_network,
    fit_latency,
    learning_curve,
    measure_latency,
    measured_latency,
    random_and_extreme,
    read_samples,
)
from foretell.costs.model import COSTS, CostModel, LatencyModel

__all__ = [
    "COSTS",
    "FORMS",
    "Constraint",
    "Constraints",
    "CostModel",
    "EmbeddingCount",
    "Feasibility",
    "LatencyFit",
    "LatencyModel",
    "LatencyPredictor",
    "LatencySamples",
    "LatencySetting",
    "Repeats",
    "device_name",
    "drift_summary",
    "embedding_parameters",
    "export_network",
    "fit_latency",
    "flops",
    "learning_curve",
    "measure_latency",
    "measured_latency",
    "parameters",
    "random_and_extreme",
    "reachable",
    "read_samples",
]
