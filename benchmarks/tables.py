"""What predictors are worth on everything published: results/tables.csv.

    python benchmarks/tables.py --seeds 0-4 --draws 2 --csv results/tables-development.csv
    python benchmarks/tables.py --against results/tables-development.csv --csv results/tables.csv

The first judges every row on five of the divisions to develop on, 0 to 19; the second `auto` and the best other row of
the first on divisions 100 to 119, once.

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
ROWS = ("auto", "power-law(residual=ridge)", "regression", "rank:regression")
"""`auto` is `power-law` on these tables, bit for bit: none has a score in the metric's unit."""
ON_EVERYTHING = ("ridge", "gp", "forest", "boosting")
"""Rows that are told which features to look at: all. `hist-boosting` wants more labels than a hundred."""
FIGURES = ("mae", "tau", "same_size_tau", "spearman", "pearson", "regret", "rank", "coverage")


def main() -> None:
    """Print the table, or write it, job by job; a run that was interrupted goes on where it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="100-119")
    parser.add_argument("--only", default="", help="Tables whose name holds this.")
    parser.add_argument("--rows", help="These predictors alone, separated by commas.")
    parser.add_argument("--draws", type=int, default=200, help="Of the bootstrap; 2 for no intervals.")
    parser.add_argument("--against", type=Path, help="Judge auto and the best other row by tau of this file.")
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    first, last = map(int, given.seeds.split("-"))
    seeds = tuple(str(seed) for seed in range(first, last + 1))
    done = _done(given.csv)
    with given.csv.open("a") if given.csv else sys.stdout as file:
        out = csv.writer(file, lineterminator="\n")
        if not done:
            file.write(f"# {shlex.join(['python', 'benchmarks/tables.py', *sys.argv[1:]])}\n")
            ends = ("", "_low", "_high")
            out.writerow(
                ["table", "sees", "labels", "predictor", *(f + end for f in FIGURES for end in ends), "seconds"]
            )
        for name, sees, numbers in JOBS:
            for labels in numbers:
                if given.only in name and (name, sees, str(labels)) not in done:
                    known = load(f"published:{name}")
                    told = _rows(known, sees)
                    if given.against:
                        told = ["auto", _best(given.against, told, (name, sees, str(labels)))]
                    wanted = given.rows.split(",") if given.rows else told
                    _judge(out, known, (name, sees, labels), seeds, wanted, given.draws, trivial=given.rows is None)
                    file.flush()


def _done(path: Path | None) -> set[tuple[str, str, str]]:
    """What an interrupted run has written already: a job's rows are written together."""
    if path is None or not path.exists():
        return set()
    with path.open() as file:
        rows = csv.DictReader(line for line in file if line[0] != "#")
        return {(row["table"], row["sees"], row["labels"]) for row in rows}


def _judge(
    out: Any,
    known: ObservationSet,
    job: tuple[str, Sees, int],
    seeds: tuple[str, ...],
    rows: list[str],
    draws: int,
    *,
    trivial: bool,
) -> None:
    name, sees, labels = job
    start = time.perf_counter()
    plan = SplitPlan(f"random:{len(seeds)}", seeds)
    found = evaluate(known, rows, demonstrations=(labels,), plan=plan, sees=sees, draws=draws, trivial=trivial)
    print(f"{name} {sees} {labels}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    for row in found.rows:
        cells: list[object] = [name, sees, labels, _short(row.predictor)]
        for figure in FIGURES:
            ends = row.intervals[figure] or ("", "")
            cells += [_cell(row.values[figure]), *map(_cell, ends)]
        out.writerow([*cells, f"{row.seconds:.2f}"])


def _rows(known: ObservationSet, sees: Sees) -> list[str]:
    full = comparable_set(complete_set(known))
    first = as_seen(full, sees).observations[0]
    there = [name for name in ("per-layer", "totals", "paths") if has_features(name, known.space)]
    # Latencies must be measured; power-law leaves them out, and so do the others.
    there += [f"column:{name}" for name in [*size_names(first.costs), *first.scores]]
    told = [f"{name}(features={'+'.join(there)})" for name in ON_EVERYTHING]
    return [*ROWS, *told, *(f"column:{name}" for name in first.scores)]


def _best(path: Path, told: list[str], job: tuple[str, str, str]) -> str:
    """The row other than auto that had the best tau, spelled in full."""
    with path.open() as file:
        rows = [row for row in csv.DictReader(line for line in file if line[0] != "#") if row["tau"]]
    rows = [row for row in rows if (row["table"], row["sees"], row["labels"]) == job and row["predictor"] != "auto"]
    best = max(rows, key=lambda row: float(row["tau"]))["predictor"]
    return next((spelled for spelled in told if _short(spelled) == best), best)


def _cell(value: float | str) -> str:
    return "" if isinstance(value, str) or value != value else f"{value:.4f}"


def _short(predictor: str) -> str:
    """Without the features, which are all that there are."""
    return predictor.partition("(features=")[0]


if __name__ == "__main__":
    main()
