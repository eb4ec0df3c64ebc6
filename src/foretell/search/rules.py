"""Simple rules: what one would pick under the limits without any search, to hold a search against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel, counted_costs
from foretell.errors import InfeasibleError
from foretell.predictors.base import Predictor
from foretell.spaces import Population, SearchSpace

__all__ = ["Rule", "climbed", "feasible_pool", "highest", "simple_rules", "uniformly_scaled"]

Vector = npt.NDArray[np.float64]
Values = Callable[[Population], Vector]

_DRAWN = 10_000
_ENOUGH = 2_000
"""Feasible architectures in a pool, below which relatives of those that keep the limits are drawn besides."""
_ROUNDS = 15
_PARENTS, _CHILDREN = 40, 800
_STEPS = 1001
_SIZES = (
    ("most-flops", "flops", "the most FLOPs under the limits"),
    ("most-parameters", "parameters", "the most parameters under the limits"),
)


@dataclass(frozen=True)
class Rule:
    """What one simple rule picks.

    Attributes:
        name: "most-flops", "most-parameters", "uniform", "random", or the predictor that likes it best.
        about: The rule in a few words.
        row: The architecture, `int16 [1, columns]`, canonical.
    """

    name: str
    about: str
    row: Population


def simple_rules(
    costs: CostModel,
    constraints: Constraints,
    *,
    seed: int = 0,
    predictors: Sequence[Predictor] = (),
    pool: Population | None = None,
) -> list[Rule]:
    """What simple rules pick under the limits; as many of them as the space has costs for.

    Args:
        costs: The space, and what its architectures cost.
        constraints: Limits that every pick keeps.
        seed: Of everything random.
        predictors: Fitted ones: what each likes best is a rule of its name.
        pool: All that can be picked, `int16 [n, columns]`, where only those have labels; None: the whole space.

    Returns:
        In a fixed order: sizes, the uniformly scaled one, predictors, a random one.

    Raises:
        InfeasibleError: No architecture keeps the limits.
    """
    rng = np.random.default_rng([seed, 0x51])
    open_end = pool is None
    rows = feasible_pool(costs, constraints, rng, pool=pool)

    def best(values: Values) -> Population:
        return highest(values, rows, costs, constraints, rng) if open_end else _top(values, rows, 1)

    rules = []
    for name, cost, about in _SIZES:
        if cost in costs.available:
            rules.append(Rule(name, about, best(partial(costs.cost, name=cost))))
    scaled = uniformly_scaled(costs, constraints) if open_end else None
    if scaled is not None:
        rules.append(Rule("uniform", "the largest uniformly scaled architecture that fits", scaled))
    for predictor in predictors:
        about = f"what {predictor.name} likes best"
        rules.append(Rule(predictor.name, about, best(partial(_liked, predictor))))
    place = int(rng.integers(len(rows)))
    rules.append(Rule("random", "a random architecture under the limits", rows[place : place + 1]))
    return rules


def feasible_pool(
    costs: CostModel,
    constraints: Constraints,
    rng: np.random.Generator,
    *,
    size: int = _DRAWN,
    pool: Population | None = None,
) -> Population:
    """A large sample of distinct architectures that keep the limits.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits.
        rng: Draws them.
        size: How many to draw, of which those that keep the limits are returned.
        pool: Draw nothing and take these, `int16 [n, columns]`.

    Returns:
        Canonical rows, `int16 [m, columns]`, m at least 1, in the order of their bytes.

    Raises:
        InfeasibleError: None keeps the limits.
    """
    space = costs.space
    if pool is None:
        extremes = space.population([space.smallest(), space.largest()])
        pool = np.concatenate([extremes, space.sample(size, rng)])
        rows = _kept(pool, costs, constraints)
        if len(rows) < min(_ENOUGH, size):
            examples = constraints.check_feasible(costs, rng).examples
            chosen = examples[rng.integers(len(examples), size=size)]
            rows = _kept(np.concatenate([rows, examples, _mutants(space, chosen, rng)]), costs, constraints)
        return rows
    rows = _kept(pool, costs, constraints)
    if not len(rows):
        constraints.check_feasible(costs, rng)  # says what can be reached, where nothing in the space keeps them
        raise InfeasibleError(f"no architecture of {space.name} on record keeps {constraints}; relax it.")
    return rows


def highest(
    values: Values, pool: Population, costs: CostModel, constraints: Constraints, rng: np.random.Generator
) -> Population:
    """The architecture with the highest value that `climbed` finds, `int16 [1, columns]`."""
    return climbed(values, pool, costs, constraints, rng)[:1]


def climbed(
    values: Values, pool: Population, costs: CostModel, constraints: Constraints, rng: np.random.Generator
) -> Population:
    """Architectures of high values that a climb from a pool finds, best first, `int16 [k, columns]`.

    Args:
        values: Of rows `[n, columns]`, `float64 [n]`; NaN counts as lowest.
        pool: Canonical rows that keep the limits, where the climb begins.
        costs: The space, and what its architectures cost.
        constraints: Limits that are kept.
        rng: Draws mutants and crossovers.
    """
    space = costs.space
    best = _top(values, pool, _PARENTS)
    for _ in range(_ROUNDS):
        pairs = rng.integers(len(best), size=(2, _CHILDREN))
        children = _mutants(space, space.crossover(best[pairs[0]], best[pairs[1]], rng), rng)
        best = _top(values, _kept(np.concatenate([best, children]), costs, constraints), _PARENTS)
    return best


def uniformly_scaled(costs: CostModel, constraints: Constraints) -> Population | None:
    """The largest architecture under the limits all of whose sizes stand at the same share of their ranges.

    Every gene of numbers that some counted cost depends on takes the choice at that share of its choices, the same in
    all layers; the others stay in the middle, words at their first choice.

    Returns:
        `int16 [1, columns]`, canonical; None where the space counts no cost, or none of them keeps the limits.
    """
    space = costs.space
    if not counted_costs(space):
        return None
    shares = np.linspace(0.0, 1.0, _STEPS)
    rows = np.zeros((len(shares), space.width), dtype=np.int16)
    for gene in space.genes:
        columns = space.columns(gene.name)
        if gene.ordered:
            order = np.argsort(gene.numbers, kind="stable")
            scale = shares if _counts(gene.name, costs) else np.full_like(shares, 0.5)
            rows[:, columns] = order[np.round(scale * (len(order) - 1)).astype(np.intp)][:, None]
    rows = space.canonical(rows)
    kept = np.flatnonzero(constraints.satisfied(costs, rows))
    return rows[kept[-1:]] if len(kept) else None


def _counts(gene: str, costs: CostModel) -> bool:
    """Whether any cost that the genes decide depends on a gene."""
    space = costs.space
    rows = space.sample(64, np.random.default_rng(0))
    columns = space.columns(gene)
    other = rows.copy()
    other[:, columns] = (other[:, columns] + 1) % len(space.gene(gene).choices)
    names = list(counted_costs(space))  # no latency: what is measured may say something else the next time
    before, after = costs.costs(rows, names), costs.costs(other, names)
    return any(not np.array_equal(before[name], after[name]) for name in before)


def _liked(predictor: Predictor, rows: Population) -> Vector:
    return predictor.goodness(predictor.predict(rows))


def _top(values: Values, rows: Population, count: int) -> Population:
    """The rows with the highest values, best first; the order of the rows breaks ties."""
    found = values(rows)
    return rows[np.argsort(-np.where(np.isnan(found), -np.inf, found), kind="stable")[:count]]


def _mutants(space: SearchSpace, rows: Population, rng: np.random.Generator) -> Population:
    return space.mutate(rows, 2.0 / space.width, rng)


def _kept(rows: Population, costs: CostModel, constraints: Constraints) -> Population:
    """Those that keep the limits, canonical, each once."""
    rows = np.unique(costs.space.canonical(rows), axis=0)
    return rows if not len(constraints) else rows[constraints.satisfied(costs, rows)]
