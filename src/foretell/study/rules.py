"""What simple rules would have picked, beside the winner: trained where they raced, predicted where not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foretell.costs import Constraints, CostModel
from foretell.observations import Observation
from foretell.predictors import Predictor
from foretell.search.rules import Rule, simple_rules
from foretell.spaces import Architecture, Population

__all__ = ["SIZES", "Picks", "rule_entries"]

SIZES = ("most-flops", "most-parameters", "uniform")
"""Rules that look at sizes alone."""


@dataclass(frozen=True)
class Picks:
    """What rules are asked of.

    Attributes:
        costs: The space and its costs.
        limits: That every pick keeps.
        predictors: Fitted ones; each is a rule.
        tellers: What predicts what was not trained: the first that has the metric's unit.
        seed: Of everything random.
        pool: All that can be picked, `int16 [n, columns]`; None: the whole space.
    """

    costs: CostModel
    limits: Constraints
    predictors: Sequence[Predictor] = ()
    tellers: Sequence[Predictor] = ()
    seed: int = 0
    pool: Population | None = None

    def rules(self) -> list[Rule]:
        """What each rule picks."""
        return simple_rules(self.costs, self.limits, seed=self.seed, predictors=self.predictors, pool=self.pool)

    def sizes(self) -> Population:
        """What rules of size alone pick, `int16 [n, columns]`."""
        rules = simple_rules(self.costs, self.limits, seed=self.seed, pool=self.pool)
        kept = [rule.row for rule in rules if rule.name in SIZES]
        return np.concatenate([np.empty((0, self.costs.space.width), dtype=np.int16), *kept])


def rule_entries(
    picks: Picks, trained: Iterable[Observation], raced: Mapping[Architecture, float] | None = None
) -> list[dict[str, Any]]:
    """What `result.json` holds of rules.

    Args:
        picks: What they are asked of.
        trained: Labels of full trainings.
        raced: How far others were trained, by architecture.

    Returns:
        For each rule `rule`, `about`, `architecture`, `costs`, and `trained`: true with `metrics`, or false with
        `predicted` (`by`, `metric`, `mean`, `std`; None where no predictor has a unit) and `reached`, the share of a
        training that it raced to (0 where it did not race).
    """
    labels = {item.architecture: item for item in trained if not item.failed}
    space, entries = picks.costs.space, []
    for rule in picks.rules():
        architecture = space.architecture(rule.row[0])
        costs = {name: float(value[0]) for name, value in picks.costs.costs(rule.row).items()}
        if "latency_ms" in costs:
            costs["predicted_latency_ms"] = costs.pop("latency_ms")
        entry: dict[str, Any] = {"rule": rule.name, "about": rule.about, "architecture": architecture.to_dict()}
        entry["costs"] = costs
        if architecture in labels:
            entry |= {"trained": True, "metrics": dict(labels[architecture].metrics)}
        else:
            reached = (raced or {}).get(architecture, 0.0)
            entry |= {"trained": False, "reached": reached, "predicted": _predicted(picks.tellers, rule.row)}
        entries.append(entry)
    return entries


def _predicted(predictors: Sequence[Predictor], row: Population) -> dict[str, Any] | None:
    """What the first predictor that has the metric's unit says."""
    for predictor in predictors:
        if predictor.calibrated:
            said = predictor.predict(row)
            if np.isfinite(said.mean[0]):
                std = None if said.std is None or not np.isfinite(said.std[0]) else round(float(said.std[0]), 6)
                mean = round(float(said.mean[0]), 6)
                return {"by": predictor.name, "metric": predictor.metric, "mean": mean, "std": std}
    return None
