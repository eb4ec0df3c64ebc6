"""Many architectures trained from scratch: labels to learn from, their noise, and published labels checked."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError, InputError, IntegrityError
from foretell.evaluation import label_quality
from foretell.observations import Observation, ObservationWriter
from foretell.observations.reference import REFERENCE_PREFIX, reference_path
from foretell.predictors import select
from foretell.predictors.selection import Design
from foretell.records import fingerprint, read_json, write_json
from foretell.spaces import Architecture, SearchSpace
from foretell.study.config import StudyConfig
from foretell.study.device import measure_device
from foretell.study.jobs import scratch_job
from foretell.study.limits import resolve_limits
from foretell.study.run import open_run
from foretell.study.workers import run_jobs
from foretell.tasks import Task

__all__ = ["Repeated", "repeat_observations", "split_source", "train_observations", "with_costs"]

_MORE_SEEDS = 2
"""Trainings beside the first of an architecture whose label noise is wanted."""
_DRAWS = 64


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
        task = Task.prepare(study.corpus, study.vocabulary)
        costs = CostModel(space, vocabulary=len(task.vocabulary))
        planned = _plan(study, n, choice, out / "plan.json", costs.space, len(task.vocabulary))
        first = study.train.seed
        wanted = [(architecture, first) for architecture in planned]
        wanted += [(a, first + 1 + k) for k in range(_MORE_SEEDS) for a in planned[2 : 2 + noise]]
        return _train(study, wanted, out / "observations.jsonl", costs)


def _train(
    study: StudyConfig,
    wanted: Sequence[tuple[Architecture, int]],
    path: Path,
    costs: CostModel,
    store: Path | None = None,
) -> list[Observation]:
    """Train what `path` does not hold yet: architectures with seeds."""
    with ObservationWriter(path) as writer:
        known = {(item.architecture, item.provenance.get("seed")): item for item in writer.written(costs.space)}
        missing = [each for each in wanted if each not in known]
        jobs = [scratch_job(study, a, seed, f"{a.key} seed {seed}", store) for a, seed in missing]

        def keep(index: int, result: dict[str, Any]) -> None:
            observation = with_costs(Observation.from_dict(costs.space, result), costs)
            known[missing[index]] = observation
            writer.write(observation)

        run_jobs(jobs, on_done=keep)
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
        planned = _chosen(study, n, planned, choice, space, vocabulary)
    told = {"format": 2, **choice.told(), "architectures": [architecture.to_dict() for architecture in planned]}
    if not path.exists() or read_json(path) != told:
        write_json(path, told)
    return planned[:n]


def _chosen(
    study: StudyConfig, n: int, planned: Sequence[Architecture], choice: _Choice, space: SearchSpace, vocabulary: int
) -> list[Architecture]:
    """What is planned and as many more as are missing."""
    costs, rng = CostModel(space, vocabulary=vocabulary), np.random.default_rng(choice.draw)
    if any(text.startswith("latency") for text in study.constraints):
        costs = measure_device(space, study, vocabulary).costs
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


@dataclass(frozen=True)
class Repeated:
    """A record beside the same training done again.

    Attributes:
        stored: What was on record.
        again: What training gave now.
        metric: What is compared.
        noise: Standard deviation of one training's metric over seeds, from the repeated trainings on record;
            None where there are none, or where they all came out alike, which says as little.
    """

    stored: Observation
    again: Observation
    metric: str
    noise: float | None

    @property
    def difference(self) -> float:
        """Now minus then, in the metric's unit."""
        return self.again.metric(self.metric) - self.stored.metric(self.metric)

    @property
    def agrees(self) -> bool | None:
        """Whether they differ by at most three standard deviations of the noise; None where it is not known."""
        return abs(self.difference) <= 3 * self.noise if self.noise else None

    def __str__(self) -> str:
        then, now = self.stored.metric(self.metric), self.again.metric(self.metric)
        text = f"{self.metric} {now:.2f} now, {then:.2f} on record"
        if not self.noise:
            return f"{text}; label noise unknown"
        return f"{text}; {self.difference:+.2f} is {abs(self.difference) / self.noise:.1f} times the label noise"


