"""What a study needs to know of the device: latencies measured once, and the finalists' measured again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foretell.costs import (
    Constraints,
    CostModel,
    LatencyPredictor,
    LatencySetting,
    measure_latency,
    measured_latency,
)
from foretell.errors import InfeasibleError
from foretell.search import SearchResult
from foretell.spaces import Architecture, Population, SearchSpace
from foretell.study.config import StudyConfig
from foretell.study.run import store_folder

__all__ = ["latency_setting", "measure_device", "measure_finalists", "quick_check"]

_MARGIN = 0.5
"""A latency limit below this share of the smallest architecture's measured latency is refused at once."""


def latency_setting(space: SearchSpace, study: StudyConfig, vocabulary: int) -> LatencySetting:
    """The translation step that is timed, and where."""
    from foretell.training import choose_device

    device = str(choose_device(study.device))
    return LatencySetting(space, vocabulary, space.backbone.sentence_length, beam=study.latency.beam, device=device)


def quick_check(space: SearchSpace, study: StudyConfig) -> None:
    """Refuse limits that clearly nothing keeps, within seconds and before anything is fetched or trained.

    Raises:
        InputError: A limit cannot be read.
        InfeasibleError: The message names what can be reached.
    """
    absolute = Constraints.parse(text for text in study.constraints if not text.rstrip().endswith("%"))
    costs = CostModel(space, vocabulary=study.vocabulary)
    counted = Constraints(tuple(item for item in absolute if item.cost != "latency_ms"))
    if len(counted):
        counted.check_feasible(costs, np.random.default_rng(0))
    for item in absolute:
        if item.cost == "latency_ms" and item.is_upper:
            rows = space.population([space.smallest()])
            fastest = measure_latency(latency_setting(space, study, study.vocabulary), rows)[0]["latency_ms"]
            if item.limit < _MARGIN * fastest:
                raise InfeasibleError(
                    f"no architecture of {space.name} keeps {item}: the fastest reachable latency on this device is "
                    f"about {item.format(fastest)} (the smallest architecture, measured just now); raise the limit."
                )


def measure_device(space: SearchSpace, study: StudyConfig, vocabulary: int) -> CostModel:
    """The space's costs on this device; latency is measured only when a limit or the table needs it.

    Measurements are kept in the user's store and shared by all runs of the same space on the same device,
    so that a resumed or repeated run sees the same numbers.
    """
    setting = latency_setting(space, study, vocabulary)
    path = store_folder("latency", setting.key) / "samples.jsonl"
    records = measure_latency(setting, _samples(space, study.latency.samples), path)
    population, milliseconds = measured_latency(space, records)
    predictor = LatencyPredictor.fit(space, population, milliseconds)
    return CostModel(space, vocabulary=vocabulary, latency=predictor)


def _samples(space: SearchSpace, n: int) -> Population:
    """Both extremes and random architectures, the same on every machine."""
    extremes = space.population([space.smallest(), space.largest()])
    return np.concatenate([extremes, space.canonical(space.sample(n - 2, np.random.default_rng(0)))])


def measure_finalists(
    folder: Path, study: StudyConfig, costs: CostModel, limits: Constraints, found: SearchResult, vocabulary: int
) -> tuple[Architecture, dict[str, Any]]:
    """Measure the best architectures again, best first, and take the first that really keeps the limits.

    Args:
        folder: The run's; measurements are kept in `finalists.jsonl`.
        study: Says how.
        costs: Predicted costs.
        limits: What must be kept, by the measured latency where latency is limited.
        found: The search's finalists.
        vocabulary: Size of the task's vocabulary.

    Returns:
        The winner, and `latency_ms`, `spread_ms`, `kept` and a row for each finalist that was measured. If
        none keeps the limits, the winner is the fastest of them and `kept` is false.
    """
    setting = latency_setting(costs.space, study, vocabulary)
    rows: list[dict[str, Any]] = []
    for rank, architecture in enumerate(costs.space.architectures(found.finalists)):
        row = costs.space.population([architecture])
        record = measure_latency(setting, row, folder / "finalists.jsonl", repeats=25)[0]
        kept = _kept(limits, costs, row, record["latency_ms"])
        entry = {
            "architecture": architecture.to_dict(),
            "score": float(found.scores[rank]),
            "predicted_latency_ms": float(costs.cost(row, "latency_ms")[0]),
            "latency_ms": record["latency_ms"],
            "spread_ms": record["spread_ms"],
            "kept": kept,
        }
        rows.append(entry)
        if any(r["kept"] for r in rows) and len(rows) >= study.latency.finalists:
            break
    chosen = next((r for r in rows if r["kept"]), min(rows, key=lambda r: r["latency_ms"]))
    winner = Architecture.from_dict(costs.space, chosen["architecture"])
    return winner, {**{key: chosen[key] for key in ("latency_ms", "spread_ms", "kept")}, "finalists": rows}


def _kept(limits: Constraints, costs: CostModel, row: Population, latency: float) -> bool:
    """Whether the limits hold when the measured latency stands for the predicted one."""
    for item in limits:
        value = np.array([latency]) if item.cost == "latency_ms" else item.values(costs, row)
        if not item.holds(value).all():
            return False
    return True
