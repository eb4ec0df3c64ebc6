"""Methods that find an architecture, each given the same seconds: whose winner is best, trained anew for all alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.evaluation import student_interval
from foretell.metrics import Metric, metric_named
from foretell.objectives import run_jobs
from foretell.observations import Observation, load
from foretell.observations.reference import reference_names
from foretell.predictors import Context, Predictor, create
from foretell.predictors.records import records_of
from foretell.records import read_object, write_json
from foretell.search.algorithms import describe
from foretell.search.algorithms import names as algorithm_names
from foretell.spaces import Architecture
from foretell.study.arena import Arena, Found
from foretell.study.compare import preset, taught_as
from foretell.study.config import StudyConfig
from foretell.study.device import measure_device
from foretell.study.distilling import settle_teacher
from foretell.study.jobs import scratch_job
from foretell.study.limits import resolve_limits
from foretell.study.methods import AS_PUBLISHED, by_supernet, check_method, find, simple_rows
from foretell.study.preflight import check_proposer
from foretell.study.run import Run, open_run

__all__ = ["FRESH", "judged_labels", "other_tasks", "run_equal_time"]

FRESH = (101, 102)
"""Training seeds by which winners are judged; no method has seen them."""
_MARKS = ("valid_chrf", "test_chrf", "test_bleu")


def run_equal_time(
    study: StudyConfig,
    methods: Sequence[str],
    out: Path | None = None,
    *,
    seconds: float,
    seeds: Sequence[int] = (),
    judges: Sequence[int] = FRESH,
    metric: str = _MARKS[0],
    workers: int = 2,
    rules: Sequence[str] | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Let every method find a winner in the same time, and judge the winners by trainings that none of them has seen.

    The clock is virtual: a method is charged the processor seconds on record of all that it asks for (supernet,
    language model, race, labels), on so many workers, and its own computing. What the store has it does not train
    again, and is charged for all the same.

    Args:
        study: Corpus, space, limits, recipes.
        methods: Names (`foretell.study.methods`).
        out: The run's folder; None is `runs/<name of the study>-equal`.
        seconds: For each.
        seeds: Of the searches; none is the study's own.
        judges: Training seeds of the judgement.
        metric: By which methods judge what they have trained, of the validation split.
        workers: Of each method, by the clock.
        rules: Simple rules beside the methods, by name; None: all.
        resume: Go on with what is in the folder; finished methods do not run again.

    Returns:
        `rows`, one a method and seed, best first by mean test chrF, and `protocol`; also in `equal-time.json`.

    Raises:
        UnknownNameError: An unknown method.
        InfeasibleError: No architecture keeps the limits.
    """
    if study.task != "translation":
        raise InputError(
            f"methods are compared at equal time by the chrF of their translations, and {study.name} is a study of a "
            f"{study.task}; compare them without --seconds."
        )
    wanted = list(dict.fromkeys([*(simple_rows() if rules is None else rules), *methods]))
    for name in wanted:
        check_method(name)
        if name in algorithm_names() and describe(name).asks:
            check_proposer(name, study.search.propose)
    with open_run(study, out or Path("runs") / f"{study.name}-equal", resume=resume) as run:
        _same(run.folder / "equal-time" / "plan.json", {"seconds": seconds, "metric": metric, "workers": workers})
        presets = [preset(name.removesuffix(AS_PUBLISHED)) for name in wanted if by_supernet(name)]
        arena = _arena(run, taught_as(study, presets), metric_named(metric), seconds, workers)
        rows: list[dict[str, Any]] = []
        for seed in seeds or (study.search.seed,):
            for name in wanted:
                row = _row(run, replace(arena, seed=seed, pace=_pace(rows)), name)
                rows += [] if row is None else [row]
        _judge(run, arena, rows, judges)
        protocol = {
            "constraint": str(arena.limits),
            "seconds": seconds,
            "workers": workers,
            "clock": "virtual: recorded processor seconds of all that a method asked for, and its own computing",
            "chosen_by": metric,
            "training_seed": study.train.seed,
            "judged_by_training_seeds": list(judges),
            "predictors": [predictor.name for predictor in arena.predictors],
        }
        rows.sort(key=_rank)
        result = {"format": 1, "kind": "equal-time", "rows": rows, "protocol": protocol}
        write_json(run.folder / "equal-time.json", result)
        return result


def _rank(row: dict[str, Any]) -> float:
    """Best first; a winner that diverged with every fresh seed comes last."""
    mean = row["judged"]["test_chrf"]["mean"]
    return float("inf") if mean is None else -mean


def _same(path: Path, plan: dict[str, Any]) -> None:
    """Methods in one folder were given the same.

    Raises:
        InputError: They were given something else.
    """
    if not path.exists():
        write_json(path, plan)
    before = read_object(path)
    if before != plan:
        raise InputError(
            f"{path.parent.parent} was compared at {before['seconds']:g} s of {before['workers']} workers by "
            f"{before['metric']}; repeat that, or choose another folder with --out."
        )


def other_tasks(study: StudyConfig) -> list[tuple[str, list[Observation]]]:
    """Shipped labels of the study's space on other tasks, by name: those of its own language pair are left out."""
    space = spaces.create(study.space)
    own = f"{study.corpus.source}-{study.corpus.target}"
    found = []
    for name in reference_names():
        if name in (own, f"{own}-more") and study.corpus.name == "home-assistant":
            continue
        collection = load(f"reference:{name}")
        if collection.space.fingerprint == space.fingerprint:
            found.append((name, list(collection.observations)))
    return found


