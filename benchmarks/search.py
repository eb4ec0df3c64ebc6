"""How fast searches are, and what each part of them costs; one JSON object on stdout.

Run: .venv/bin/python benchmarks/search.py [--parts engine,distilled,supernet] [--compare compare.json]

`hs_nas_speedup` and `hs_nas_loss_minus_hat` come from one run of the comparison:

    foretell search --compare hat-as-published,hat,hs-nas --json > compare.json

Times are of this process on a machine that may be busy: besides wall-clock rates there are rates by the
processor's own time (`*_cpu`). A part that was not asked for leaves its numbers null.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.observations import Observation
from foretell.predictors import Context
from foretell.predictors.base import Prediction, Spent
from foretell.predictors.distilled import Distilled
from foretell.search import Evolution, Schedule, Scorer, evolve, open_journal
from foretell.spaces import Population, SearchSpace

T = TypeVar("T")
WMT = "hat-wmt14-en-de"
LIMITS = ("flops<=3.5G", "params<=60M")
KEYS = (
    "candidates_per_s",
    "candidates_per_s_durable",
    "distilled_search_s",
    "distill_s",
    "distill_mae_over_teacher_sd",
    "supernet_scoring_speedup",
    "hs_nas_speedup",
    "hs_nas_loss_minus_hat",
)


class Free:
    """An objective that costs next to nothing: a random linear function of the places of choices."""

    name, metric, calibrated, labels = "free", "free", True, 0

    def __init__(self, space: SearchSpace) -> None:
        self.space, self.spent = space, Spent()
        self.weights = np.random.default_rng(0).normal(size=space.width)

    def fit(self, observations: object) -> Free:
        """Nothing to learn."""
        return self

    def predict(self, population: Population) -> Prediction:
        """Scores [n]."""
        return Prediction((population * self.weights).sum(1))


def timed(call: Callable[[], T]) -> tuple[float, float, T]:
    """Wall-clock seconds, the process's processor seconds, and what the call returned."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def engine(folder: Path, runs: int) -> dict[str, float]:
    """Candidates scored a second, best of some runs, with limits on, with and without a journal."""
    space = spaces.create(WMT)
    costs, limits, schedule = CostModel(space), Constraints.parse(LIMITS), Schedule.parse("free:1-30")

    def search(seed: int, path: Path | None) -> int:
        with open_journal(path, space) as journal:
            found = evolve(costs, limits, schedule, {"free": Scorer(Free(space), "free", journal)}, seed=seed)
        return sum(generation.size for generation in found.history)

    rates = {}
    for name, durable in (("candidates_per_s", False), ("candidates_per_s_durable", True)):
        taken = []
        for run in range(runs + 1):  # the first one fills caches and is not counted
            path = folder / f"{run}.jsonl" if durable else None
            wall, cpu, count = timed(lambda run=run, path=path: search(run, path))
            taken.append((count / wall, count / cpu))
        rates[name] = round(max(wall for wall, _ in taken[1:]))
        rates[f"{name}_cpu"] = round(max(cpu for _, cpu in taken[1:]))
    return rates


def smooth_teacher(space: SearchSpace, population: Population) -> npt.NDArray[np.float64]:
    """A smooth function of the ten published features, [n], in the unit of BLEU."""
    x = space.features(population, "hat-bleu")
    return 25 + 3 * np.log(x[:, 5] + 0.2) + 2 * x[:, 0] * x[:, 4] + np.sqrt(x[:, 6]) - x[:, 9] ** 2


def distilled(labels: int) -> dict[str, float]:
    """Distil a smooth teacher, then search with the student alone: HS-NAS (1, 30)."""
    space = spaces.create(WMT)
    rows = np.unique(space.canonical(space.sample(labels, np.random.default_rng(0))), axis=0)
    known = [
        Observation(architecture, {"valid_bleu": float(value)})
        for architecture, value in zip(space.architectures(rows), smooth_teacher(space, rows), strict=True)
    ]
    wall, cpu, student = timed(lambda: Distilled(Context(space)).fit(known))
    test = space.sample(2000, np.random.default_rng(1))
    truth = smooth_teacher(space, test)
    error = float(np.abs(student.predict(test).mean - truth).mean() / truth.std())
    costs, limits, schedule = CostModel(space), Constraints.parse(LIMITS), Schedule.parse("distilled:1-30")
    searched = [
        timed(lambda seed=seed: evolve(costs, limits, schedule, {"distilled": Scorer(student, "d")}, seed=seed))[:2]
        for seed in range(3)
    ]
    return {
        "distill_s": round(wall, 3),
        "distill_s_cpu": round(cpu, 3),
        "distill_mae_over_teacher_sd": round(error, 4),
        "distilled_search_s": round(min(wall for wall, _ in searched), 3),
        "distilled_search_s_cpu": round(min(cpu for _, cpu in searched), 3),
    }


