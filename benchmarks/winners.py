"""Winners at equal time: every method has the same seconds under the same limit, and fresh trainings judge its winner.

    python benchmarks/winners.py run --pairs en-ko --limits latency --seeds 1       a part, in the background
    python benchmarks/winners.py run                                                3 limits, 3 pairs, 2 seeds
    python benchmarks/winners.py table                                              what has come in so far

A virtual clock charges each method the processor seconds on record of all that it asked for, so that nothing is trained
twice (docs/how-to/compare.md). Killed, `run` goes on where it was; the winners of a cell are in `results/winners.csv`
as soon as they are judged. No method sees the training seeds that judge, nor a label of the pair that was made before.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from foretell.evaluation import student_interval
from foretell.records import read_object, write_json
from foretell.study import StudyConfig
from foretell.study.equal_time import FRESH, judged_labels, run_equal_time

LIMITS = {"latency": "latency<=50%", "flops": "flops<=50%", "params": "params<=50%"}
PAIRS = ("en-ga", "en-ko", "en-pl")
"""The last one was labelled first after the method was frozen."""
SEEDS = (1, 2)
SECONDS = 300.0
METHODS = ("race", "hat", "hs-nas", "hat-as-published", "hs-nas-as-published", "asha", "bohb")
DEFAULT = "race"
BEST_KNOWN = "best-known"
"""The five best under the limit that any method has trained, judged like winners: the best of them can be a row."""
COLUMNS = (
    "pair", "limit", "seed", "method", "test_chrf", "test_bleu", "valid_chrf", "test_chrf_by_seed", "seconds", "worked",
    "in_time", "trainings", "parameters", "flops", "latency_ms", "architecture",
)  # fmt: skip
_FEWEST = 4
"""Cells below which an interval over them says nothing."""


def study_of(pair: str, limit: str, overrides: dict[str, Any]) -> StudyConfig:
    """The default study on a pair under one limit; its language model learns from other pairs alone."""
    source, target = pair.split("-")
    others = "reference:en-ga" if pair == "en-de" else "reference:en-de"
    data: dict[str, Any] = {
        "name": f"winners-{pair}-{limit}",
        "corpus": {"source": source, "target": target},
        "constraints": [LIMITS[limit]],
        "distilled": {"observations": others},
    }
    for key, value in overrides.items():
        data[key] = {**data[key], **value} if isinstance(data.get(key), dict) else value
    return StudyConfig.model_validate(data)


def run(options: argparse.Namespace) -> None:
    """Every cell of the plan that is not there yet."""
    overrides = json.loads(options.study) if options.study else {}
    for pair, limit in product(options.pairs, options.limits):
        study = study_of(pair, limit, overrides)
        folder = options.folder / f"{pair}-{limit}"
        for seed in options.seeds:
            found = run_equal_time(
                study,
                options.methods,
                folder,
                seconds=options.seconds,
                seeds=(seed,),
                judges=options.judges,
                rules=options.rules,
                resume=True,
            )
            rows = [row for row in found["rows"] if row["seed"] == seed]
            keep(options.out, [_line(pair, limit, row) for row in rows])
            print(f"{pair} {limit} seed {seed}: {len(rows)} winners in {options.out}", flush=True)
            if options.best_known:
                keep(options.out, [_line(pair, limit, _best_known(study, folder, rows, seed, options.judges))])


def _line(pair: str, limit: str, row: dict[str, Any]) -> dict[str, Any]:
    judged = row["judged"]
    return {
        "pair": pair,
        "limit": limit,
        "seed": row["seed"],
        "method": row["method"],
        **{mark: _mean(judged[mark]["mean"]) for mark in ("test_chrf", "test_bleu", "valid_chrf")},
        "test_chrf_by_seed": " ".join(f"{value:.4f}" for value in judged["test_chrf"]["values"]),
        **{key: row[key] for key in ("seconds", "worked", "in_time", "trainings")},
        **{key: row["costs"].get(key, "") for key in ("parameters", "flops", "latency_ms")},
        "architecture": json.dumps(row["architecture"]),
    }


def _mean(value: float | None) -> str:
    """Of a winner that diverged with every fresh seed there is none."""
    return "" if value is None else f"{value:.4f}"


def _best_known(
    study: StudyConfig, folder: Path, rows: Sequence[dict[str, Any]], seed: int, judges: Sequence[int]
) -> dict[str, Any]:
    """The best of the five best, by test chrF, of all that was trained in full under this limit by any method."""
    path = folder / "equal-time" / f"{BEST_KNOWN}-{seed}.json"
    if path.exists():
        return read_object(path)
    trained = [
        item for row in rows for item in row["trained"] if item["fidelity"] == 1 and "test_chrf" in item["metrics"]
    ]
    ranked = sorted(trained, key=lambda item: -item["metrics"]["test_chrf"])
    distinct = list({json.dumps(item["architecture"]): item["architecture"] for item in ranked}.values())[:5]
    winners = {json.dumps(row["architecture"]): row for row in rows}
    candidates = [(winners[json.dumps(each)]["judged"], each) for each in distinct if json.dumps(each) in winners]
    fresh = [each for each in distinct if json.dumps(each) not in winners]
    candidates += zip(judged_labels(study, fresh, judges), fresh, strict=True)
    candidates += [(row["judged"], row["architecture"]) for row in rows]
    judged, architecture = max(candidates, key=lambda each: each[0]["test_chrf"]["mean"] or 0.0)
    row = {
        "method": BEST_KNOWN, "seed": seed, "seconds": 0.0, "worked": 0.0, "in_time": True, "trainings": len(distinct),
        "costs": {}, "architecture": architecture, "judged": judged,
    }  # fmt: skip
    write_json(path, row)
    return row


def keep(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into the table, in the place of those of the same cell, seed and method."""
    known = {tuple(row[key] for key in COLUMNS[:4]): row for row in read(path)}
    known |= {tuple(str(row[key]) for key in COLUMNS[:4]): row for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".part").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(known[key] for key in sorted(known))
    path.with_suffix(".part").replace(path)


