"""What each way of choosing would have picked among architectures on record, and what that loses in test chrF.

    python benchmarks/picks.py [--pools 40] [--out results/picks.csv]

Language pairs are left out in turn. From those of a pair's architectures that keep a limit, pools of 16 are drawn; each
way picks one of a pool, and loses what the pool's best has more (test chrF, seeds averaged). `trainings` is what it has
to train in full for that, parts of trainings counted as parts; trainings and losses are those on record. The smallest
and the largest architecture, which pairs share, are left out. It costs no training, and is kinder than a search to
those that order well among random architectures: what a search proposes is better and more alike.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from experience import PAIRS, QUARTER, _collected
from foretell.observations import Observation, ObservationSet
from foretell.predictors import Context, create
from foretell.predictors.records import LOSS, Record, loss_at, records_of
from foretell.progress import track

METRIC, SEEN = "test_chrf", "valid_chrf"
LIMITS = ("parameters", "flops")
SHARE = 0.5  # of the largest architecture's
POOL, BEGUN, FINISHED, BOUGHT = 16, 8, 3, 4
SUPERNET = "supernet-sandwich"

app = typer.Typer(add_completion=False)
Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Pool:
    """Architectures to choose from; arrays are `[n]`.

    Attributes:
        items: One training of each.
        truth: Test chrF, seeds averaged.
        believed: What experience says without a label.
        context: Of experience.
    """

    items: tuple[Observation, ...]
    truth: Array
    believed: Array
    context: Context

    def cost(self, name: str) -> Array:
        """Parameters or FLOPs."""
        return np.array([item.costs[name] for item in self.items])

    def seen(self, chosen: Array) -> Array:
        """Validation chrF of those that are trained in full, of the others minus infinity."""
        found = np.full(len(self.items), -np.inf)
        found[chosen] = [self.items[at].metrics[SEEN] for at in chosen]
        return found

    def after_a_quarter(self, begun: Array) -> Array:
        """What experience believes of some when it has seen their losses, of the others minus infinity."""
        parts = [
            replace(self.items[at], metrics={LOSS: loss_at(self.items[at], QUARTER)}, fidelity=QUARTER) for at in begun
        ]
        rows = self.context.space.population([self.items[at].architecture for at in begun])
        found = np.full(len(self.items), -np.inf)
        found[begun] = create("experience", context=self.context).fit(parts).predict(rows).mean
        return found


def ways(pool: Pool, rng: np.random.Generator) -> dict[str, tuple[int, float]]:
    """The pick of each way, and the trainings that it takes."""
    order = np.argsort(-pool.believed)
    begun = order[:BEGUN]
    quarter = pool.after_a_quarter(begun)
    finished = np.argsort(-quarter)[:FINISHED]
    largest, random = np.argsort(-pool.cost("parameters"))[:BOUGHT], rng.permutation(len(pool.items))
    found: dict[str, tuple[int, float]] = {
        "random": (int(random[0]), 0),
        "most parameters": (int(largest[0]), 0),
        "most FLOPs": (int(np.argmax(pool.cost("flops"))), 0),
        "experience": (int(order[0]), 0),
        f"experience, {BEGUN} begun": (int(np.argmax(quarter)), BEGUN * QUARTER),
        f"race: {BEGUN} begun, {FINISHED} finished": (
            int(np.argmax(pool.seen(finished))),
            BEGUN * QUARTER + FINISHED * (1 - QUARTER),
        ),
        f"best of {BOUGHT} by experience": (int(np.argmax(pool.seen(order[:BOUGHT]))), BOUGHT),
        f"best of {BOUGHT} with most parameters": (int(np.argmax(pool.seen(largest))), BOUGHT),
        f"best of {BOUGHT} random": (int(np.argmax(pool.seen(random[:BOUGHT]))), BOUGHT),
    }
    if all(SUPERNET in item.scores for item in pool.items):
        scores = [next(iter(item.scores[SUPERNET].values())) for item in pool.items]
        found["supernet"] = (int(np.argmax(scores)), 0)
    return found


def pools_of(judged: ObservationSet, others: tuple[Record, ...], limit: str, count: int) -> list[Pool]:
    """Random pools of a pair's architectures under a limit."""
    space = judged.space
    trained: dict[object, list[Observation]] = defaultdict(list)
    for item in judged.observations:
        trained[item.architecture].append(item)
    most = SHARE * max(item.costs[limit] for item in judged.observations)
    kept = [
        each
        for architecture, each in trained.items()
        if architecture not in (space.smallest(), space.largest()) and each[0].costs[limit] <= most
    ]
    context = Context(space, metric=METRIC, records=others)
    rows = space.population([each[0].architecture for each in kept])
    believed = create("experience", context=context).fit([]).predict(rows).mean
    truth = np.array([np.mean([item.metrics[METRIC] for item in each]) for each in kept])
    rng = np.random.default_rng(1)
    drawn = [rng.permutation(len(kept))[:POOL] for _ in range(count)]
    return [Pool(tuple(kept[i][0] for i in at), truth[at], believed[at], context) for at in drawn]


@app.command()
def main(
    pools: Annotated[int, typer.Option(help="Pools of each pair and limit.")] = 40,
    out: Annotated[Path, typer.Option(help="The table.")] = Path("results/picks.csv"),
) -> None:
    """Print and write mean losses; the last two columns are over all cells, and over those with a supernet's scores."""
    known = {name: _collected(files) for name, files in PAIRS.items()}
    records = {name: records_of(name, each.observations)[0] for name, each in known.items()}
    lost: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    trainings: dict[str, float] = {}
    cells = [(name, limit) for name in known for limit in LIMITS]
    rng = np.random.default_rng(2)
    with track("cells", len(cells)) as meter:
        for done, (name, limit) in enumerate(cells):
            others = tuple(record for each, record in records.items() if each != name)
            for pool in pools_of(known[name], others, limit, pools):
                for way, (pick, cost) in ways(pool, rng).items():
                    lost[way][f"{name} {limit}"].append(float(pool.truth.max() - pool.truth[pick]))
                    trainings[way] = cost
            meter.update(done + 1, f"{name} {limit}")
    columns = [f"{name} {limit}" for name, limit in cells]
    scored = list(lost["supernet"])
    rows = []
    for way, found in lost.items():
        means = {column: round(float(np.mean(found[column])), 3) if column in found else "" for column in columns}
        every = [np.mean(values) for values in found.values()]
        there = float(np.mean([np.mean(found[column]) for column in scored]))
        mean = "" if way == "supernet" else round(float(np.mean(every)), 3)
        rows.append(
            {"way": way, "trainings": trainings[way], **means, "mean": mean, "mean, de and ga": round(there, 3)}
        )
        print(f"{way:<34}{trainings[way]:>6.2f} trainings  loses {mean:>6}, of German and Irish {there:6.3f}")
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["way", "trainings", *columns, "mean", "mean, de and ga"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    app()
