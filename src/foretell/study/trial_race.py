"""The race of a study of trials: after the trials, what their labels make hopeful is trained rung by rung."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foretell.errors import InputError
from foretell.objectives import Executor, Objective
from foretell.observations import Observation
from foretell.predictors import Context, EqualLabelsError, Predictor, TooFewLabelsError, create
from foretell.search import ObjectiveRunner, Race, RaceResult, run_race
from foretell.search.entrants import Entrants, candidates_under, draw_entrants, posterior_of, refuse_few, together
from foretell.search.race import refitting, warn_of_cost
from foretell.study.rules import Picks

if TYPE_CHECKING:
    from foretell.study.trials import Study

__all__ = ["RACE", "RACE_RESULT", "check_race", "race_trials", "study_predictor"]

RACE, RACE_RESULT = "race.jsonl", "race.json"
_DRAWS, _CHANCES = 0x7ACE, 0xC0DE  # streams of random numbers beside those that trials are chosen by


def study_predictor(study: Study, name: str | None = None) -> Predictor | None:
    """A predictor fitted to all that was told of full trainings; None where it cannot be."""
    search = study.config.search
    predictor = create(name or search.predictor, context=Context(study.space, metric=study.metric, seed=search.seed))
    try:
        return predictor.fit(_teaching(study))
    except (TooFewLabelsError, EqualLabelsError):
        return None


def _teaching(study: Study) -> list[Observation]:
    """What was told of full trainings; nothing where all of it failed, for that teaches nothing."""
    told = [item for item in study.observations if item.fidelity == 1]
    return [] if all(item.failed for item in told) else told


def check_race(study: Study, objective: Objective) -> None:
    """Refuse a race that cannot be run, and say what it will cost, before anything is trained.

    Raises:
        InputError: The objective has no partial trainings, or fewer architectures keep the limits than race.
        InfeasibleError: None does.
    """
    settings = study.config.search.race
    if settings is not None and not (study.folder / RACE).exists():
        warn_of_cost(settings, objective.fidelities)
        rng = np.random.default_rng([study.config.search.seed, _DRAWS])
        found = candidates_under(study.costs, study.gene_limits, None, rng, pool=study.pool)
        refuse_few(study.space, len(found.rows), settings.entrants)
        trials = study.config.search.trials
        if len(found.rows) < settings.entrants + trials:
            raise InputError(
                f"the race has {settings.entrants} entrants beside {trials} trials, but only {len(found.rows)} "
                f"architectures of {study.space.name} that keep the limits were found; ask for fewer of one, or relax "
                "a limit."
            )


def race_trials(study: Study, objective: Objective, executor: Executor) -> RaceResult:
    """Run the study's race, or the rest of it.

    Raises:
        InputError: Every entrant failed, or there are too few architectures left to race.
        IntegrityError: The folder holds the record of another race.
    """
    search, settings = study.config.search, study.config.search.race or Race()
    predictor = study_predictor(study, settings.predictor)

    def draw() -> Entrants:
        rng = np.random.default_rng([search.seed, _DRAWS])
        posterior = None if predictor is None else posterior_of(predictor)
        begin = study.config.beginning()
        more = begin if study.pool is None else None  # only what is on record can be looked up
        found = candidates_under(study.costs, study.gene_limits, posterior, rng, pool=study.pool, more=more)
        picks = Picks(study.costs, study.gene_limits, seed=search.seed, pool=study.pool)
        first = together(study.space, begin, picks.sizes() if settings.rules else None)
        taken = study.space.population([trial.architecture for trial in study.trials if not trial.raced])
        return draw_entrants(study.space, found, settings.entrants, rng, first=first, taken=taken)

    def refuse(item: Observation) -> str:
        return "" if item.failed or study.keeps(item) else f"it breaks {study.told_limits}"

    runner = ObjectiveRunner(objective, study.config.objective.seed, study.folder / "labels")
    return run_race(
        settings,
        study.space,
        study.metric,
        runner,
        executor,
        Path(study.folder / RACE),
        draw,
        refit=None if predictor is None else refitting(predictor, _teaching(study)),
        refuse=refuse,
        seed=search.seed + _CHANCES,
    )
