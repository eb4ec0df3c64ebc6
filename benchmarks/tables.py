"""What predictors are worth on everything published: results/tables.csv.

    python benchmarks/tables.py --csv results/tables.csv          divisions 100 to 119, which judge
    python benchmarks/tables.py --seeds 0-19 --only lts-gpt2      divisions 0 to 19, to develop on

A row is a table, what predictors see of an architecture (genes; size: parameters and FLOPs too; all: proxies as well),
a number of labels and a predictor. Only architectures with all costs on record; one cell, shape or architecture on one
side of a division; pairs of one size are within a tenth of each other's parameters, without embeddings where recorded.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from foretell.evaluation import SplitPlan, evaluate
from foretell.evaluation.views import Sees, as_seen, comparable_set, complete_set
from foretell.observations import ObservationSet, load
from foretell.predictors.features import has_features
from foretell.predictors.sizes import size_names

JOBS: tuple[tuple[str, Sees, tuple[int, ...]], ...] = (
    ("lts-gpt2-wt103", "size", (10, 100)),
    ("lts-txl-wt103", "size", (10, 100)),
    ("open-lm", "size", (10, 30)),
    ("gemstones", "size", (10, 30)),
    ("flexibert", "size", (10, 100)),
    ("flexibert", "all", (10, 100)),
    ("nas-bench-201", "genes", (10, 100)),
    ("nas-bench-201", "size", (10, 100)),
    ("nas-bench-201", "all", (10, 100)),
    ("nas-bench-macro", "size", (10, 100)),
)
ROWS = ("auto", "power-law", "power-law(residual=ridge)", "regression", "rank:regression")
ON_EVERYTHING = ("ridge", "gp", "forest", "boosting")
"""Rows that are told which features to look at: all that there are."""
MANY = ("hist-boosting",)
"""And one that means nothing on ten labels."""
FIGURES = ("mae", "tau", "same_size_tau", "spearman", "pearson", "regret", "rank", "coverage")


def main() -> None:
    """Print or write the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="100-119")
    parser.add_argument("--only", default="", help="Tables whose name holds this.")
    parser.add_argument("--rows", help="Predictors, separated by commas.")
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    first, last = map(int, given.seeds.split("-"))
    seeds = tuple(str(seed) for seed in range(first, last + 1))
    with given.csv.open("w") if given.csv else sys.stdout as file:
        out = csv.writer(file, lineterminator="\n")
        file.write(f"# {shlex.join(['python', 'benchmarks/tables.py', *sys.argv[1:]])}\n")
        ends = ("", "_low", "_high")
        out.writerow(["table", "sees", "labels", "predictor", *(f + end for f in FIGURES for end in ends), "seconds"])
        for name, sees, numbers in JOBS:
            if given.only in name:
                for labels in numbers:
                    _judge(out, name, sees, labels, seeds, given.rows)
                    file.flush()


def _judge(out: Any, name: str, sees: Sees, labels: int, seeds: tuple[str, ...], rows: str | None) -> None:
    known = load(f"published:{name}")
    wanted = rows.split(",") if rows else _rows(known, sees, labels)
    start = time.perf_counter()
    plan = SplitPlan(f"random:{len(seeds)}", seeds)
    found = evaluate(known, wanted, demonstrations=(labels,), plan=plan, sees=sees, draws=200)
    print(f"{name} {sees} {labels}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    for row in found.rows:
        cells: list[object] = [name, sees, labels, _short(row.predictor)]
        for figure in FIGURES:
            ends = row.intervals[figure] or ("", "")
            cells += [_cell(row.values[figure]), *map(_cell, ends)]
        out.writerow([*cells, f"{row.seconds:.2f}"])


def _rows(known: ObservationSet, sees: Sees, labels: int) -> list[str]:
    full = comparable_set(complete_set(known))
    first = as_seen(full, sees).observations[0]
    there = [name for name in ("per-layer", "totals", "paths") if has_features(name, known.space)]
    # Latencies must be measured; power-law leaves them out, and so do the others.
    there += [f"column:{name}" for name in [*size_names(first.costs), *first.scores]]
    told = [f"{name}(features={'+'.join(there)})" for name in (*ON_EVERYTHING, *(MANY if labels >= 100 else ()))]
    return [*ROWS, *told, *(f"column:{name}" for name in first.scores)]


def _cell(value: float | str) -> str:
    return "" if isinstance(value, str) or value != value else f"{value:.4f}"


def _short(predictor: str) -> str:
    """Without the features, which are all that there are."""
    return predictor.partition("(features=")[0]


if __name__ == "__main__":
    main()