def validation_set(sentences: int) -> list[Any]:
    """Batches of invented sentences whose lengths are spread like the default corpus's."""
    from foretell.tasks.translation import EncodedPairs, Sequences, validation_batches

    rng = np.random.default_rng(0)
    target = np.clip(rng.lognormal(2.35, 0.55, sentences), 1, 40).astype(int)
    source = np.clip(target * rng.lognormal(-0.15, 0.25, sentences), 1, 40).astype(int)
    sides = [Sequences.of([rng.integers(4, 2000, n).tolist() for n in lengths]) for lengths in (source, target)]
    return validation_batches(EncodedPairs(*sides), 2048)


def tenth_generation(costs: CostModel, predictor: Any) -> Population:
    """What HAT's search asks for in its tenth iteration and has not asked for before."""
    asked: list[Population] = []

    class Watch(Scorer):
        def scores(self, population: Population, **more: Any) -> npt.NDArray[np.float64]:
            asked.append(population)
            return super().scores(population, **more)

    evolve(
        costs, Constraints(), Schedule.parse("watch:1-10"), {"watch": Watch(predictor, "w")}, Evolution(distinct=False)
    )
    before = {row.tobytes() for population in asked[:-1] for row in population}
    return np.array([row for row in np.unique(asked[-1], axis=0) if row.tobytes() not in before], dtype=np.int16)


def supernet(count: int, sentences: int, alone: int) -> dict[str, float]:
    """Scoring a population of `small-seq2seq` together, against one by one (timed on `alone` of them)."""
    import torch

    from foretell.families.encoder_decoder.network import Seq2SeqTransformer
    from foretell.predictors.supernet import SupernetPredictor

    torch.set_num_threads(1)
    space = spaces.create("small-seq2seq")
    torch.manual_seed(0)
    network = Seq2SeqTransformer(TransformerShape.of(space.largest()), space.constants, 2000)
    batches = validation_set(sentences)
    rows = np.unique(space.canonical(space.sample(2 * count, np.random.default_rng(0))), axis=0)
    rows = rows[np.random.default_rng(0).permutation(len(rows))[:count]]
    together = SupernetPredictor(space, network, batches)
    one_by_one = SupernetPredictor(space, network, batches, share=False)
    measured: dict[str, float] = {}
    search = tenth_generation(CostModel(space), Distilled(Context(space)).fit(_imitated(space)))
    for name, population in (("", rows), ("_tenth_generation", search)):
        wall_shared, cpu_shared, shared = timed(lambda population=population: together.predict(population).mean)
        chosen = np.linspace(0, len(population) - 1, min(alone, len(population))).astype(int)
        wall_alone, cpu_alone, single = timed(lambda p=population[chosen]: one_by_one.predict(p).mean)
        scale = len(population) / len(chosen)
        measured[f"supernet_scoring_speedup{name}"] = round(scale * wall_alone / wall_shared, 2)
        measured[f"supernet_scoring_speedup{name}_cpu"] = round(scale * cpu_alone / cpu_shared, 2)
        measured[f"supernet_scoring_difference{name}"] = float(np.abs(shared[chosen] - single).max())
        measured[f"supernet_scoring_s{name}"] = round(wall_shared, 2)
    return measured


def _imitated(space: SearchSpace) -> list[Observation]:
    rows = np.unique(space.canonical(space.sample(300, np.random.default_rng(2))), axis=0)
    values = smooth_teacher(space, rows)
    return [Observation(a, {"valid_bleu": float(v)}) for a, v in zip(space.architectures(rows), values, strict=True)]


def compared(path: Path) -> dict[str, float]:
    """HS-NAS against HAT as published, means over the seeds of a comparison."""
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]

    def mean(preset: str, key: str) -> float:
        return float(np.mean([row[key] for row in rows if row["preset"] == preset]))

    published, ours = "hat-as-published", "hs-nas"
    return {
        "hs_nas_speedup": round(mean(published, "seconds") / mean(ours, "seconds"), 2),
        "hs_nas_loss_minus_hat": round(mean(ours, "supernet_loss") - mean(published, "supernet_loss"), 5),
    }


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="engine,distilled,supernet", help="any of engine, distilled, supernet")
    parser.add_argument("--compare", type=Path, help="what `foretell search --compare ... --json` printed")
    parser.add_argument("--runs", type=int, default=5, help="of the engine; the best counts")
    parser.add_argument("--labels", type=int, default=3000)
    parser.add_argument("--architectures", type=int, default=125)
    parser.add_argument("--sentences", type=int, default=512)
    parser.add_argument("--alone", type=int, default=25, help="architectures that one-by-one scoring is timed on")
    given = parser.parse_args()
    measured: dict[str, float | None] = dict.fromkeys(KEYS)
    parts = given.parts.split(",")
    if "engine" in parts:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # on the disk that runs are kept on
            measured |= engine(Path(folder), given.runs)
    if "distilled" in parts:
        measured |= distilled(given.labels)
    if "supernet" in parts:
        measured |= supernet(given.architectures, given.sentences, given.alone)
    if given.compare is not None:
        measured |= compared(given.compare)
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