def split_source(text: str) -> tuple[str, str | None, Path | None]:
    """Read "reference:en-de", "reference:en-de:KEY", "labels.jsonl" or "labels.jsonl:KEY".

    Returns:
        The observations, the key of one architecture or None, and for a reference benchmark the study file that
        it was made with.

    Raises:
        InputError: Nothing stands after the colon: it would mean hours of training that may not be meant.
        UnknownNameError: There is no such reference benchmark.
    """
    if text.endswith(":"):
        raise InputError(f"{text} has no key after the colon; give one, or leave the colon out to repeat all records.")
    if text.startswith(REFERENCE_PREFIX):
        name, _, key = text.removeprefix(REFERENCE_PREFIX).partition(":")
        return REFERENCE_PREFIX + name, key or None, reference_path(name).with_suffix(".yaml")
    if Path(text).exists():
        return text, None, None
    path, _, key = text.rpartition(":")
    return path or text, key or None, None


def repeat_observations(
    study: StudyConfig,
    records: Sequence[Observation],
    key: str | None,
    out: Path,
    *,
    metric: str = "test_bleu",
    resume: bool = False,
) -> list[Repeated]:
    """Train what is on record again, with the same seeds, and compare.

    Nothing is taken from the store of trained architectures: the point is to see the number come out again.

    Args:
        study: Corpus, vocabulary and recipe that the records were made with.
        records: The records.
        key: The key of one architecture, or the beginning of it; None: all of them.
        out: Gets `observations.jsonl` and the networks.
        metric: What is compared.
        resume: Go on with what is in the folder.

    Raises:
        InputError: No record of that key, or a study that is not the records'.
    """
    space = spaces.create(study.space)
    chosen = [item for item in records if item.architecture.key.startswith(key or "")]
    if not chosen:
        keys = sorted({item.architecture.key for item in records})
        raise InputError(f"no record has the key {key!r}; expected one of {', '.join(keys[:5])}, ...: see the list.")
    if key is not None:
        chosen = chosen[:1]
    task = Task.prepare(study.corpus, study.vocabulary)
    for item in chosen:
        _check_same(item, task, study)
    with open_run(study, out, resume=resume):
        costs = CostModel(space, vocabulary=len(task.vocabulary))
        wanted = [(item.architecture, int(item.provenance["seed"])) for item in chosen]
        again = _train(study, wanted, out / "observations.jsonl", costs, out / "trained")
    noise = label_quality(records, metric).noise if len(records) > 1 else None
    return [Repeated(old, new, metric, noise) for old, new in zip(chosen, again, strict=True)]


def _check_same(record: Observation, task: Task, study: StudyConfig) -> None:
    """Refuse a record that was made with other sentences, pieces or settings: its number means something else."""
    made_with = record.provenance.get("task")
    if made_with != task.fingerprint:
        raise InputError(
            f"the record {record.architecture.key} was made with the task {made_with}; the study's is "
            f"{task.fingerprint}: give the study with the same corpus and vocabulary."
        )
    settings = study.train
    now = {
        "recipe": fingerprint(settings.recipe.model_dump(mode="json")),
        "beam": settings.beam,
        "length_penalty": settings.length_penalty,
    }
    for name, value in now.items():
        told = record.provenance.get(name, value)
        if told != value:
            raise InputError(
                f"the record {record.architecture.key} was made with {name} {told}; the study's is {value}: give the "
                "study with the same training (train:)."
            )
    if "seed" not in record.provenance:
        raise InputError(f"the record {record.architecture.key} does not tell its seed, so it cannot be repeated.")


def with_costs(observation: Observation, costs: CostModel) -> Observation:
    """The observation with its closed-form costs beside those that it has."""
    row = costs.space.population([observation.architecture])
    values = {name: float(value[0]) for name, value in costs.costs(row).items()}
    return replace(observation, costs={**values, **observation.costs})
