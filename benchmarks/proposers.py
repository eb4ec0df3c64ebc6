"""A language model that proposes, against searches that know no words, on a published table: results/proposers.csv.

    python benchmarks/proposers.py --llm local:gemma-3-270m --csv results/proposers.csv

Labels are given and regret is counted as in `regret_tables.py`, after 20 and 50 labels; low and high are the 95 %
bootstrap interval of the median over seeds. Two controls stand beside the model: the same prompts with the scores of
other architectures, drawn at random (what it is told means nothing), and with genes and operations renamed to
meaningless words (what it may have read is of no use). Where a predictor judges, the better half of each reply is
passed on. `mutation` is the algorithm `llm` of a model that may use no
token: mutants of the best, which stand in for it wherever it has no idea. `predictor` is a regression on the same
labels.
`experience` cannot be there: it knows no other task of the table's space.

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

import numpy as np

from foretell.costs import CostModel
from foretell.llm import Proposals
from foretell.search import Propose, Setting
from foretell.search.algorithms import create, sizes_for
from foretell.spaces import SearchSpace
from regret_tables import Record

LABELS = (20, 50)
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
    "llm": Row("llm", 1.0),
    "llm, scores of others": Row("llm", 1.0, shuffled=True),
    "llm, renamed": Row("llm", 1.0, renamed=True),
    "llm, judged by itself": Row("llm", 1.0, judge="llm"),
    "llm, judged by a regression": Row("llm", 1.0, judge="regression"),
    "evolution, a quarter by llm": Row("evolution", 0.25),
}


def search(
    record: Record, row: Row, llm: str, seed: int, labels: int, *, offline: bool
) -> tuple[float, Proposals | None]:
    """Regret after so many labels, and what the model came up with."""
    record.start(seed)
    rng, known = np.random.default_rng([seed, 11]), record.items[0].architecture.space
    space = hidden(known) if row.renamed else known
    sizes = sizes_for(max(LABELS))
    setting = Setting(CostModel(space), metric=record.metric, settings=sizes, seed=seed, evaluations=max(LABELS))
    if row.share:
        setting = replace(setting, propose=Propose(llm=llm, share=row.share, offline=offline, judge=row.judge))
    elif row.algorithm == "llm":
        setting = replace(setting, propose=Propose(max_tokens=0))
    running = create(row.algorithm, setting)
    while len(record.asked) < labels:
        asked = running.ask(1 if row.algorithm in ("tpe", "predictor") else 16)
        good = np.array([record.label(each) for each in asked.rows])
        running.tell(asked.numbers, rng.choice(record.good, len(good)) if row.shuffled else good)
    return float(record.good.max() - record.good[record.asked[:labels]].max()), running.proposals


def hidden(space: SearchSpace) -> SearchSpace:
    """The space in words that mean nothing, a row of places the same architecture."""
    words = [f"{a}{b}" for a in ("ba", "du", "ki", "lo") for b in ("fen", "mip", "rax", "sul", "tov")]
    choices = dict.fromkeys(choice for gene in space.genes for choice in gene.choices)
    given = dict(zip(choices, words, strict=False))
    return SearchSpace({f"q{n}": [given[c] for c in gene.choices] for n, gene in enumerate(space.genes, 1)}, "hidden")


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
    parser.add_argument("--llm", default="local:gemma-3-270m")
    parser.add_argument("--seeds", type=int, default=30, help="Of searches without a model.")
    parser.add_argument("--llm-seeds", type=int, nargs=2, default=(5, 2), help="With one: at 20, at 50 labels.")
    parser.add_argument("--only", default="", help="Searches, separated by bars.")
    parser.add_argument("--offline", action="store_true", help="Answer from the ledger only.")
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    record = Record.of(given.table)
    with given.csv.open("w") if given.csv else sys.stdout as file:
        file.write(f"# {shlex.join(['python', 'benchmarks/proposers.py', *sys.argv[1:]])}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["search", "model", "labels", "seeds", "regret_median", "low", "high", "regret_mean", *COUNTS])
        for labels, asked in zip(LABELS, given.llm_seeds, strict=True):
            for name in given.only.split("|") if given.only else ROWS:
                row = ROWS[name]
                seeds = range(asked if row.share else given.seeds)
                found = [search(record, row, given.llm, seed, labels, offline=given.offline) for seed in seeds]
                out.writerow(line(name, row, given.llm, labels, found))
                file.flush()


if __name__ == "__main__":
    main()