def _arena(run: Run, study: StudyConfig, metric: Metric, seconds: float, workers: int) -> Arena:
    space = spaces.create(study.space)
    study, _ = settle_teacher(study, run.folder)
    with run.stage("corpus"):
        task = study.make_task()
    costs = CostModel(space, **task.sizes)
    with run.stage("latency"):
        if any(text.startswith("latency") for text in study.constraints):
            costs = measure_device(space, study, task.sizes["vocabulary"], run.folder, task.sizes.get("classes")).costs
    limits: Constraints = resolve_limits(study.constraints, costs)
    limits.check_feasible(costs, np.random.default_rng(0))
    predictors = _predictors(study, costs, metric)
    return Arena(
        study, task, costs, limits, metric, study.search.seed, seconds, workers, run.folder, predictors=predictors
    )


def _predictors(study: StudyConfig, costs: CostModel, metric: Metric) -> tuple[Predictor, ...]:
    """What has learnt from other tasks alone: "regression" from labels standardised within each, and "experience"."""
    sources = other_tasks(study)
    if not sources:
        return ()
    records = tuple(record for name, observations in sources for record in records_of(name, observations))
    context = Context(costs.space, metric=metric, seed=study.search.seed, records=records)
    pooled = [item for _, observations in sources for item in _standardised(observations, metric)]
    return create("regression", context=context).fit(pooled), create("experience", context=context).fit([])


def _standardised(observations: Sequence[Observation], metric: Metric) -> list[Observation]:
    """Labels of one task in its own standard deviations."""
    labelled = [item for item in observations if metric.key in item.metrics and item.fidelity == 1]
    values = np.array([item.metrics[metric.key] for item in labelled])
    scaled = (values - values.mean()) / (values.std() or 1.0)
    return [replace(item, metrics={metric.key: float(v)}) for item, v in zip(labelled, scaled, strict=True)]


def _pace(rows: Sequence[dict[str, Any]]) -> float | None:
    """Processor seconds of a full training under these limits, as random search has met them."""
    drawn = [item for row in rows if row["method"] == "random" for item in row["trained"]]
    took = [item["seconds"] for item in drawn if item["fidelity"] == 1]
    return float(np.mean(took)) if took else None


def _row(run: Run, arena: Arena, name: str) -> dict[str, Any] | None:
    """What one method finds; kept in a file of its own."""
    path = run.folder / "equal-time" / f"{name}-{arena.seed}.json"
    if path.exists():
        return read_object(path) or None
    with run.stage(f"{name}, seed {arena.seed}"):
        found = find(name, arena)
    row = {} if found is None else _told(arena, name, found)
    write_json(path, row)
    return row or None


def _told(arena: Arena, name: str, found: Found) -> dict[str, Any]:
    costs = arena.costs.costs(arena.space.population([found.architecture]))
    return {
        "method": name,
        "seed": arena.seed,
        "seconds": round(found.seconds, 2),
        "worked": round(found.worked, 2),
        "in_time": found.seconds <= arena.seconds,
        "trainings": sum(item["fidelity"] == 1 for item in found.trained),
        "architecture": found.architecture.to_dict(),
        "costs": {key: float(value[0]) for key, value in costs.items()},
        "trained": found.trained,
        "about": found.about,
    }


def _judge(run: Run, arena: Arena, rows: list[dict[str, Any]], judges: Sequence[int]) -> None:
    """Train each winner with every fresh seed, and add what came out of it."""
    with run.stage("judge"):
        found = judged_labels(arena.study, [row["architecture"] for row in rows], judges)
    for row, judged in zip(rows, found, strict=True):
        row["judged"] = judged


def judged_labels(
    study: StudyConfig, architectures: Sequence[dict[str, Any]], judges: Sequence[int]
) -> list[dict[str, dict[str, Any]]]:
    """Architectures trained with each of these seeds: by metric `mean`, `values` and its 95 % `interval`.

    A seed with which a training diverged has no value; `diverged` names it. Where all did, `mean` is None.

    Raises:
        InputError: There is no seed.
    """
    if not judges:
        raise InputError("nobody judges; give at least one training seed.")
    space = spaces.create(study.space)
    found = [Architecture.from_dict(space, each) for each in architectures]
    wanted = [(architecture, seed) for architecture in dict.fromkeys(found) for seed in judges]
    jobs = [scratch_job(study, a, seed, f"{a.key} seed {seed}", share=1.0) for a, seed in wanted]
    trained = (Observation.from_dict(space, each) for each in run_jobs(jobs))
    labels = dict(zip(wanted, trained, strict=True))
    return [_judgement({seed: labels[architecture, seed] for seed in judges}) for architecture in found]


def _judgement(labels: dict[int, Observation]) -> dict[str, dict[str, Any]]:
    """What trainings of one architecture, by seed, say of it."""
    judged = {}
    for mark in _MARKS:
        values = [label.metrics[mark] for label in labels.values() if not label.failed]
        judged[mark] = {
            "mean": float(np.mean(values)) if values else None,
            "values": values,
            "interval": student_interval(values),
            "diverged": [seed for seed, label in labels.items() if label.failed],
        }
    return judged
