"""HAT's evolutionary search (`fairseq/evolution.py`) without its defects, under any schedule of predictors (HS-NAS)."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from foretell.costs import Constraints, CostModel
from foretell.progress import track
from foretell.search.breeding import Breeder
from foretell.search.result import Generation, SearchResult, check_scorers, finish, summarise
from foretell.search.schedule import Schedule
from foretell.search.scorer import Scorer
from foretell.search.settings import Evolution
from foretell.spaces import Population

__all__ = ["evolve"]


def evolve(
    costs: CostModel,
    constraints: Constraints,
    schedule: Schedule,
    scorers: Mapping[str, Scorer],
    settings: Evolution | None = None,
    *,
    seed: int = 0,
    initial: Population | None = None,
) -> SearchResult:
    """Search a space for the best architecture that keeps all limits.

    Unlike the published code the search is seeded, asks for no score twice, scores every architecture it
    makes, returns the best ever seen under the last predictor, and says at once when nothing is feasible.
    Interrupted, it loses the scores that are being computed; the rest is in the scorers' journal.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits.
        schedule: Which predictor scores which iterations.
        scorers: The predictors of the schedule by name.
        settings: Sizes of the population and its parts.
        seed: Of everything random.
        initial: Architectures to begin with, `int16 [n, columns]`; infeasible ones are left out and the
            rest of the first generation is drawn.

    Raises:
        InfeasibleError: No architecture keeps the limits; the message names what can be reached.
        UnknownNameError: The schedule names a predictor that is not there.
    """
    check_scorers(schedule, scorers)
    settings = settings or Evolution()
    breeder = Breeder(costs, constraints, settings, np.random.default_rng(seed))
    start = time.perf_counter()
    crowd = breeder.first(initial)
    history: list[Generation] = []
    with track("searching", schedule.iterations, "iterations") as meter:
        for iteration in range(1, schedule.iterations + 1):
            name = schedule.at(iteration)
            scores = scorers[name].scores(crowd.canonical, survivors=settings.parents)
            history.append(summarise(iteration, name, scorers[name], scores))
            meter.update(iteration, f"best {history[-1].best:.4f}")
            parents = crowd.take(np.argsort(-scores, kind="stable")[: settings.parents])
            if iteration < schedule.iterations:
                crowd = breeder.next(parents)
    elapsed = time.perf_counter() - start
    return finish(costs.space, schedule, scorers, parents.canonical, settings.parents, history, elapsed)
