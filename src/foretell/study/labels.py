"""Training from scratch outside a search: one architecture of the user's, or several to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.observations import Observation, ObservationWriter, read_observations
from foretell.spaces import Population, SearchSpace
from foretell.study.architectures import read_architectures
from foretell.study.config import StudyConfig
from foretell.study.jobs import keep_trained, scratch_job
from foretell.study.run import open_run
from foretell.study.workers import run_jobs
from foretell.tasks import Task

__all__ = ["pick_architectures", "train_observations", "train_one"]


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
        study: Corpus, space, recipe and limits.
        n: How many; the same seed picks the same ones, and a larger n only adds to them.
        out: Gets `observations.jsonl`.
        resume: Go on with what is in the folder.

    Returns:
        All observations, in the order of the pick.
    """
    space = spaces.create(study.space)
    with open_run(study, out, resume=resume):
        task = Task.prepare(study.corpus, study.vocabulary)
        costs = CostModel(space, vocabulary=len(task.vocabulary))
        picked = space.architectures(pick_architectures(space, n, study.train.seed))
        path = out / "observations.jsonl"
        known = {o.architecture: o for o in (read_observations(path, space) if path.exists() else [])}
        missing = [architecture for architecture in picked if architecture not in known]
        jobs = [scratch_job(study, a, study.train.seed, a.key) for a in missing]
        with ObservationWriter(path) as writer:

            def keep(index: int, result: dict[str, Any]) -> None:
                observation = _with_costs(Observation.from_dict(space, result), costs)
                known[missing[index]] = observation
                writer.write(observation)

            run_jobs(jobs, on_done=keep)
    return [known[architecture] for architecture in picked]


def pick_architectures(space: SearchSpace, n: int, seed: int) -> Population:
    """Architectures worth labelling: both extremes first, then each as unlike those before as can be.

    Farthest-first over per-layer features of a depth-uniform sample (a maximin design), canonical,
    `int16 [n, columns]`; the first k of n are the same for every n.
    """
    rng = np.random.default_rng(seed)
    extremes = space.population([space.smallest(), space.largest()])
    pool = np.unique(space.canonical(space.sample(4000, rng)), axis=0)
    pool = np.concatenate([extremes, pool])
    features = space.features(pool, "per-layer")
    chosen = [0, 1]
    distance = np.minimum(*(((features - features[i]) ** 2).sum(1) for i in chosen))
    while len(chosen) < n:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((features - features[chosen[-1]]) ** 2).sum(1))
    return pool[chosen[:n]]


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
