"""Training from scratch outside a search: one architecture of the user's, or several to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.observations import Observation, ObservationWriter, read_observations
from foretell.predictors import select
from foretell.records import read_json, write_json
from foretell.spaces import Architecture, SearchSpace
from foretell.study.architectures import read_architectures
from foretell.study.config import StudyConfig
from foretell.study.device import measure_device
from foretell.study.jobs import keep_trained, scratch_job
from foretell.study.limits import resolve_limits
from foretell.study.run import open_run
from foretell.study.workers import run_jobs
from foretell.tasks import Task

__all__ = ["train_observations", "train_one"]


def train_one(study: StudyConfig, path: Path, out: Path, *, resume: bool = False) -> Observation:
    """Train the architecture of a YAML file from scratch.

    Args:
        study: Corpus, space and recipe.
        path: Gene names and values.
        out: Gets `model.safetensors`, `vocabulary.model`, `architecture.yaml` and `observation.json`.
        resume: Go on with what is in the folder.

    Raises:
        InputError: The file describes no architecture of the study's space.
    """
    space = spaces.create(study.space)
    found = read_architectures(path, space)
    if len(found) != 1:
        raise InputError(f"{path} holds {len(found)} architectures; give one, or use --observe.")
    with open_run(study, out, resume=resume):
        task = Task.prepare(study.corpus, study.vocabulary)
        (result,) = run_jobs([scratch_job(study, found[0], study.train.seed, "training")])
        keep_trained(study, task, found[0], out)
    return _with_costs(Observation.from_dict(space, result), CostModel(space, vocabulary=len(task.vocabulary)))


def train_observations(study: StudyConfig, n: int, out: Path, *, resume: bool = False) -> list[Observation]:
    """Train several architectures, one process a core, and append each to `observations.jsonl` as it ends.

    Args:
        study: Corpus, space, recipe and limits; every pick keeps the limits.
        n: How many; a larger n than before only adds to what is there.
        out: Gets `plan.json` (what is to be trained, in order) and `observations.jsonl`.
        resume: Go on with what is in the folder.

    Returns:
        All observations, in the order of the plan.

    Raises:
        InfeasibleError: Not as many architectures keep the limits.
    """
    space = spaces.create(study.space)
    with open_run(study, out, resume=resume):
        task = Task.prepare(study.corpus, study.vocabulary)
        costs = CostModel(space, vocabulary=len(task.vocabulary))
        planned = _plan(study, space, n, out / "plan.json", len(task.vocabulary))
        path = out / "observations.jsonl"
        known = {o.architecture: o for o in (read_observations(path, space) if path.exists() else [])}
        missing = [architecture for architecture in planned if architecture not in known]
        jobs = [scratch_job(study, a, study.train.seed, a.key) for a in missing]
        with ObservationWriter(path) as writer:

            def keep(index: int, result: dict[str, Any]) -> None:
                observation = _with_costs(Observation.from_dict(space, result), costs)
                known[missing[index]] = observation
                writer.write(observation)

            run_jobs(jobs, on_done=keep)
    return [known[architecture] for architecture in planned]


def _plan(study: StudyConfig, space: SearchSpace, n: int, path: Path, vocabulary: int) -> list[Architecture]:
    """Which architectures to train; written before the first is trained, so that a resumed run trains the same."""
    planned = [Architecture.from_dict(space, item) for item in read_json(path)] if path.exists() else []
    if len(planned) < n:
        costs = CostModel(space, vocabulary=vocabulary)
        if any(text.startswith("latency") for text in study.constraints):
            costs = measure_device(space, study, vocabulary).costs
        picked = select(
            space,
            n - len(planned),
            np.random.default_rng(study.train.seed),
            constraints=resolve_limits(study.constraints, costs),
            costs=costs,
            known=space.population(planned),
        )
        planned += space.architectures(picked)
        write_json(path, [architecture.to_dict() for architecture in planned])
    return planned[:n]


def _with_costs(observation: Observation, costs: CostModel) -> Observation:
    row = costs.space.population([observation.architecture])
    values = {name: float(value[0]) for name, value in costs.costs(row).items()}
    return Observation(
        observation.architecture,
        observation.metrics,
        {**values, **observation.costs},
        observation.scores,
        observation.provenance,
    )
