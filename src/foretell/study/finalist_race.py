"""The race of a study that trains by itself: its finalists, measured on the device, then trained rung by rung."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foretell.costs import Constraints, CostModel
from foretell.errors import InputError, UnknownNameError
from foretell.metrics import Metric
from foretell.objectives import Fidelities, Job, make_executor
from foretell.observations import Observation, load
from foretell.predictors import Context, Predictor, create
from foretell.search import Race, RaceResult, Scorer, run_race
from foretell.search.entrants import (
    Candidates,
    Entrants,
    candidates_under,
    draw_entrants,
    posterior_of,
    refuse_few,
    standardised,
    together,
)
from foretell.search.keys import from_keys
from foretell.search.race import refitting, warn_of_cost
from foretell.spaces import Architecture, Population
from foretell.study.architectures import initial_rows
from foretell.study.config import StudyConfig
from foretell.study.device import Device, measure_each
from foretell.study.jobs import scratch_job, trained_objective
from foretell.study.past import past_records
from foretell.study.rules import Picks
from foretell.study.run import Run
from foretell.tasks import Task

__all__ = [
    "Raced",
    "label_teacher",
    "measured_entrants",
    "race_finalists",
    "refuse_race",
    "seen_by",
    "target_of",
    "who_chooses",
]

_SPARE = 1.5
"""So many times the entrants are drawn, so that some may break a limit when they are measured."""
_WITHOUT_SCHEDULE = "experience"
"""Who chooses entrants where neither a schedule nor the race says so."""
DRAWS, CHANCES = 0x7ACE, 0xC0DE
"""Of the seeds by which entrants are drawn, and chances told."""


@dataclass(frozen=True)
class Raced:
    """A race, and what was measured of its entrants.

    Attributes:
        result: How it ended.
        measured: Of each entrant, as `finalists` of `result.json` has them, in the order in which they were drawn.
    """

    result: RaceResult
    measured: list[dict[str, Any]]

    @property
    def winner(self) -> Architecture:
        """The winner's architecture."""
        return self.result.best.architecture

    @property
    def winner_measured(self) -> dict[str, Any]:
        """What was measured of the winner, and of all."""
        genes = self.winner.to_dict()
        own = next(row for row in self.measured if row["architecture"] == genes)
        told = {key: own[key] for key in ("latency_ms", "interval_ms", "kept")}
        return {**told, "others": own.get("latencies_ms", {}), "finalists": self.measured}


@dataclass(frozen=True)
class _Trainer:
    """Trains as the study does, in the user's store; see `foretell.search.Runner`."""

    study: StudyConfig
    metrics: tuple[str, ...]
    fidelities: Fidelities

    def job(self, architecture: Architecture, share: float, title: str) -> Job:
        return scratch_job(self.study, architecture, self.study.train.seed, title, share=share)


def target_of(study: StudyConfig, task: Task) -> Metric:
    """What the study's race makes good.

    Raises:
        UnknownNameError: The task measures nothing of that name.
    """
    race = study.search.finalists_race or Race()
    known = [*task.metrics, *(f"valid_{name}" for name in study.metrics)]
    if race.metric and race.metric not in known:
        raise UnknownNameError("metric", race.metric, known, "the race")
    return study.metric(race.metric or task.told_apart_by)


def label_teacher(
    name: str,
    study: StudyConfig,
    costs: CostModel,
    task: Task,
    target: Metric,
    folder: Path,
    *,
    own: bool = False,
    more: Sequence[Observation] = (),
) -> Predictor:
    """A predictor fitted to the study's labels (`distilled: observations:`), and to those of other tasks if it can be.

    One that needs no labels is given those of the study's own task only; others take what there is, unless `own` says
    that only those count; and `more`, labels of this task, besides. What the user's store
    holds of other tasks is kept in the run's folder.

    Raises:
        InputError: The labels are of another space, or too few, or lack the metric.
    """
    vocabulary = costs.vocabulary if isinstance(costs.vocabulary, int) else None
    context = Context(
        costs.space,
        metric=target,
        vocabulary=vocabulary,
        latency=costs.latency,
        seed=study.search.seed,
        records=past_records(folder, costs.space, task.fingerprint),
        judged=frozenset({task.fingerprint, task.corpus_fingerprint}),
    )
    predictor = create(name, context=context)
    return predictor.fit([*_labels(study, costs, task, own=own or predictor.minimum == 0), *more])


def _labels(study: StudyConfig, costs: CostModel, task: Task, *, own: bool) -> list[Observation]:
    found = load(study.distilled.observations)
    same = found.space.fingerprint == costs.space.fingerprint
    if not same and not own:
        raise InputError(
            f"the labels {study.distilled.observations} are of the space {found.space.name}, not of "
            f"{costs.space.name}; label some of that space (foretell train --observe 10) and name them (distilled: "
            "observations:)."
        )
    items = found.observations if same else ()
    return [item for item in items if not own or item.provenance.get("task") == task.fingerprint]


def who_chooses(study: StudyConfig, task: Task, costs: CostModel, folder: Path) -> Predictor | None:
    """The predictor that chooses entrants; None: the schedule's last, or nobody knows anything.

    Raises:
        InputError: The predictor that the race names has nothing to learn from.
    """
    race = study.search.finalists_race
    if race is None or (race.predictor is None and study.predictors):
        return None
    target = target_of(study, task)
    if race.predictor is not None:
        return label_teacher(race.predictor, study, costs, task, target, folder)
    try:
        return label_teacher(_WITHOUT_SCHEDULE, study, costs, task, target, folder)
    except InputError as error:
        warnings.warn(f"{error} Until then the entrants of the race are drawn at random.", stacklevel=2)
        return None


