"""Campaigns of many workers by a virtual clock: how busy they are, and from which length of a label the driver limits.

The driver is the real one: `Study.optimize` chooses trials, writes them and their observations down, and its processor
time passes on the virtual clock. Labels come from a table; how long they take is drawn from the training times of the
reference benchmark, scaled to a mean. Workers fail at random, lose what is since their checkpoint, and begin again.

Run: python benchmarks/campaign.py [--workers 1000] [--lengths 30,3600] [--out results/campaign.csv]
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

import foretell
from foretell.objectives import Completed, InlineExecutor, TableObjective, VirtualExecutor
from foretell.observations import Observation, load

COLUMNS = ("workers", "algorithm", "mean_label_s", "failures_per_hour", "labels", "busy", "lost", "driver_ms_per_label")
RATE, CHECKPOINT, RESTART = 0.01, 300.0, 60.0
"""Failures of a worker in an hour; seconds between checkpoints; seconds until another worker goes on."""


class _Over(Exception):
    """The horizon is reached."""


class _Workers(VirtualExecutor):
    """Workers whose driver's processor time passes on the clock."""

    driver = 0.0
    ended = 0

    def completed(self) -> Iterator[Completed]:
        for each in super().completed():
            self.ended += 1
            start = time.process_time()
            yield each
            spent = time.process_time() - start
            self.driver += spent
            self.charge(spent)
        raise _Over


def campaign(workers: int, mean: float, algorithm: str, labels_each: float, folder: Path) -> dict[str, Any]:
    """Simulate one; a row of the table."""
    rng = np.random.default_rng(0)
    known = load("reference:en-de").observations
    seconds = np.array([item.provenance["training_seconds"] for item in known if not item.failed])
    space = foretell.SearchSpace({f"gene{number}": list(range(8)) for number in range(8)})
    study = foretell.create_study(space, metric="value", direction="minimize", storage=folder, algorithm=algorithm)
    count = int(workers * (labels_each + 2))
    rows = np.unique(space.canonical(space.sample(2 * count, rng)), axis=0)
    table = TableObjective(Observation(each, {"value": rng.random()}) for each in space.architectures(rows[:count]))
    lost = [0.0]

    def takes(_: object) -> float:
        useful = float(rng.choice(seconds) / seconds.mean() * mean)
        again = 0.0
        for _ in range(rng.poisson(useful * RATE / 3600)):
            again += rng.uniform(0, min(CHECKPOINT, useful)) + RESTART
        lost[0] += again
        return useful + again

    executor = _Workers(InlineExecutor(), workers, seconds=takes, limit=labels_each * mean)
    with suppress(_Over):
        study.optimize(table, n_trials=count, executor=executor)
    capacity = workers * executor.now
    return {
        "workers": workers,
        "algorithm": algorithm,
        "mean_label_s": mean,
        "failures_per_hour": RATE,
        "labels": executor.ended,
        "busy": round((executor.worked - lost[0]) / capacity, 4),
        "lost": round(lost[0] / capacity, 5),
        "driver_ms_per_label": round(1000 * executor.driver / max(1, executor.ended), 2),
    }


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(prog="python benchmarks/campaign.py", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--lengths", default="30,3600", help="mean seconds of a label")
    parser.add_argument("--algorithm", default="random")
    parser.add_argument("--each", type=float, default=4.0, help="labels that a worker has time for")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for length in map(float, options.lengths.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(campaign(options.workers, length, options.algorithm, options.each, Path(folder) / "run"))
        print(rows[-1], flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB", file=sys.stderr)
    if options.out:
        with options.out.open("w", newline="") as file:
            print(f"# python benchmarks/campaign.py {' '.join(sys.argv[1:])}", file=file)
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
