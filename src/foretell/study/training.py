"""Architectures trained from scratch outside a search: one of the user's, or many that are chosen to learn from."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.costs.model import is_latency
from foretell.errors import InfeasibleError, InputError, IntegrityError
from foretell.objectives import make_executor, run_jobs
from foretell.observations import Observation, ObservationWriter
from foretell.predictors import select
from foretell.predictors.selection import Design
from foretell.records import read_json, write_json
from foretell.spaces import Architecture, SearchSpace
from foretell.study.architectures import read_architectures
from foretell.study.config import StudyConfig
from foretell.study.device import measure_device
from foretell.study.jobs import keep_trained, scratch_job
from foretell.study.limits import limited_cost, resolve_limits
from foretell.study.preflight import look_at_task
from foretell.study.run import open_run

__all__ = ["train_missing", "train_observations", "train_one"]

_MORE_SEEDS = 2
"""Trainings beside the first of an architecture whose label noise is wanted."""
_DRAWS = 64


def train_one(
    study: StudyConfig, source: Path | str, out: Path, *, resume: bool = False, inherit: Path | None = None
) -> Observation:
    """Train a given architecture from scratch, or from the weights that it has in a supernet.

    Args:
        study: Corpus, space and recipe.
        source: Gene names and values as YAML, or any other source of one (`read_architectures`).
        out: Gets `model.safetensors`, `vocabulary.model`, `architecture.yaml` and `observation.json`.
        resume: Go on with what is in the folder.
        inherit: A supernet's checkpoint or folder.

    Raises:
        InputError: The file describes no architecture of the study's space, or the checkpoint is of another space.
    """
    from foretell.training import load_supernet

    space = spaces.create(study.space)
    found = list(dict.fromkeys(read_architectures(source, space)))
    if len(found) != 1:
        raise InputError(
            f"{source} holds {len(found)} architectures; give the key of one behind it, as in {source}:{found[0].key}."
        )
    if inherit is not None:
        load_supernet(inherit, space)  # refused before anything is written
    with open_run(study, out, resume=resume):
        task = study.make_task()
        look_at_task(study, task, out)
        job = scratch_job(study, found[0], study.train.seed, "training", inherit=inherit)
        (result,) = run_jobs([job], executor=make_executor(study.executor, out))
        keep_trained(study, task, found[0], out, inherit)
    return _with_costs(Observation.from_dict(space, result), CostModel(space, **task.sizes))


def train_observations(
    study: StudyConfig,
    n: int,
    out: Path,
    *,
    design: Design = "d-optimal",
    noise: int = 0,
    draw: int | None = None,
    without: Sequence[Observation] = (),
    resume: bool = False,
) -> list[Observation]:
    """Train several architectures, one process a core, and append each to `observations.jsonl` as it ends.

    Args:
        study: Corpus, space, recipe and limits; every pick keeps the limits.
        n: How many; a larger n than before only adds to what is there.
        out: Gets `plan.json` (what is to be trained, in order, and how it was chosen) and `observations.jsonl`.
        design: "d-optimal" and "maximin" choose what teaches a regression most; "random" is the smallest, the
            largest and depth-uniform draws: what predictors can be judged on without favour.
        noise: So many of the plan, after its first two, are trained twice more with the seeds that follow; more
            than before only adds, too.
        draw: Seed of the choice; None is the study's training seed.
        without: Architectures that a random design does not draw, so that tasks share none but the extremes.
        resume: Go on with what is in the folder.

    Returns:
        All observations, in the order of the plan; repeated trainings come last.

    Raises:
        InfeasibleError: Not as many architectures keep the limits.
        InputError: What the folder holds was chosen in another way.
    """
    space = spaces.create(study.space)
    others = frozenset(item.architecture for item in without)
    choice = _Choice(design, study.train.seed if draw is None else draw, others, noise)
    with open_run(study, out, resume=resume):
        task = study.make_task()
        look_at_task(study, task, out)
        costs = CostModel(space, **task.sizes)
        planned = _plan(study, n, choice, out / "plan.json", costs.space, task.sizes["vocabulary"])
        first = study.train.seed
        wanted = [(architecture, first) for architecture in planned]
        wanted += [(a, first + 1 + k) for k in range(_MORE_SEEDS) for a in planned[2 : 2 + noise]]
        return train_missing(study, wanted, out / "observations.jsonl", costs)


def train_missing(
    study: StudyConfig,
    wanted: Sequence[tuple[Architecture, int]],
    path: Path,
    costs: CostModel,
    store: Path | None = None,
) -> list[Observation]:
    """Train what a file of observations does not hold yet, and append each as it ends.

    Args:
        study: Corpus, vocabulary and recipe.
        wanted: Architectures with seeds.
        path: The file.
        costs: Of the space; its closed forms stand beside the labels.
        store: Where the networks are kept; None: the user's store, where they are found if they were trained before.

    Returns:
        The observations, in the order of `wanted`.
    """
    with ObservationWriter(path) as writer:
        known = {(item.architecture, item.provenance.get("seed")): item for item in writer.written(costs.space)}
        missing = [each for each in wanted if each not in known]
        jobs = [scratch_job(study, a, seed, f"{a.key} seed {seed}", store) for a, seed in missing]

        def keep(index: int, result: dict[str, Any]) -> None:
            observation = _with_costs(Observation.from_dict(costs.space, result), costs)
            known[missing[index]] = observation
            writer.write(observation)

        run_jobs(jobs, on_done=keep, executor=make_executor(study.executor, path.parent))
    return [known[each] for each in wanted]


@dataclass(frozen=True)
class _Choice:
    """How the architectures of a plan are chosen, and which of them are trained several times."""

    design: Design
    draw: int
    without: frozenset[Architecture]
    noise: int

    def told(self) -> dict[str, Any]:
        """As `plan.json` has it."""
        left_out = sorted(architecture.key for architecture in self.without)
        return {"design": self.design, "draw": self.draw, "without": left_out, "noise": self.noise}

    def check(self, told: dict[str, Any], path: Path) -> None:
        """Refuse to go on with architectures that were chosen in another way.

        Raises:
            InputError: Names the option, what it was, and what it is now.
        """
        for name, value in self.told().items():
            before = told[name]
            if before == value or (name == "noise" and before < value):
                continue
            shown = "" if name == "without" else f" ({before})"
            raise InputError(
                f"{path} was planned with another --{name}{shown}; repeat the options it was started with, of which "
                "only --observe and --noise may grow, or choose another folder with --out."
            )


def _read_plan(path: Path, space: SearchSpace, choice: _Choice) -> list[Architecture]:
    """What was planned in an earlier sitting, if anything was.

    Raises:
        InputError: It was chosen in another way.
        IntegrityError: The file is no plan.
    """
    if not path.exists():
        return []
    found = read_json(path)
    try:
        if isinstance(found, list):  # the first format, which does not tell how it was chosen
            return [Architecture.from_dict(space, item) for item in found]
        choice.check(found, path)
        return [Architecture.from_dict(space, item) for item in found["architectures"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(
            f"{path} is no plan ({type(error).__name__}); restore it or choose another folder."
        ) from None


def _plan(
    study: StudyConfig, n: int, choice: _Choice, path: Path, space: SearchSpace, vocabulary: int
) -> list[Architecture]:
    """Which architectures to train; written before the first is trained, so that a resumed run trains the same."""
    planned = _read_plan(path, space, choice)
    if len(planned) < n:
        planned = _chosen(study, n, planned, choice, space, vocabulary, path.parent)
    told = {"format": 2, **choice.told(), "architectures": [architecture.to_dict() for architecture in planned]}
    if not path.exists() or read_json(path) != told:
        write_json(path, told)
    return planned[:n]


def _chosen(
    study: StudyConfig,
    n: int,
    planned: Sequence[Architecture],
    choice: _Choice,
    space: SearchSpace,
    vocabulary: int,
    folder: Path,
) -> list[Architecture]:
    """What is planned and as many more as are missing."""
    costs, rng = CostModel(space, vocabulary=vocabulary), np.random.default_rng(choice.draw)
    if any(is_latency(limited_cost(text)) for text in study.constraints):
        costs = measure_device(space, study, vocabulary, folder).costs
    limits = resolve_limits(study.constraints, costs)
    if choice.design == "random":
        return _draw(planned, n, limits, costs, rng, choice.without)
    known = space.population(planned)
    picked = select(space, n - len(planned), rng, constraints=limits, costs=costs, known=known, design=choice.design)
    return [*planned, *space.architectures(picked)]


def _draw(
    planned: Sequence[Architecture],
    n: int,
    limits: Constraints,
    costs: CostModel,
    rng: np.random.Generator,
    without: Set[Architecture],
) -> list[Architecture]:
    """What is planned, the two extremes, then draws; the same generator gives the same draws for any n."""
    space = costs.space
    extremes = space.population([space.smallest(), space.largest()])
    chosen = dict.fromkeys([*planned, *space.architectures(extremes[limits.satisfied(costs, extremes)])])
    for _ in range(1000):
        if len(chosen) >= n:
            return list(chosen)[:n]
        rows = space.sample(_DRAWS, rng)
        drawn = space.architectures(rows[limits.satisfied(costs, rows)])
        chosen |= dict.fromkeys(each for each in drawn if each not in without)
    raise InfeasibleError(
        f"only {len(chosen)} distinct architectures that keep {limits} were found among {1000 * _DRAWS} draws, "
        f"{n} were asked for; relax the limits or ask for fewer."
    )


def _with_costs(observation: Observation, costs: CostModel) -> Observation:
    """The observation with its closed-form costs beside those that it has."""
    row = costs.space.population([observation.architecture])
    values = {name: float(value[0]) for name, value in costs.costs(row).items()}
    return replace(observation, costs={**values, **observation.costs})
