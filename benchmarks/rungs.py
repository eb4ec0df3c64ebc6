"""What is worth looking at on a rung of a race: a part of a training, against what the full one came to.

python benchmarks/rungs.py [reference:en-ga ...] [--train 16 --shares 0.125,0.25 --out results/rungs-en-ga.jsonl]

Prints how validation loss after a part of a training goes with final scores, from the learning curves on record: what
`foretell.search.posterior` believes before it has seen a race. With `--train` architectures on record are also trained
to these shares again, because curves hold losses only: BLEU and chrF on the validation sentences after a part of a
training, and the seconds that looking at them takes, are then judged beside the loss. Lines are appended as they come.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from foretell.metrics import metric_named
from foretell.observations import Observation, load
from foretell.observations.reference import reference_path
from foretell.records import append_jsonl, read_jsonl
from foretell.search import Race
from foretell.search.rung_model import Belief, RungModel, signals_for
from foretell.study import load_study
from foretell.study.jobs import trained_objective
from foretell.tasks.translation import Task

SHARES = (0.125, 0.25, 0.5, 1.0)
FINAL = ("valid_bleu", "valid_chrf", "test_bleu", "test_chrf")


def curves(source: str) -> dict[str, Any]:
    """Correlations of the best loss so far at each share with each other, and with final scores."""
    records = load(source).observations
    losses = np.array([[-_loss_at(each, share) for share in SHARES] for each in records])
    finals = np.array([[each.metrics[name] for name in FINAL] for each in records])
    found = np.corrcoef(np.hstack([losses, finals]).T)
    return {
        "source": source,
        "trainings": len(records),
        "between_rungs": found[:4, :4].round(3).tolist(),
        "with_final": {name: found[:4, 4 + i].round(3).tolist() for i, name in enumerate(FINAL)},
        "tau_with_final": {
            name: [round(float(kendalltau(losses[:, k], finals[:, i])[0]), 3) for k in range(4)]
            for i, name in enumerate(FINAL)
        },
    }


def _loss_at(record: Observation, share: float) -> float:
    updates = record.provenance["updates"]
    return min(row["valid_loss"] for row in record.provenance["history"] if row["update"] <= share * updates)


def train(source: str, count: int, shares: list[float], out: Path) -> None:
    """Train the first records anew to each share, and append what is seen there."""
    study = load_study(reference_path(source.partition(":")[2]).with_suffix(".yaml"))
    task = Task.prepare(study.corpus, study.vocabulary)
    objective = trained_objective(study, task)
    done = {(row["key"], row["share"]) for row in read_jsonl(out, repair=True)}
    first: dict[str, Observation] = {}
    for each in load(source).observations:
        first.setdefault(each.architecture.key, each)
    with out.open("a", encoding="utf-8") as file:
        for record in list(first.values())[:count]:
            seed = int(record.provenance["seed"])
            folder = objective.store(record.architecture, seed)
            for share in shares:
                if (record.architecture.key, share) in done:
                    continue
                start = time.process_time()
                seen = objective.train(record.architecture, seed=seed, fidelity=share, folder=folder)
                row = {"key": record.architecture.key, "share": share, "metrics": dict(seen.metrics)}
                row["cpu_seconds"] = round(time.process_time() - start, 2)
                row["training_cpu_seconds"] = seen.provenance["training_cpu_seconds"]
                row["final"] = {name: record.metrics[name] for name in FINAL}
                append_jsonl(file, [row])


def judge(out: Path) -> list[dict[str, Any]]:
    """Kendall's tau of what is seen at each share with the final scores."""
    rows = read_jsonl(out)
    found = []
    for share in sorted({row["share"] for row in rows}):
        here = [row for row in rows if row["share"] == share]
        for name in ("valid_loss", "valid_bleu", "valid_chrf"):
            seen = metric_named(name).goodness(np.array([row["metrics"][name] for row in here]))
            taus = {final: round(float(kendalltau(seen, [r["final"][final] for r in here])[0]), 3) for final in FINAL}
            found.append({"share": share, "seen": name, "architectures": len(here), "tau": taus})
    return found


def races(source: str, out: Path, count: int, settings: Race) -> dict[str, Any]:
    """Races of some of these architectures, drawn at random and with nothing known before, against equal work in full.

    All four shares must be on record: those of `--train`, and the full training of the reference benchmark.
    """
    records = {each.architecture.key: each for each in reversed(load(source).observations)}
    seen = {(row["key"], row["share"]): row["metrics"] for row in read_jsonl(out)}
    keys = [key for key in records if all((key, share) in seen for share in SHARES[:3])]
    target, rng = metric_named("valid_chrf"), np.random.default_rng(0)
    signals = signals_for(target, SHARES, ("valid_loss",))
    for key in keys:
        seen[key, 1.0] = dict(records[key].metrics)
    table = np.array([[seen[key, each.share][each.metric.key] for each in signals] for key in keys])
    test, valid = (np.array([records[key].metrics[name] for key in keys]) for name in ("test_chrf", "valid_chrf"))
    n = settings.entrants
    model, flat = RungModel(target, signals), Belief(np.zeros(n), np.ones(n))
    won, best_of_four, best_there = [], [], []
    for _ in range(count):
        entrants = rng.choice(len(keys), n, replace=False)
        looked, alive = np.full((n, len(signals)), np.nan), np.arange(n)
        for rung, places in enumerate(settings.places(SHARES)):
            mean = model.update(flat, looked).mean
            alive = alive[np.argsort(-mean[alive], kind="stable")[:places]]
            columns = [i for i, each in enumerate(signals) if each.share == SHARES[rung]]
            looked[np.ix_(alive, columns)] = table[np.ix_(entrants[alive], columns)]
        mean = model.update(flat, looked).mean
        won.append(test[entrants[max(alive, key=lambda each: mean[each])]])
        four = rng.choice(entrants, 4, replace=False)
        best_of_four.append(test[four[valid[four].argmax()]])
        best_there.append(test[entrants].max())
    named = {"race": won, "best_of_four_in_full": best_of_four, "best_entrant": best_there, "random": [test.mean()]}
    told = {name: [round(float(np.mean(each)), 2), round(float(np.std(each)), 2)] for name, each in named.items()}
    return {"races": count, "architectures": len(keys), "test_chrf_mean_and_std": told}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", default=["reference:en-de", "reference:en-ga"])
    parser.add_argument("--train", type=int, default=0)
    parser.add_argument("--shares", default="0.125,0.25")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--races", type=int, default=0, help="with --out: simulate so many races on what stands there")
    parser.add_argument("--entrants", type=int, default=Race().entrants)
    parser.add_argument("--finishers", type=int, default=Race().finishers)
    options = parser.parse_args()
    for source in options.sources:
        print(json.dumps(curves(source)))
    if options.train:
        train(options.sources[0], options.train, [float(each) for each in options.shares.split(",")], options.out)
    if options.out is not None:
        for row in judge(options.out):
            print(json.dumps(row))
        if options.races:
            settings = Race(entrants=options.entrants, finishers=options.finishers)
            print(json.dumps(races(options.sources[0], options.out, options.races, settings)))


if __name__ == "__main__":
    main()
