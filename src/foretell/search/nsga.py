"""NSGA-II (Deb et al. 2002): the trade-offs between score and costs, instead of one winner."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel
from foretell.costs.model import cost_name
from foretell.progress import track
from foretell.search.breeding import Breeder, Crowd
from foretell.search.dominance import crowding, dominance_ranks, non_dominated
from foretell.search.keys import from_keys
from foretell.search.result import Front, Generation, SearchResult, check_scorers, finish, summarise
from foretell.search.schedule import Schedule
from foretell.search.scorer import Scorer
from foretell.search.settings import Evolution
from foretell.spaces import Population

__all__ = ["nsga2"]

Values = npt.NDArray[np.float64]


def nsga2(
    costs: CostModel,
    constraints: Constraints,
    schedule: Schedule,
    scorers: Mapping[str, Scorer],
    settings: Evolution | None = None,
    *,
    seed: int = 0,
    initial: Population | None = None,
    objectives: Sequence[str] | None = None,
) -> SearchResult:
    """Search for all architectures of which none is better in score and every cost at once.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits; every architecture keeps them.
        schedule: Which predictor scores which iterations.
        scorers: The predictors of the schedule by name.
        settings: `population` and `parents` alone matter, besides the mutation probability: the parents are
            what survives an iteration.
        seed: Of everything random.
        initial: Architectures to begin with, `int16 [n, columns]`.
        objectives: Costs to keep low; None: latency where it was measured, and parameters.

    Returns:
        As `evolve`, with `front`: the front of all that the last predictor ever scored.

    Raises:
        InfeasibleError: No architecture keeps the limits.
        UnknownNameError: The schedule names a predictor that is not there, or an objective is no cost.
    """
    check_scorers(schedule, scorers)
    settings = settings or Evolution(parents=60, mutations=65, crossovers=0)
    names = _objectives(costs, objectives)
    rng = np.random.default_rng(seed)
    breeder = Breeder(costs, constraints, settings, rng)
    start = time.perf_counter()
    crowd = breeder.first(initial)
    history: list[Generation] = []
    with track("searching", schedule.iterations, "iterations") as meter:
        for iteration in range(1, schedule.iterations + 1):
            name = schedule.at(iteration)
            scores = scorers[name].scores(crowd.canonical)
            history.append(summarise(iteration, name, scorers[name], scores))
            meter.update(iteration, f"best {history[-1].best:.4f}")
            order = _select(_values(costs, crowd.canonical, scores, names), settings.parents)
            parents = crowd.take(order)
            if iteration < schedule.iterations:
                crowd = _brood(breeder, parents, settings, rng)
    last, elapsed = scorers[schedule.at(schedule.iterations)], time.perf_counter() - start
    return finish(
        costs.space,
        schedule,
        scorers,
        parents.canonical,
        settings.parents,
        history,
        elapsed,
        lambda: _front(costs, last, names),
    )


def _objectives(costs: CostModel, wanted: Sequence[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return tuple(name for name in ("latency_ms", "parameters") if name in costs.available)
    return tuple(dict.fromkeys(cost_name(name) for name in wanted))


def _values(costs: CostModel, population: Population, scores: Values, names: Sequence[str]) -> Values:
    """What is to be small, [n, 1 + costs]: minus the score, then the costs."""
    found = costs.costs(population, names)
    return np.stack([-scores, *(found[name] for name in names)], axis=1)


def _select(values: Values, count: int) -> npt.NDArray[np.intp]:
    """The indices that survive, best first: by front, then by how lonely they stand on it."""
    ranks = dominance_ranks(values, count)
    return np.lexsort((-crowding(values, ranks), ranks))[:count]


def _brood(breeder: Breeder, parents: Crowd, settings: Evolution, rng: np.random.Generator) -> Crowd:
    """The parents and their children; of two drawn parents the one that survived first begets."""

    def draw(n: int) -> Population:
        first, second = rng.integers(len(parents.rows), size=(2, n, 2)).min(axis=2)
        children = breeder.space.crossover(parents.rows[first], parents.rows[second], rng)
        return breeder.space.mutate(children, settings.mutation_probability / 4, rng)

    born = breeder.more(draw, settings.population - len(parents.rows), parents)
    return Crowd(*(np.concatenate(pair) for pair in zip(parents, born, strict=True)))


def _front(costs: CostModel, scorer: Scorer, names: tuple[str, ...]) -> Front:
    keys = scorer.best(len(scorer.used))
    rows = from_keys(keys, costs.space.width)
    scores = np.array([scorer.known[key] for key in keys])
    values = _values(costs, rows, scores, names)
    chosen = np.flatnonzero(non_dominated(values))
    found = values[chosen]
    found[:, 0] = scores[chosen]
    return Front(rows[chosen], ("score", *names), found)
