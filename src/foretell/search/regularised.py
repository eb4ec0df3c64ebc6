"""Regularised evolution (Real et al. 2019, arXiv 1802.01548): parents win tournaments, and the oldest die."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from foretell.costs import Constraints, CostModel
from foretell.progress import track
from foretell.search.breeding import Breeder, Crowd
from foretell.search.result import Generation, SearchResult, check_scorers, finish, summarise
from foretell.search.schedule import Schedule
from foretell.search.scorer import Scorer
from foretell.search.settings import Evolution
from foretell.spaces import Population

__all__ = ["Ageing", "regularised_evolution"]


class Ageing(BaseModel):
    """The settings of regularised evolution.

    Attributes:
        population: Architectures alive at a time.
        children: Born in each iteration; as many of the oldest die.
        tournament: Drawn for each child; the best of them is its parent.
        mutation_probability: Of one gene's being redrawn; the published search changes one gene.
        finalists: How many of the best the result names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    population: int = Field(default=125, ge=4)
    children: int = Field(default=100, ge=1)
    tournament: int = Field(default=10, ge=1)
    mutation_probability: float = Field(default=0.05, gt=0, le=1)
    finalists: int = Field(default=25, ge=1)


def regularised_evolution(
    costs: CostModel,
    constraints: Constraints,
    schedule: Schedule,
    scorers: Mapping[str, Scorer],
    settings: Ageing | None = None,
    *,
    seed: int = 0,
    initial: Population | None = None,
) -> SearchResult:
    """Search as `evolve` does, by tournaments among the living, of whom the oldest die however good they are.

    Ageing keeps the search from sitting on one lucky score. Children of an iteration are born together, so
    that predictors score whole populations.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits; every architecture keeps them.
        schedule: Which predictor scores which iterations.
        scorers: The predictors of the schedule by name.
        settings: Sizes.
        seed: Of everything random.
        initial: Architectures to begin with, `int16 [n, columns]`.

    Raises:
        InfeasibleError: No architecture keeps the limits.
        UnknownNameError: The schedule names a predictor that is not there.
    """
    check_scorers(schedule, scorers)
    settings = settings or Ageing()
    rng = np.random.default_rng(seed)
    breeder = Breeder(costs, constraints, _sizes(settings), rng)
    start = time.perf_counter()
    living = breeder.first(initial)
    history: list[Generation] = []
    with track("searching", schedule.iterations, "iterations") as meter:
        for iteration in range(1, schedule.iterations + 1):
            name = schedule.at(iteration)
            scores = scorers[name].scores(living.canonical)
            history.append(summarise(iteration, name, scorers[name], scores))
            meter.update(iteration, f"best {history[-1].best:.4f}")
            best = living.canonical[np.argsort(-scores, kind="stable")[: settings.finalists]]
            if iteration < schedule.iterations:
                parents = living.rows

                def draw(n: int, scores: np.ndarray = scores, parents: Population = parents) -> Population:
                    rivals = rng.integers(len(parents), size=(n, settings.tournament))
                    winners = rivals[np.arange(n), scores[rivals].argmax(axis=1)]
                    return costs.space.mutate(parents[winners], settings.mutation_probability, rng)

                born = breeder.more(draw, settings.children, living)
                # Rows stand in order of age, the oldest first.
                living = Crowd(
                    *(np.concatenate(pair)[-settings.population :] for pair in zip(living, born, strict=True))
                )
    return finish(costs.space, schedule, scorers, best, settings.finalists, history, time.perf_counter() - start)


def _sizes(settings: Ageing) -> Evolution:
    half = settings.population // 2
    return Evolution(population=settings.population, parents=half, mutations=settings.population - half, crossovers=0)
