"""Saying no early: can any architecture keep the limits, and if not, what can be reached?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from foretell.costs.constraint import Constraint
from foretell.errors import InfeasibleError
from foretell.spaces import Population, SearchSpace

if TYPE_CHECKING:
    from foretell.costs.constraint import Constraints
    from foretell.costs.model import CostModel

__all__ = ["Feasibility", "check_feasible", "reachable"]

_SAMPLE = 20_000
_SURVIVORS = 250
_DESCENDANTS = 2_000
_GENERATIONS = 60


@dataclass(frozen=True)
class Feasibility:
    """What the check found.

    Attributes:
        share: Of randomly drawn architectures, how many keep all limits; 0 where only a directed descent
            found any.
        examples: Some that keep all limits, `int16 [n, columns]` with n at least 1.
    """

    share: float
    examples: Population


def reachable(costs: CostModel, cost: str, rng: np.random.Generator) -> tuple[float, float]:
    """The smallest and the largest value of a cost that was found in a space.

    Exact for a family's parameters and FLOPs, which grow with every gene; else the extremes that a descent from a
    large sample finds.
    """
    constraint = Constraint(cost, "<=", 0.0, cost)
    low, high = _extremes(constraint, costs, _pool(costs.space, rng), rng)
    return low, high


def check_feasible(constraints: Constraints, costs: CostModel, rng: np.random.Generator) -> Feasibility:
    """See `Constraints.check_feasible`."""
    pool = _pool(costs.space, rng)
    kept = constraints.satisfied(costs, pool)
    # The two extremes lead the pool; they are no random draws.
    share = float(kept[2:].mean())
    if kept.any():
        return Feasibility(share, pool[kept])
    for item in constraints:
        _check_alone(item, costs, pool, rng)
    found = _descend(lambda rows: np.maximum(constraints.excess(costs, rows), 0.0).sum(axis=1), pool, costs.space, rng)
    kept = constraints.satisfied(costs, found)
    if kept.any():
        return Feasibility(share, found[kept])
    raise InfeasibleError(
        f"no architecture of {costs.space.name} was found that keeps {constraints} together, though each can be "
        f"kept alone; the nearest found has {_describe(constraints, costs, found[:1])}: relax one of them."
    )


def _pool(space: SearchSpace, rng: np.random.Generator) -> Population:
    extremes = space.population([space.smallest(), space.largest()])
    return np.concatenate([extremes, space.sample(_SAMPLE, rng)])


def _check_alone(item: Constraint, costs: CostModel, pool: Population, rng: np.random.Generator) -> None:
    low, high = _extremes(item, costs, pool, rng)
    if item.holds(np.array([low, high])).any():
        return
    found, side = (low, "smallest") if item.is_upper else (high, "largest")
    direction = "raise" if item.is_upper else "lower"
    raise InfeasibleError(
        f"no architecture of {costs.space.name} keeps {item}: the {side} reachable "
        f"{item.cost} value is {item.format(found)} (the range is {item.format(low)} to {item.format(high)}); "
        f"{direction} the limit."
    )


def _extremes(item: Constraint, costs: CostModel, pool: Population, rng: np.random.Generator) -> tuple[float, float]:
    """The smallest and largest value of the constrained cost."""
    family = costs.space.family
    if family is not None and item.cost in family.costs:
        low, high = item.values(costs, pool[:2])
        return float(low), float(high)
    lowest = _descend(lambda rows: item.values(costs, rows), pool, costs.space, rng, generations=10)
    highest = _descend(lambda rows: -item.values(costs, rows), pool, costs.space, rng, generations=10)
    low, high = item.values(costs, np.concatenate([lowest[:1], highest[:1]]))
    return float(low), float(high)


def _describe(constraints: Constraints, costs: CostModel, row: Population) -> str:
    values = constraints.values(costs, row)
    return ", ".join(f"{item.cost} {item.format(float(v[0]))}" for item, v in zip(constraints, values, strict=True))


def _descend(
    objective: Callable[[Population], npt.NDArray[np.float64]],
    population: Population,
    space: SearchSpace,
    rng: np.random.Generator,
    generations: int = _GENERATIONS,
) -> Population:
    """The rows with the lowest objective that a short evolution finds, lowest first."""
    best = _lowest(objective, population)
    for _ in range(generations):
        parents = best[rng.integers(len(best), size=(2, _DESCENDANTS))]
        children = space.mutate(space.crossover(parents[0], parents[1], rng), 1.5 / space.width, rng)
        best = _lowest(objective, np.concatenate([best, children]))
    return best


def _lowest(objective: Callable[[Population], npt.NDArray[np.float64]], population: Population) -> Population:
    return population[np.argsort(objective(population), kind="stable")[:_SURVIVORS]]
