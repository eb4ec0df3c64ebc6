"""A study with an objective against random search: winners of several seeds, each of as many trainings as long.

    python benchmarks/trials.py examples/char-lm/study.yaml --seeds 5 --out runs/against-random

Each search is `foretell search STUDY --seed N --resume`, once as the study says and once with `--algorithm random`.
Killed, the same command goes on. A winner is judged by the label that its own search saw: with equal numbers of
trainings, being the best of as many flatters both alike.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from foretell.records import read_object

WAYS = {"the study's": (), "random": ("--algorithm", "random")}


def searched(study: Path, seed: int, folder: Path, more: tuple[str, ...]) -> dict[str, Any]:
    """The result of one search, run to its end where it has not been."""
    command = [sys.executable, "-m", "foretell", "search", str(study), "--seed", str(seed), *more]
    subprocess.run([*command, "--out", str(folder), "--resume"], check=True, stdout=subprocess.DEVNULL)
    return read_object(folder / "result.json")


def main() -> None:
    """One line a seed, then the medians, in the metric's own unit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 1")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    print("seed", *WAYS, sep=",")
    for seed in range(1, options.seeds + 1):
        for way, more in WAYS.items():
            result = searched(options.study, seed, options.out / f"{more[-1] if more else 'study'}-{seed}", more)
            found[way].append(result["winner"]["metrics"][result["metric"]["name"]])
        print(seed, *(f"{values[-1]:.4f}" for values in found.values()), sep=",", flush=True)
    print("median", *(f"{statistics.median(values):.4f}" for values in found.values()), sep=",")


if __name__ == "__main__":
    main()
