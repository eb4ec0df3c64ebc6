"""A search that predictors judge: any algorithm under any schedule of predictors (HAT, HS-NAS)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from foretell.costs import Constraints, CostModel
from foretell.metrics import metric_from
from foretell.progress import track
from foretell.search.algorithm import Setting
from foretell.search.algorithms import create
from foretell.search.keys import from_keys
from foretell.search.nsga import Nsga2, trade_offs
from foretell.search.result import Front, Generation, SearchResult, check_scorers, finish, summarise
from foretell.search.schedule import Schedule
from foretell.search.scorer import Scorer
from foretell.search.settings import Evolution, Propose
from foretell.spaces import Population

__all__ = ["evolve", "search_by_schedule"]


def search_by_schedule(
    costs: CostModel,
    constraints: Constraints,
    schedule: Schedule,
    scorers: Mapping[str, Scorer],
    settings: Evolution | None = None,
    *,
    algorithm: str = "evolution",
    seed: int = 0,
    initial: Population | None = None,
    against: Sequence[str] | None = None,
    propose: Propose | None = None,
    task: str = "",
    enough: Callable[[], bool] = lambda: False,
) -> SearchResult:
    """Search a space for the best architecture that keeps all limits.

    It is seeded, asks for no score twice, returns the best ever seen under the last predictor, and says at once when
    nothing is feasible. Interrupted, it loses the scores that are being computed; the rest is in the scorers'
    journal.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits.
        schedule: Which predictor scores which iterations.
        scorers: The predictors of the schedule by name.
        settings: `population` architectures are scored in an iteration; other sizes are evolution's.
        algorithm: See `foretell.search.algorithms`.
        seed: Of everything random.
        initial: Architectures to begin with, `int16 [n, columns]`; infeasible ones are left out and the rest of the
            first generation is drawn.
        against: Costs that nsga2 trades the score against; None: `traded_costs`.
        propose: The language model that proposes; what it is shown are the predictor's scores.
        task: What the networks are for, in words for that model.
        enough: Asked after each iteration; where it says so, the last predictor judges what there is.

    Returns:
        What was found; with `front`, the trade-offs of all that the last predictor scored, for nsga2.

    Raises:
        InfeasibleError: No architecture keeps the limits; the message names what can be reached.
        UnknownNameError: The schedule names a predictor that is not there; or there is no such algorithm.
    """
    check_scorers(schedule, scorers)
    settings = settings or Evolution()
    evaluations = settings.population * schedule.iterations
    score = metric_from({"name": "score", "higher_is_better": True})
    setting = Setting(costs, constraints, score, settings, seed, evaluations, propose=propose, task=task)
    setting = replace(setting, initial=initial, against=None if against is None else tuple(against))
    running = create(algorithm, setting)
    start = time.perf_counter()
    history: list[Generation] = []
    with track("searching", schedule.iterations, "iterations") as meter:
        for iteration in range(1, schedule.iterations + 1):
            name = schedule.at(iteration)
            if iteration > 1 and name != schedule.at(iteration - 1):
                running.other_judge()
            fresh = running.ask(settings.population)
            if not len(fresh.rows):
                break  # all that keeps the limits has been scored
            asked = fresh
            scores = scorers[name].scores(asked.rows, survivors=running.survivors)
            running.tell(asked.numbers, scores)
            history.append(summarise(iteration, name, scorers[name], scores))
            meter.update(iteration, f"best {history[-1].best:.4f}")
            if enough():
                break
    parents = asked.rows[np.argsort(-scores, kind="stable")[: settings.parents]]
    last, elapsed = scorers[schedule.at(schedule.iterations)], time.perf_counter() - start
    front = None
    if isinstance(running, Nsga2):
        traded = running.against

        def front() -> Front:
            keys = last.best(len(last.used))
            rows, scores = from_keys(keys, costs.space.width), np.array([last.known[key] for key in keys])
            return trade_offs(costs, rows, scores, traded)

    found = finish(costs.space, schedule, scorers, parents, settings.parents, history, elapsed, front)
    return replace(found, proposals=running.proposals)


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
    """`search_by_schedule` by evolution, as HAT and HS-NAS search."""
    return search_by_schedule(costs, constraints, schedule, scorers, settings, seed=seed, initial=initial)
