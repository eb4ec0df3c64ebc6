"""Which architectures to train first: those whose labels would teach a regression most."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError, InputError, UnknownNameError
from foretell.predictors.context import Context
from foretell.predictors.features import feature_matrix, regression_blocks
from foretell.ridge import standardise
from foretell.spaces import Population, SearchSpace

__all__ = ["Design", "select"]

Array = npt.NDArray[np.float64]
Design = Literal["d-optimal", "maximin", "random"]

_POOL = 4000
# How much each block of the default regression is believed to matter before any label: standard deviations
# of its coefficients relative to the noise, the middle of the strengths that `Regression` averages. Products of sizes
# are not looked at: they are believed only where labels ask for them.
_BELIEF = {"log-depths": 1.0, "log-params": 0.6, "averages": 0.3, "per-layer": 0.15}
_ROUNDS = 4


def select(
    space: SearchSpace,
    n: int,
    rng: np.random.Generator,
    *,
    constraints: Constraints | None = None,
    costs: CostModel | None = None,
    pool: Population | None = None,
    known: Population | None = None,
    design: Design = "d-optimal",
) -> Population:
    """Pick architectures to label.

    "d-optimal" maximises the information that their labels give about the coefficients of the default
    regression (the determinant of its posterior precision), so that picks are spread where the regression
    believes differences to matter. "maximin" spreads them evenly: each pick is as far as possible from all
    others.

    Args:
        space: The space.
        n: How many.
        rng: Draws the pool, and the picks of "random".
        constraints: Limits that every pick keeps.
        costs: Computes what the constraints limit; needed with them where latency is limited.
        pool: What to pick from, `int16 [m, columns]`; None: a large random sample, and the two extremes.
        known: Architectures that have labels already, `int16 [k, columns]`; picks complement them.
        design: How to pick.

    Returns:
        `int16 [n, columns]`, canonical, distinct, in the order in which they should be trained: any first
        part of them is a good choice of its size.

    Raises:
        UnknownNameError: There is no such design.
        InfeasibleError: Fewer than `n` architectures of the pool keep the constraints.
        InputError: A number below one.
    """
    if n < 1:
        raise InputError(f"{n} architectures were asked for; at least 1 is needed.")
    if design not in get_args(Design):
        raise UnknownNameError("design", design, get_args(Design))
    known = np.empty((0, space.width), dtype=np.int16) if known is None else space.canonical(known)
    rows = _candidates(space, rng, pool, known, constraints, costs or CostModel(space))
    if len(rows) < n:
        raise InfeasibleError(
            f"only {len(rows)} distinct architectures of the pool can be picked, {n} were asked for; "
            "relax the constraints or ask for fewer."
        )
    if design == "random":
        return rows[rng.permutation(len(rows))[:n]]
    features = _features(space, np.concatenate([known, rows]))
    old, new = features[: len(known)], features[len(known) :]
    picks = _most_informative(old, new, n) if design == "d-optimal" else _farthest(old, new, n)
    return rows[picks]


def _candidates(
    space: SearchSpace,
    rng: np.random.Generator,
    pool: Population | None,
    known: Population,
    constraints: Constraints | None,
    costs: CostModel,
) -> Population:
    if pool is None:
        extremes = space.population([space.smallest(), space.largest()])
        pool = np.concatenate([extremes, space.sample(_POOL, rng)])
    rows = np.unique(space.canonical(pool), axis=0)
    if len(known):
        taken = {row.tobytes() for row in known}
        rows = rows[[row.tobytes() not in taken for row in rows]]
    return rows if constraints is None else rows[constraints.satisfied(costs, rows)]


def _features(space: SearchSpace, rows: Population) -> Array:
    """The default regression's features, scaled by how much each is believed to matter, `[m, p]`."""
    context, names = Context(space), [name for name in regression_blocks(space) if name in _BELIEF]
    blocks = (feature_matrix(name, space, rows, context, context.columns) for name in names)
    return np.hstack([standardise(block)[0] * _BELIEF[name] for name, block in zip(names, blocks, strict=True)])


def _most_informative(old: Array, new: Array, n: int) -> list[int]:
    """Greedy picks by posterior variance, then exchanges while any of them helps."""
    ones = np.ones((len(new), 1))
    z = np.hstack([ones, new])
    base = np.eye(z.shape[1]) + np.hstack([np.ones((len(old), 1)), old]).T @ np.hstack([np.ones((len(old), 1)), old])
    picks: list[int] = []
    for _ in range(n):
        picks.append(_best_addition(base, z, picks))
    for _ in range(_ROUNDS):
        before = list(picks)
        for place in range(n):
            others = picks[:place] + picks[place + 1 :]
            picks[place] = _best_addition(base, z, others)
        if picks == before:
            break
    return picks


def _best_addition(base: Array, z: Array, picks: list[int]) -> int:
    """The candidate whose label is least known given `picks`: it raises the determinant most."""
    covariance = np.linalg.inv(base + z[picks].T @ z[picks])
    variance = np.einsum("np,np->n", z @ covariance, z)
    variance[picks] = -np.inf
    return int(variance.argmax())


def _farthest(old: Array, new: Array, n: int) -> list[int]:
    """Each pick as far as possible from all before it; the first nearest to the middle."""
    if len(old):
        nearest = ((new[:, None] - old[None]) ** 2).sum(axis=2).min(axis=1)
        picks: list[int] = []
    else:
        picks = [int((new**2).sum(axis=1).argmin())]
        nearest = ((new - new[picks[0]]) ** 2).sum(axis=1)
    while len(picks) < n:
        nearest[picks] = -np.inf
        picks.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((new - new[picks[-1]]) ** 2).sum(axis=1))
    return picks
