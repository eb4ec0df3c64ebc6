"""How many architectures a second the search's population operations handle; one JSON object on stdout.

Run: .venv/bin/python benchmarks/populations.py [--n 50000] [--runs 7] [--space hat-wmt14-en-de]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.families.encoder_decoder.physical import physical_features


def seconds(call: Callable[[], object], runs: int) -> float:
    """Median wall-clock time of a call, after one that is not counted."""
    call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(space_name: str, n: int, runs: int) -> dict[str, object]:
    """Architectures a second for each operation, and for all that an iteration of a search does."""
    space = spaces.create(space_name)
    costs = CostModel(space)
    low, high = costs.costs(space.population([space.smallest(), space.largest()]))["parameters"]
    constraints = Constraints.parse([f"params<={(low + high) / 2:.0f}", "flops<=1T"])
    rng = np.random.default_rng(0)
    population = space.sample(n, rng)

    def iteration() -> None:
        mutants = space.mutate(space.sample(n, rng), 0.3, rng)
        constraints.satisfied(costs, mutants)
        space.features(mutants, "hat-bleu")

    operations: dict[str, Callable[[], object]] = {
        "sample": lambda: space.sample(n, rng),
        "mutate": lambda: space.mutate(population, 0.3, rng),
        "crossover": lambda: space.crossover(population, population[::-1], rng),
        "canonical": lambda: space.canonical(population),
        "constraints": lambda: constraints.satisfied(costs, population),
        "features_hat_bleu": lambda: space.features(population, "hat-bleu"),
        "features_per_layer": lambda: space.features(population, "per-layer"),
        "features_physical": lambda: physical_features(space, population),
        "sample_mutate_constraints_features": iteration,
    }
    rates = {name: round(n / seconds(call, runs)) for name, call in operations.items()}
    return {"space": space_name, "n": n, "runs": runs, "architectures_per_second": rates}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="hat-wmt14-en-de")
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    print(json.dumps(measure(given.space, given.n, given.runs), indent=2))