def refuse_race(study: StudyConfig, task: Task, costs: CostModel, limits: Constraints, folder: Path) -> None:
    """Refuse a race with too few entrants, or whose predictor has nothing to learn from, before anything is trained.

    Raises:
        InputError: The message says what is missing.
    """
    race = study.search.finalists_race
    if race is None:
        return
    if race.predictor is not None:
        who_chooses(study, task, costs, folder)
    if study.predictors:  # else nothing is trained before the race
        found = candidates_under(costs, limits, None, np.random.default_rng([study.search.seed, DRAWS]))
        refuse_few(costs.space, len(found.rows), race.entrants)


def race_finalists(
    run: Run,
    study: StudyConfig,
    task: Task,
    device: Device,
    limits: Constraints,
    judge: Scorer | None,
    *,
    beside: Sequence[Job] = (),
) -> Raced:
    """Run the study's race, or the rest of it.

    Entrants are drawn from the posterior of the predictor that the race names, or else from what the schedule's last
    predictor (`judge`) said of all that the search saw; without a schedule `experience` chooses, beside
    the architectures that the study begins with (`search: initial:`). Each is measured on
    the device, and those that break a limit stay out. `beside`: other trainings, for workers that would idle.

    Raises:
        InputError: Fewer architectures keep the limits than race, or every entrant failed.
        UnknownNameError: There is no such metric or predictor.
    """
    settings, seed = study.search.finalists_race or Race(), study.search.seed
    costs, space = device.costs, device.costs.space
    target, objective = target_of(study, task), trained_objective(study, task)
    warn_of_cost(settings, objective.fidelities)
    predictor = who_chooses(study, task, costs, run.folder)
    begin = None if study.predictors else initial_rows(study.search.initial, space)  # else the search began with them
    rng = np.random.default_rng([seed, DRAWS])
    if predictor is None and judge is not None:
        found = seen_by(judge, space.width)
    else:
        best = None if judge is None else from_keys(judge.best(settings.entrants), space.width)
        more = together(space, begin, best)
        found = candidates_under(costs, limits, None if predictor is None else posterior_of(predictor), rng, more=more)
    sizes = Picks(costs, limits, seed=seed).sizes() if settings.rules else None
    if sizes is not None:
        found = _with(found, sizes)
    first = together(space, begin, sizes)
    wanted = min(max(settings.entrants, round(_SPARE * settings.entrants)), max(len(found.rows), settings.entrants))
    drawn = draw_entrants(space, found, wanted, rng, first=first)
    path = run.folder / "search" / "finalists.jsonl"
    measured, entering = measured_entrants(path, device, limits, drawn, settings.entrants)
    labels = [] if predictor is None else list(predictor.save_state())
    with make_executor(study.executor, run.folder) as executor:
        result = run_race(
            settings,
            space,
            target,
            _Trainer(study, objective.metrics, objective.fidelities),
            executor,
            run.folder / "race.jsonl",
            lambda: entering,
            refit=None if predictor is None else refitting(predictor, labels),
            seed=seed + CHANCES,
            beside=beside,
        )
    return Raced(result, measured)


def measured_entrants(
    path: Path, device: Device, limits: Constraints, drawn: Entrants, count: int
) -> tuple[list[dict[str, Any]], Entrants]:
    """The first so many that keep the limits when measured; where none does, the first so many of all.

    Those that break a limit never race beside those that keep it: being larger, they would mostly win.

    Args:
        path: JSON lines to which each measurement is appended; what stands there is not measured again.
        device: Where.
        limits: What must be kept.
        drawn: In the order in which they may enter; more than `count`, so that some may break a limit.
        count: How many race.

    Returns:
        What was measured of each that races, and those.
    """
    rows: list[dict[str, Any]] = []
    scores = drawn.mean.tolist()
    for row in measure_each(path, device, limits, drawn.rows, scores):
        rows.append(row)
        if sum(each["kept"] for each in rows) == count:
            break
    kept = [place for place, row in enumerate(rows) if row["kept"]]
    if 0 < len(kept) < count:
        warnings.warn(
            f"only {len(kept)} of {len(rows)} architectures keep the limits when measured; they race alone.",
            stacklevel=2,
        )
    places = np.array((kept or range(len(rows)))[:count], dtype=np.intp)
    return [rows[place] for place in places], drawn.take(places)


def seen_by(judge: Scorer, width: int) -> Candidates:
    """Everything that the schedule's last predictor scored."""
    keys = [key for key in sorted(judge.used) if np.isfinite(judge.known.get(key, np.nan))]
    mean, std = standardised(np.array([judge.known[key] for key in keys], dtype=np.float64))
    return Candidates(from_keys(keys, width), mean, std)


def _with(found: Candidates, rows: Population) -> Candidates:
    """Further candidates, of which nothing is known; those that are there already stay as they are."""
    known = {row.tobytes() for row in found.rows}
    new = np.array([row for row in rows if row.tobytes() not in known], dtype=np.int16).reshape(-1, rows.shape[1])
    mean, std = np.full(len(new), found.middle), np.full(len(new), found.spread)
    return Candidates(
        np.concatenate([found.rows, new]),
        np.concatenate([found.mean, mean]),
        np.concatenate([found.std, std]),
        found.middle,
        found.spread,
    )
