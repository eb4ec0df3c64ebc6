"""MAE and tau of language models as predictors against their size, by the number of labels: draws results/llm-size.csv.

    python benchmarks/llm_size.py --figure docs/images/llm-size.svg

Means over the tasks of the paper's data that a model was asked about with so many labels, and each of foretell's own
tasks by itself; bars are the mean ends of the tasks' 95 % bootstrap intervals over splits and architectures.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SIZES = {"smollm2-135m": 0.135, "gemma-3-270m": 0.27, "qwen2.5-coder-1.5b": 1.54}
"""Parameters, in billions."""
PAPER = "TFS-Eval"
UNITS = {PAPER: "BLEU", "en-ga": "chrF", "lm-code": "bits a byte"}

_LOOK = {"marker": "o", "markersize": 3}

Row = dict[str, str]


def group(row: Row) -> str:
    """What a task is averaged with."""
    return PAPER if row["task"].startswith("wmt") else row["task"]


def drawn(axes: Axes, name: str, rows: Sequence[Row], title: str) -> None:
    """Print the means of one measure of one group, and draw them."""
    for place, labels in enumerate(sorted({int(row["labels"]) for row in rows})):
        found = []
        for model, size in SIZES.items():
            own = [row for row in rows if row["model"] == model and int(row["labels"]) == labels]
            if own and (labels or name == "tau"):  # without a label nobody knows the level
                ends = [np.mean([float(row[name + end]) for row in own]) for end in ("", "_low", "_high")]
                found.append((size * 1.04**place, *ends))
                told = f"{ends[0]:.3f} ({ends[1]:.3f} to {ends[2]:.3f})"
                print(f"{title}, {model}, {labels} labels, {len(own)} tasks: {name} {told}")
        if found:
            x, mean, low, high = map(np.array, zip(*found, strict=True))
            axes.errorbar(x, mean, [mean - low, high - mean], **_LOOK, color=f"C{place}", label=f"{labels} labels")
    axes.set(
        xscale="log", xlim=(0.1, 2.2), ylabel={"mae": f"MAE, {UNITS[title]}", "tau": "Kendall tau"}[name], title=title
    )
    axes.set_xticks(list(SIZES.values()), [f"{size:.2g}" for size in SIZES.values()])
    axes.set_xticks([], minor=True)


def main() -> None:
    """Print the means, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, default=Path("results/llm-size.csv"))
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    with given.csv.open() as file:
        rows = list(csv.DictReader(line for line in file if line[0] != "#"))
    groups = sorted({group(row) for row in rows}, key=list(UNITS).index)
    drawing = Figure(figsize=(8, 2.8 * len(groups)), layout="constrained")
    grid = drawing.subplots(len(groups), 2, squeeze=False)
    for title, line in zip(groups, grid, strict=True):
        for name, axes in zip(("mae", "tau"), line, strict=True):
            drawn(axes, name, [row for row in rows if group(row) == title], title)
    for axes in grid[-1]:
        axes.set(xlabel="parameters, billions")
    grid[0][1].legend(fontsize=7)
    if given.figure:
        drawing.savefig(given.figure, metadata={"Date": None})


if __name__ == "__main__":
    main()
