"""The race as a method of a comparison: as many entrants as the time can train."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from foretell.search.entrants import Entrants, candidates_under, draw_entrants, posterior_of
from foretell.search.race import refitting, run_race
from foretell.search.race_result import RaceResult
from foretell.search.race_settings import Race
from foretell.study.arena import Arena, Found, brief

__all__ = ["race"]

_MOST, _FEWEST = 32, 2
_ROOM = 0.95
"""Of the time, for which entrants are planned: architectures differ in how long they train."""


@dataclass(frozen=True)
class _Heat:
    """One try: how it went, and what it took."""

    result: RaceResult
    seconds: float
    worked: float


def race(arena: Arena) -> Found:
    """Entrants drawn from the posterior of what is known of other tasks race, as many as end in time.

    A race that does not end in time is run again with fewer; nothing of it is trained twice, and only the one that
    ended in time is charged.
    """
    entrants = _planned(arena)
    while True:
        heat = _heat(arena, entrants)
        if heat.seconds <= arena.seconds or entrants == _FEWEST:
            break
        entrants = max(_FEWEST, min(entrants - 1, int(entrants * arena.seconds / heat.seconds)))
    result = heat.result
    trained = [brief(item) for seen in result.seen for _, item in sorted(seen.items())]
    about = {
        "entrants": entrants,
        "chance": float(result.chances[result.winner]),
        "predictor": arena.predictors[-1].name if arena.predictors else "",
    }
    return Found(
        arena.space.architecture(result.entrants.rows[result.winner]), heat.seconds, heat.worked, trained, about
    )


def _planned(arena: Arena) -> int:
    """How many entrants the time is probably enough for."""
    if arena.pace is None:
        return Race().entrants
    fidelities = arena.trainings.fidelities
    for entrants in range(_MOST, _FEWEST, -1):
        cost = Race(entrants=entrants).cost(fidelities)
        if cost * arena.pace / arena.workers <= _ROOM * arena.seconds:
            return entrants
    return _FEWEST


def _heat(arena: Arena, entrants: int) -> _Heat:
    path = arena.folder / "race.jsonl"
    path.unlink(missing_ok=True)  # a race that goes on would not be charged for what it finds there
    rng = np.random.default_rng([arena.seed, 0x7ACE])
    posterior = posterior_of(arena.predictors[-1]) if arena.predictors else None
    start = time.process_time()

    def draw() -> Entrants:
        candidates = candidates_under(arena.costs, arena.limits, posterior, rng)
        return draw_entrants(arena.space, candidates, entrants, rng)

    settings = Race(entrants=entrants, metric=arena.metric.key)
    refit = refitting(arena.predictors[-1], []) if arena.predictors else None
    with arena.executor(None) as executor:
        result = run_race(
            settings, arena.space, arena.metric, arena.trainings, executor, path, draw, refit=refit, seed=arena.seed
        )
    # What the driver computed beside: drawing, and believing anew.
    thought = time.process_time() - start
    return _Heat(result, executor.now + thought, executor.worked + thought)
