"""How much each search still loses after so many labels, on published tables: results/regret-tables.csv.

    python benchmarks/regret_tables.py --csv results/regret-tables.csv --figure docs/images/regret-tables.svg

A search asks a table for labels and is told them at once. Regret is the best label on record under the limit (the
median of the parameters) minus the best that the search has seen. Where it asks for what breaks the limit, is not on
record or was labelled before, the nearest that it may have (by genes that differ, ties at random) is labelled
in its place: no label is wasted, which favours searches that know nothing of the record.

`auto` labels ten at random, then what it thinks best, in parts: it learns again at 10, 15, 20, 35, 50, 100 and 200
labels. (Mean plus one standard deviation was tried on eight seeds and was behind on NAS-Bench-201.) `auto, once` labels
all but five at random and then its five best: what HAT and HS-NAS do with a predictor. There is no supernet on these
tables, and no curve, so that HAT's, BOHB's and the race's own rows cannot be there; experience knows no other task of a
table's space.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretell.costs import CostModel
from foretell.evaluation.views import complete_set
from foretell.metrics import Metric
from foretell.observations import Observation, load
from foretell.predictors import Columns, Context, create
from foretell.predictors.sizes import size_cost
from foretell.search.algorithm import Setting
from foretell.search.algorithms import create as create_search
from foretell.search.algorithms import sizes_for
from foretell.spaces import Population

TABLES = ("lts-gpt2-wt103", "nas-bench-201", "nas-bench-macro")
LABELS = (20, 50, 100, 200, 500)
PARTS = (15, 20, 35, 50, 100, 200, 500)
FINALISTS = 5

Vector = npt.NDArray[np.float64]


@dataclass
class Record:
    """A table under its limit, and what a search has asked of it so far.

    Attributes:
        items: One for each row.
        rows: `int16 [n, columns]`, canonical.
        good: Goodness of each, `[n]`.
        metric: What it is.
        columns: Costs and scores on record.
    """

    items: Sequence[Observation]
    rows: Population
    good: Vector
    metric: Metric
    columns: Columns

    def __post_init__(self) -> None:
        self.start(0)

    @classmethod
    def of(cls, name: str) -> Record:
        """A published table, from the smaller half of it."""
        known = complete_set(load(f"published:{name}"))
        metric = known.quality(None)
        size = size_cost(known.observations[0].costs)
        assert size is not None
        limit = np.median([item.costs[size] for item in known.observations])
        once = {item.architecture.row.tobytes(): item for item in known.observations if item.costs[size] <= limit}
        items = list(once.values())
        good = metric.goodness(np.array([item.metric(metric.key) for item in items]))
        columns = Columns.of(items, metric.key)
        return cls(items, known.space.population([item.architecture for item in items]), good, metric, columns)

    def start(self, seed: int) -> None:
        """Forget what was asked."""
        self.rng = np.random.default_rng([seed, 7])
        self.asked: list[int] = []
        self.free = np.ones(len(self.rows), dtype=bool)
        self.places = {row.tobytes(): place for place, row in enumerate(self.rows)}

    def label(self, row: Population) -> float:
        """The goodness of an architecture, or of the nearest that is still free."""
        place = self.places.get(row.tobytes())
        if place is None or not self.free[place]:
            there = np.flatnonzero(self.free)
            apart = (self.rows[there] != row).sum(axis=1)
            place = int(self.rng.choice(there[apart == apart.min()]))
        self.take(place)
        return float(self.good[place])

    def take(self, place: int) -> None:
        """Label what stands there."""
        self.free[place] = False
        self.asked.append(place)

    @property
    def full(self) -> bool:
        """Whether nothing is left to label."""
        return not self.free.any()


Search = Callable[[Record, int, int], None]


def algorithm(name: str) -> Search:
    """One of the searches of foretell, which sees labels alone."""

    def run(record: Record, labels: int, seed: int) -> None:
        space = record.items[0].architecture.space
        setting = Setting(
            CostModel(space), metric=record.metric, settings=sizes_for(labels), seed=seed, evaluations=labels
        )
        running = create_search(name, setting)
        while len(record.asked) < labels and not record.full:
            asked = running.ask(1 if name in ("tpe", "gp") else 16)
            good = [record.label(row) for row in asked.rows if not record.full]
            running.tell(asked.numbers[: len(good)], np.array(good))

    return run


def local_search(record: Record, labels: int, seed: int) -> None:
    """From a random architecture to its best neighbour, until none is better; then from another one."""
    rng = np.random.default_rng(seed)
    while len(record.asked) < labels and not record.full:
        here = int(rng.choice(np.flatnonzero(record.free)))
        record.take(here)
        better = True
        while better and len(record.asked) < labels:
            apart = (record.rows != record.rows[here]).sum(axis=1)
            near = np.flatnonzero(record.free & (apart == 1))
            near = rng.permutation(near)[: labels - len(record.asked)]
            for place in near:
                record.take(int(place))
            best = int(near[record.good[near].argmax()]) if len(near) else here
            better = bool(record.good[best] > record.good[here])
            here = best if better else here


def _hopes(record: Record, seed: int) -> Vector:
    """What `auto` makes of everything on record, from what was asked, `[n]`."""
    space = record.items[0].architecture.space
    predictor = create("auto", context=Context(space, record.metric, columns=record.columns, seed=seed))
    predictor.fit([record.items[place] for place in record.asked])
    said = predictor.predict(record.rows)
    return np.where(record.free, predictor.goodness(said), -np.inf)


def _take_best(record: Record, hopes: Vector, n: int) -> None:
    for place in np.argsort(-hopes, kind="stable")[: min(n, int(record.free.sum()))]:
        record.take(int(place))


def auto(record: Record, labels: int, seed: int) -> None:
    """Learns again at each of its parts' ends."""
    for place in np.random.default_rng(seed).permutation(len(record.rows))[:10]:
        record.take(int(place))
    for end in [end for end in PARTS if end <= labels]:
        _take_best(record, _hopes(record, seed), end - len(record.asked))


