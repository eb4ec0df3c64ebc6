"""Costs of architectures: parameters, FLOPs, latency, and the constraints on them."""

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
from foretell.costs.model import CostModel, LatencyModel, cost_name, counted_costs

__all__ = [
    "FORMS",
    "Constraint",
    "Constraints",
    "CostModel",
    "Feasibility",
    "LatencyFit",
    "LatencyModel",
    "LatencyPredictor",
    "LatencySamples",
    "LatencySetting",
    "Repeats",
    "cost_name",
    "counted_costs",
    "device_name",
    "drift_summary",
    "export_network",
    "fit_latency",
    "learning_curve",
    "measure_latency",
    "measured_latency",
    "random_and_extreme",
    "reachable",
    "read_samples",
]
