"""Which teacher makes which student: both judged on the same labels that neither has seen.

    python benchmarks/students.py reference:en-de --metric test_chrf > results/students-en-de.csv

A teacher learns from ten labels and says what it thinks of a thousand random architectures; the student, the small
network of LLM-Distill-PP, learns that. Kendall's tau and the mean absolute error over random divisions, 95 % intervals
by bootstrap over these. The row `labels` is the student that learns from the ten labels, without a teacher.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from foretell.observations import Observation, load
from foretell.predictors import Context, create
from foretell.predictors.labelling import draw_architectures
from foretell.predictors.labels import EqualLabelsError

TEACHERS = ("params", "ridge", "gp", "regression", "auto")
ALONE = "labels"
COLUMNS = (
    "teacher",
    "divisions",
    "teacher_tau",
    "student_tau",
    "lead",
    "lead_95",
    "teacher_mae",
    "student_mae",
    "apart",
)


def division(rows: list[Observation], labels: int, seed: int) -> tuple[list[Observation], list[Observation]]:
    """Some to learn from, the others to judge by."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return [rows[place] for place in order[:labels]], [rows[place] for place in order[labels:]]


def judge(
    name: str, context: Context, learnt: list[Observation], judged: list[Observation], asked: int, seed: int
) -> dict[str, float]:
    """How good a teacher and its student are; `apart` is how far the student's scores are from the teacher's."""
    context = replace(context, seed=seed)
    space, key = context.space, context.quality.key
    truth = np.array([item.metric(key) for item in judged])
    population = space.population([item.architecture for item in judged])
    lessons = learnt
    said = np.full(len(judged), np.nan)
    if name != ALONE:
        teacher = create(name, context=context).fit(learnt)
        drawn = draw_architectures(space, asked, seed)
        scores = teacher.predict(drawn).mean
        lessons = [
            Observation(each, {key: float(score)})
            for each, score in zip(space.architectures(drawn), scores, strict=True)
        ]
        said = teacher.predict(population).mean
    student = create("distilled", context=context)
    student.minimum = 1
    try:
        repeated = student.fit(lessons).predict(population).mean
    except EqualLabelsError:  # a teacher that believes ten labels to tell nothing says the same of all
        repeated = said
    found = {"student_tau": tau(repeated, truth), "student_mae": float(np.abs(repeated - truth).mean())}
    if name != ALONE:
        found |= {"teacher_tau": tau(said, truth), "teacher_mae": float(np.abs(said - truth).mean())}
        found["apart"] = float(np.abs(said - repeated).mean())
    return found


def tau(scores: Any, truth: Any) -> float:
    """Kendall's; 0 where all scores are equal."""
    return float(np.nan_to_num(kendalltau(scores, truth).statistic))


def line(name: str, found: list[dict[str, float]]) -> dict[str, str]:
    """Means over divisions, and how far the student is ahead of its teacher."""
    row = {"teacher": name, "divisions": str(len(found))}
    for key in ("teacher_tau", "student_tau", "teacher_mae", "student_mae", "apart"):
        values = [each[key] for each in found if key in each]
        row[key] = f"{np.mean(values):.3f}" if values else ""
    if name != ALONE:
        lead = np.array([each["student_tau"] - each["teacher_tau"] for each in found])
        drawn = lead[np.random.default_rng(0).integers(len(lead), size=(2000, len(lead)))].mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        row |= {"lead": f"{lead.mean():+.3f}", "lead_95": f"{low:+.3f} to {high:+.3f}"}
    return row


def main() -> None:
    """Print the table as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("observations")
    parser.add_argument("--metric", default="test_chrf")
    parser.add_argument("--teachers", nargs="+", default=TEACHERS)
    parser.add_argument("--labels", type=int, default=10)
    parser.add_argument("--asked", type=int, default=1000)
    parser.add_argument("--divisions", type=int, default=20)
    options = parser.parse_args()
    known = load(options.observations)
    context = Context(known.space, metric=known.quality(options.metric))
    seen: dict[Any, Observation] = {}
    for item in known.observations:  # one row an architecture, of its first seed
        if not item.failed and item.fidelity == 1:
            seen.setdefault(item.architecture, item)
    rows = list(seen.values())
    print("# python benchmarks/students.py", " ".join(sys.argv[1:]))
    writer = csv.DictWriter(sys.stdout, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for name in (ALONE, *options.teachers):
        start, found = time.process_time(), []
        for seed in range(options.divisions):
            learnt, judged = division(rows, options.labels, seed)
            found.append(judge(name, context, learnt, judged, options.asked, seed))
        writer.writerow(line(name, found))
        sys.stdout.flush()
        print(f"{name}: {time.process_time() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