def auto_once(record: Record, labels: int, seed: int) -> None:
    """All but a few at random."""
    for place in np.random.default_rng(seed).permutation(len(record.rows))[: labels - FINALISTS]:
        record.take(int(place))
    _take_best(record, _hopes(record, seed), FINALISTS)


def random(record: Record, labels: int, seed: int) -> None:
    """Without a thought."""
    for place in np.random.default_rng(seed).permutation(len(record.rows))[:labels]:
        record.take(int(place))


@dataclass(frozen=True)
class Row:
    """A search, the most labels that it gets, and for how many seeds: slow ones get fewer, as the file says."""

    search: Search
    most: int = 500
    seeds: int = 50
    anew: bool = False


ROWS = {
    "random": Row(random),
    "regularised": Row(algorithm("regularised")),
    "evolution": Row(algorithm("evolution")),
    "local search": Row(local_search),
    "tpe": Row(algorithm("tpe"), 200),
    "gp": Row(algorithm("gp"), 50, 3),
    "auto": Row(auto, 200, 10),
    "auto, once": Row(auto_once, 100, 10, anew=True),
}


def main() -> None:
    """Print or write the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50, help="At most so many.")
    parser.add_argument("--only", default="", help="Searches, separated by bars.")
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--figure", type=Path, help="Draw the curves of --csv.")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    wanted = given.only.split("|") if given.only else list(ROWS)
    with given.csv.open("w") if given.csv else sys.stdout as file:
        file.write(f"# {shlex.join(['python', 'benchmarks/regret_tables.py', *sys.argv[1:]])}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["table", "search", "labels", "seeds", "regret_mean", "low", "high", "regret_median", "seconds"])
        for table in given.tables.split(","):
            record = Record.of(table)
            for name in wanted:
                for line in _judged(record, ROWS[name], min(given.seeds, ROWS[name].seeds)):
                    out.writerow([table, name, *line])
                    file.flush()
    if given.csv and given.figure:
        _draw(given.csv, given.figure)


def _judged(record: Record, row: Row, seeds: int) -> list[list[object]]:
    """A line for each number of labels; 95 % bootstrap intervals of the mean over seeds."""
    numbers = [n for n in LABELS if n <= min(row.most, len(record.rows))]
    regrets = np.empty((seeds, len(numbers)))
    start = time.perf_counter()
    for seed in range(seeds):
        for place, n in enumerate(numbers):
            if row.anew or place == 0:
                record.start(seed)
                row.search(record, n if row.anew else numbers[-1], seed)
            regrets[seed, place] = record.good.max() - record.good[record.asked[:n]].max()
    took = (time.perf_counter() - start) / seeds
    lines: list[list[object]] = []
    for place, n in enumerate(numbers):
        each = regrets[:, place]
        drawn = np.random.default_rng(0).choice(each, (1000, seeds)).mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        lines.append(
            [n, seeds, *(f"{value:.4f}" for value in (each.mean(), low, high, np.median(each))), f"{took:.2f}"]
        )
    return lines


def _draw(path: Path, figure: Path) -> None:
    from matplotlib.figure import Figure

    with path.open() as file:
        rows = list(csv.DictReader(line for line in file if line[0] != "#"))
    tables = list(dict.fromkeys(row["table"] for row in rows))
    drawing = Figure(figsize=(4 * len(tables), 3.4), layout="constrained")
    for axes, table in zip(np.ravel(drawing.subplots(1, len(tables))), tables, strict=True):
        own = [row for row in rows if row["table"] == table]
        for search in dict.fromkeys(row["search"] for row in own):
            curve = [row for row in own if row["search"] == search]
            x = [int(row["labels"]) for row in curve]
            axes.plot(x, [float(row["regret_mean"]) for row in curve], marker="o", markersize=3, label=search)
            axes.fill_between(
                x, [float(row["low"]) for row in curve], [float(row["high"]) for row in curve], alpha=0.15
            )
        axes.set(xscale="log", yscale="symlog", title=table, xlabel="labels", ylabel="regret")
        axes.set_yscale("symlog", linthresh=0.01)
        axes.set_ylim(bottom=0)
    drawing.axes[0].legend(fontsize=7)
    drawing.savefig(figure, metadata={"Date": None})


if __name__ == "__main__":
    main()