def read(path: Path) -> list[dict[str, str]]:
    """The rows so far."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table(rows: Sequence[dict[str, str]], default: str = DEFAULT) -> list[dict[str, Any]]:
    """Each method over all cells that it and the default have: means, and the default's lead with Holm's correction.

    Cells (limit and pair) count once; seeds inside a cell are averaged, and a lead is over the seeds that both ran.
    Intervals are Student's, p-values those of turning the cells' signs (exact, at least two of all 2^cells ways): so
    few cells are too few for a bootstrap, which finds differences where there are none. Methods whose lead is not
    significant at 5 % are ties.
    """
    cells: dict[str, dict[tuple[str, str], dict[str, float]]] = {}
    for row in rows:
        if row["test_chrf"]:
            cell = cells.setdefault(row["method"], {}).setdefault((row["pair"], row["limit"]), {})
            cell[str(row["seed"])] = float(row["test_chrf"])
    found = []
    for method, values in cells.items():
        leads = [
            [by_seed[seed] - values[cell][seed] for seed in sorted(set(by_seed) & set(values[cell]))]
            for cell, by_seed in sorted(cells.get(default, {}).items())
            if cell in values
        ]
        shared = [float(np.mean(each)) for each in leads if each]
        lead = np.array(shared or [np.nan])
        found.append(
            {
                "method": method,
                "cells": len(values),
                "test_chrf": float(np.mean([np.mean(list(each.values())) for each in values.values()])),
                "lead": float(lead.mean()),
                "interval": student_interval(shared) if method != default and len(shared) >= _FEWEST else None,
                "p": _signs_turned(lead) if method not in (default, BEST_KNOWN) and len(shared) >= _FEWEST else None,
            }
        )
    for row, corrected in zip(
        (judged := [row for row in found if row["p"] is not None]), holm([row["p"] for row in judged]), strict=True
    ):
        row["p"] = corrected
    return sorted(found, key=lambda row: -row["test_chrf"])


def _signs_turned(lead: np.ndarray) -> float:
    """Two-sided p of the mean lead: the share of all ways to turn cells' signs that give one as large."""
    means = np.abs(np.array(list(product((1, -1), repeat=len(lead)))) @ lead)
    return float((means >= means[0] - 1e-9).mean())


def holm(values: Sequence[float]) -> list[float]:
    """Holm's correction of p-values for their number."""
    order = np.argsort(values, kind="stable")
    corrected, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = highest
    return corrected


def lines(found: Sequence[dict[str, Any]], default: str = DEFAULT) -> Iterator[str]:
    """The table as text."""
    yield f"{'method':22} {'cells':>5} {'test chrF':>9} {'lead of ' + default:>14} {'95 %':>16} {'p (Holm)':>9}"
    for row in found:
        ends = "" if row["interval"] is None else f"{row['interval'][0]:+.2f} to {row['interval'][1]:+.2f}"
        p = "" if row["p"] is None else f"{row['p']:.3f}" + (" tie" if row["p"] >= 0.05 else "")
        yield f"{row['method']:22} {row['cells']:>5} {row['test_chrf']:>9.2f} {row['lead']:>+14.2f} {ends:>16} {p:>9}"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("--pairs", nargs="+", default=PAIRS)
    parser.add_argument("--limits", nargs="+", default=tuple(LIMITS), choices=tuple(LIMITS))
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--rules", nargs="*", help="simple rules beside them; all where nothing is said")
    parser.add_argument("--judges", nargs="+", type=int, default=FRESH, help="training seeds that no method has seen")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--best-known", action="store_true", help="add that row: up to ten trainings a cell")
    parser.add_argument("--study", default="", help="JSON of study keys to change, for trying it out")
    parser.add_argument("--folder", type=Path, default=Path("runs/winners"))
    parser.add_argument("--out", type=Path, default=Path("results/winners.csv"))
    options = parser.parse_args()
    if options.what == "run":
        run(options)
    print("\n".join(lines(table(read(options.out)))))


if __name__ == "__main__":
    main()
