"""A language model that proposes, against searches that know no words: results/proposers.csv, proposers-en-de.csv.

    python benchmarks/proposers.py --llm local:gemma-3-270m --csv results/proposers.csv
    python benchmarks/proposers.py --judge reference:en-de --csv results/proposers-en-de.csv

On a published table labels are given and regret is counted as in `regret_tables.py`. With `--judge` the labels of any
architecture that keeps half of the FLOPs are what a regression on all trainings of that pair says of test chrF, as in
`regret.py`; the nearest of 4,000 random ones stands in for one that breaks the limit or was labelled before. Both after
20 and 50 labels; low and high are the 95 %
bootstrap interval of the median over seeds. Two controls stand beside the model: the same prompts with the scores of
other architectures, drawn at random (what it is told means nothing), and with genes and operations renamed to
meaningless words (what it may have read is of no use). Where a predictor judges, the better half of each reply is
passed on. `mutation` is the algorithm `llm` of a model that may use no
token: mutants of the best, which stand in for it wherever it has no idea. `predictor` is a regression on the same
labels.
`experience` knows no other task of the table's space; beside a judge it knows all other language pairs, and labels what
it likes best, five at a time.

Replies come from the ledger where they were bought before, so that a second run needs no model; `calls` to `instead`
are means over seeds.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.llm import Proposals
from foretell.metrics import Metric, metric_named
from foretell.observations import Observation, load
from foretell.observations.reference import reference_names
from foretell.predictors import Context, Predictor
from foretell.predictors import create as create_predictor
from foretell.predictors.records import records_of
from foretell.search import Propose, Schedule, Scorer, Setting, evolve
from foretell.search.algorithms import create, sizes_for
from foretell.spaces import Population, SearchSpace
from foretell.study import load_study, split_source
from foretell.study.limits import resolve_limits
from regret_tables import Record, Vector

LABELS = (20, 50)
BATCH = 5
"""Labels between two fits of experience."""
COUNTS = ("calls", "asked", "valid", "repaired", "repeated", "dropped", "judged", "instead", "tokens", "seconds")


@dataclass(frozen=True)
class Row:
    """A search.

    Attributes:
        algorithm: Of foretell.
        share: Of children that the model proposes; 1 for all; 0: no model.
        shuffled: Tell it the scores of others.
        renamed: Hide all names from it.
        judge: A predictor that passes the better half of the proposals on.
    """

    algorithm: str
    share: float = 0.0
    shuffled: bool = False
    renamed: bool = False
    judge: str = ""


ROWS = {
    "random": Row("random"),
    "mutation": Row("llm"),
    "regularised": Row("regularised"),
    "evolution": Row("evolution"),
    "tpe": Row("tpe"),
    "predictor": Row("predictor"),
    "experience": Row("experience"),
    "llm": Row("llm", 1.0),
    "llm, scores of others": Row("llm", 1.0, shuffled=True),
    "llm, renamed": Row("llm", 1.0, renamed=True),
    "llm, judged by itself": Row("llm", 1.0, judge="llm"),
    "llm, judged by a regression": Row("llm", 1.0, judge="regression"),
    "evolution, a quarter by llm": Row("evolution", 0.25),
}


class Truth(Protocol):
    """What labels architectures."""

    costs: CostModel
    limits: Constraints
    metric: Metric

    def start(self, seed: int) -> None:
        """Forget what was asked."""

    def label(self, row: Population) -> float:
        """The goodness of an architecture, or of one near it."""

    def strange(self, rng: np.random.Generator, n: int) -> Vector:
        """Goodness of so many others, drawn at random."""

    def regret(self, labels: int) -> float:
        """By how much the best of the first labels is behind the best there is."""


class Table:
    """A published table under its limit."""

    def __init__(self, name: str) -> None:
        self.record = Record.of(name)
        self.costs, self.metric = CostModel(self.record.items[0].architecture.space), self.record.metric
        self.limits = Constraints()
        self.start, self.label = self.record.start, self.record.label

    def strange(self, rng: np.random.Generator, n: int) -> Vector:
        """See `Truth`."""
        return rng.choice(self.record.good, n)

    def regret(self, labels: int) -> float:
        """See `Truth`."""
        good = self.record.good
        return float(good.max() - good[self.record.asked[:labels]].max())


class Judge:
    """The regression on all trainings of a language pair, under half of the FLOPs."""

    metric = metric_named("test_chrf")

    def __init__(self, source: str) -> None:
        self.pair = source.removeprefix("reference:")
        study = load_study(split_source(source)[2])
        space = spaces.create(study.space)
        vocabulary = study.make_task().sizes["vocabulary"]
        self.costs = CostModel(space, vocabulary=vocabulary)
        self.limits = resolve_limits(("flops<=50%",), self.costs)
        context = Context(space, metric=self.metric, vocabulary=vocabulary)
        self.judge = create_predictor("regression", context=context).fit(load(source).observations)
        self.pool = feasible(self.costs, self.limits, 4000, np.random.default_rng(0))
        self.pool_good = self.good(self.pool)
        scorers = {"judge": Scorer(self.judge, "judge")}
        schedule = Schedule.parse("judge:1-30")
        found = [evolve(self.costs, self.limits, schedule, scorers, seed=seed).finalists[:1] for seed in range(3)]
        self.best = float(self.good(np.concatenate([*found, self.pool])).max())
        self.start(0)

    def good(self, rows: Population) -> Vector:
        """By the judge."""
        return self.judge.goodness(self.judge.predict(rows))

    def start(self, seed: int) -> None:
        """See `Truth`."""
        self.rng = np.random.default_rng([seed, 7])
        self.told: list[float] = []
        self.taken: set[bytes] = set()

    def label(self, row: Population) -> float:
        """See `Truth`."""
        row = self.costs.space.canonical(row[None])[0]
        if row.tobytes() in self.taken or not self.limits.satisfied(self.costs, row[None])[0]:
            free = np.array([each.tobytes() not in self.taken for each in self.pool])
            apart = np.where(free, (self.pool != row).sum(axis=1), len(row) + 1)
            row = self.pool[self.rng.choice(np.flatnonzero(apart == apart.min()))]
        self.taken.add(row.tobytes())
        self.told.append(float(self.good(row[None])[0]))
        return self.told[-1]

    def strange(self, rng: np.random.Generator, n: int) -> Vector:
        """See `Truth`."""
        return rng.choice(self.pool_good, n)

    def regret(self, labels: int) -> float:
        """See `Truth`."""
        return max(0.0, self.best - max(self.told[:labels]))


def feasible(costs: CostModel, limits: Constraints, n: int, rng: np.random.Generator) -> Population:
    """So many random architectures that keep the limits, canonical."""
    rows = costs.space.canonical(costs.space.sample(8 * n, rng))
    return rows[limits.satisfied(costs, rows)][:n]


def search(
    truth: Truth, row: Row, llm: str, seed: int, labels: int, *, offline: bool
) -> tuple[float, Proposals | None]:
    """Regret after so many labels, and what the model came up with."""
    truth.start(seed)
    if row.algorithm == "experience":
        return by_experience(truth, seed, labels), None
    rng, known = np.random.default_rng([seed, 11]), truth.costs.space
    space = hidden(known) if row.renamed else known
    sizes = sizes_for(max(LABELS))
    costs, limits = (CostModel(space), Constraints()) if row.renamed else (truth.costs, truth.limits)
    setting = Setting(costs, limits, metric=truth.metric, settings=sizes, seed=seed, evaluations=max(LABELS))
    if row.share:
        setting = replace(setting, propose=Propose(llm=llm, share=row.share, offline=offline, judge=row.judge))
    elif row.algorithm == "llm":
        setting = replace(setting, propose=Propose(max_tokens=0))
    running, told = create(row.algorithm, setting), 0
    while told < labels:
        asked = running.ask(1 if row.algorithm in ("tpe", "predictor") else 16)
        good = np.array([truth.label(each) for each in asked.rows])
        running.tell(asked.numbers, truth.strange(rng, len(good)) if row.shuffled else good)
        told += len(good)
    return truth.regret(labels), running.proposals


def by_experience(truth: Truth, seed: int, labels: int) -> float:
    """Label what other language pairs, and the labels so far, say is best of random architectures and mutants."""
    assert isinstance(truth, Judge)
    space, rng = truth.costs.space, np.random.default_rng([seed, 13])
    others = [name for name in reference_names() if name not in (truth.pair, f"{truth.pair}-more")]
    records = tuple(
        record
        for name in others
        if (known := load(f"reference:{name}")).space.fingerprint == space.fingerprint
        for record in records_of(name, known.observations)
    )
    context = Context(space, metric=truth.metric, seed=seed, records=records)
    seen: list[Observation] = []
    while len(seen) < labels:
        predictor = create_predictor("experience", context=context).fit(seen)
        drawn = feasible(truth.costs, truth.limits, 1000, rng)
        bred = space.canonical(space.mutate(np.repeat(best_of(predictor, drawn, 50), 20, axis=0), 0.3, rng))
        rows = np.unique(np.concatenate([drawn, bred[truth.limits.satisfied(truth.costs, bred)]]), axis=0)
        top = best_of(predictor, rows[[row.tobytes() not in truth.taken for row in rows]], BATCH)
        seen += [Observation(space.architecture(row), {truth.metric.key: truth.label(row)}) for row in top]
    return truth.regret(labels)


def best_of(predictor: Predictor, rows: Population, n: int) -> Population:
    """What the predictor likes best."""
    return rows[np.argsort(-predictor.goodness(predictor.predict(rows)), kind="stable")[:n]]


def hidden(space: SearchSpace) -> SearchSpace:
    """The space in words that mean nothing, a gene a column: a row of places the same architecture."""
    words = [f"{a}{b}" for a in ("ba", "du", "ki", "lo") for b in ("fen", "mip", "rax", "sul", "tov")]
    columns = [
        gene for gene in space.genes for _ in range(space.columns(gene.name).stop - space.columns(gene.name).start)
    ]
    choices = dict.fromkeys(choice for gene in columns for choice in gene.choices)
    given = dict(zip(choices, words, strict=False))
    return SearchSpace({f"q{n}": [given[c] for c in gene.choices] for n, gene in enumerate(columns, 1)}, "hidden")


def line(name: str, row: Row, llm: str, labels: int, found: Sequence[tuple[float, Proposals | None]]) -> list[object]:
    """One of the table."""
    each, said = np.array([regret for regret, _ in found]), [said for _, said in found if said is not None]
    drawn = np.median(np.random.default_rng(0).choice(each, (2000, len(each))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    figures = [f"{value:.3f}" for value in (np.median(each), low, high, each.mean())]
    counts = [f"{np.mean([getattr(each, count) for each in said]):.0f}" if row.share else "" for count in COUNTS]
    return [name, llm if row.share else "", labels, len(each), *figures, *counts]


def main() -> None:
    """Print or write the table, a search as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="nas-bench-201")
    parser.add_argument(
        "--judge", help="Instead of a table: all trainings of a language pair, such as reference:en-de."
    )
    parser.add_argument("--llm", default="local:gemma-3-270m")
    parser.add_argument("--seeds", type=int, default=30, help="Of searches without a model.")
    parser.add_argument("--llm-seeds", type=int, nargs=2, default=(5, 2), help="With one: at 20, at 50 labels.")
    parser.add_argument("--only", default="", help="Searches, separated by bars.")
    parser.add_argument("--offline", action="store_true", help="Answer from the ledger only.")
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    truth: Truth = Judge(given.judge) if given.judge else Table(given.table)
    rows = {name: row for name, row in ROWS.items() if given.judge or row.algorithm != "experience"}
    with given.csv.open("w") if given.csv else sys.stdout as file:
        file.write(f"# {shlex.join(['python', 'benchmarks/proposers.py', *sys.argv[1:]])}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["search", "model", "labels", "seeds", "regret_median", "low", "high", "regret_mean", *COUNTS])
        for labels, asked in zip(LABELS, given.llm_seeds, strict=True):
            for name in given.only.split("|") if given.only else rows:
                row = ROWS[name]
                seeds = range(asked if row.share else given.seeds)
                found = [search(truth, row, given.llm, seed, labels, offline=given.offline) for seed in seeds]
                out.writerow(line(name, row, given.llm, labels, found))
                file.flush()


if __name__ == "__main__":
    main()
