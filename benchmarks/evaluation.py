"""How long the whole table takes: all predictors without networks, three stored splits.

python benchmarks/evaluation.py ../shared/data/llmas
"""

from __future__ import annotations

import statistics
import sys
import time

from foretell.evaluation import evaluate
from foretell.observations import load

PREDICTORS = [
    *("params-with-embeddings", "flops-with-output-layer", "latency", "linear(features=log-depth)"),
    *("ridge", "gp", "forest", "boosting", "rank:regression", "regression", "auto"),
    *("column:HAT", "column:Supernet (Sandwich)", "column:Layer-wise MoS", "column:Neuron-wise MoS"),
    "stacked(column:Neuron-wise MoS)",
]


def main(path: str, runs: int = 3) -> None:
    """Print the wall-clock seconds of each run and their median."""
    collection = load(path, "wmt14ende")
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        evaluate(collection, PREDICTORS)
        seconds.append(time.perf_counter() - start)
    print("runs:", ", ".join(f"{each:.1f} s" for each in seconds), f"median {statistics.median(seconds):.1f} s")


if __name__ == "__main__":
    main(sys.argv[1])
