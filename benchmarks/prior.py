"""Which row `auto` should start from, by the other tables: leave-one-table-out, from results/tables-development.csv.

    python benchmarks/prior.py results/tables-development.csv

For each table the row with the best mean tau on all other tables (with few labels, or with thirty and more) is chosen,
and held against the best row of the table itself. Rows that some table lacks do not stand for election.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

FEW = 10


def main() -> None:
    """Print a line for each table and number of labels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path)
    with parser.parse_args().csv.open() as file:
        rows = [row for row in csv.DictReader(line for line in file if line[0] != "#") if row["tau"]]
    taus: dict[tuple[str, str, int], dict[str, float]] = defaultdict(dict)
    for row in rows:
        taus[row["table"], row["sees"], int(row["labels"])][row["predictor"]] = float(row["tau"])
    print("table,sees,labels,chosen_by_others,tau,best_row,best_tau,behind")
    for job, own in taus.items():
        others = [each for other, each in taus.items() if other[0] != job[0] and (other[2] > FEW) == (job[2] > FEW)]
        if not others:
            continue
        everywhere = set.intersection(set(own), *map(set, others))
        chosen = max(sorted(everywhere), key=lambda name: float(np.mean([each[name] for each in others])))
        best = max(own, key=lambda name: own[name])
        print(*job, chosen, f"{own[chosen]:.4f}", best, f"{own[best]:.4f}", f"{own[best] - own[chosen]:.4f}", sep=",")


if __name__ == "__main__":
    main()
