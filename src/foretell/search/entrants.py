"""Who races: architectures drawn from a posterior like Thompson's samples, high and different from one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.predictors.base import Predictor
from foretell.search.rules import climbed, feasible_pool
from foretell.search.rung_model import Belief
from foretell.spaces import Population, SearchSpace

__all__ = [
    "Candidates",
    "Entrants",
    "TooFewEntrantsError",
    "candidates_under",
    "draw_entrants",
    "posterior_of",
    "refuse_few",
    "together",
]

Vector = npt.NDArray[np.float64]
Posterior = Callable[[Population], tuple[Vector, Vector]]

_WORTH = 0.6
"""Correlation with final quality that is believed of a score that does not say how sure it is."""
_OPTIMISM = (0.0, 1.0, 2.0)
"""Standard deviations above the mean that candidates are climbed for."""
_APART = 0.1
"""Share of the columns that entrants differ in, as long as there are such candidates."""
_WAVES = 256


class TooFewEntrantsError(InputError):
    """Fewer architectures than shall race keep the limits."""


@dataclass(frozen=True)
class Candidates:
    """Architectures that may race.

    Attributes:
        rows: Canonical, distinct, each keeps the limits, `int16 [n, columns]`.
        mean: Goodness that is believed of each, `[n]`.
        std: Standard deviation of each, `[n]`.
        middle: Mean goodness of random architectures under the limits.
        spread: Standard deviation of theirs, what is not known of them included.
    """

    rows: Population
    mean: Vector
    std: Vector
    middle: float = 0.0
    spread: float = 1.0


@dataclass(frozen=True)
class Entrants:
    """Architectures that race, in the order in which they were drawn.

    Attributes:
        rows: `int16 [n, columns]`.
        prior: What is believed of them before any training.
        mean: Of their goodness, in the unit of the metric where the predictor is calibrated, `[n]`.
        std: Of each, `[n]`.
    """

    rows: Population
    prior: Belief
    mean: Vector
    std: Vector

    def __len__(self) -> int:
        return len(self.rows)

    def believed(self, goodness: Vector, std: Vector) -> Belief:
        """What is said of all entrants in the unit of their goodness, in that of their prior."""
        sure = float(self.std.max())
        spread = sure / float(self.prior.std.max()) if sure > 0 and self.prior.std.max() > 0 else 1.0
        middle = float((self.mean - spread * self.prior.mean).mean())
        return Belief((goodness - middle) / spread, std / spread)

    def take(self, places: npt.NDArray[np.intp]) -> Entrants:
        """Some of them."""
        prior = Belief(self.prior.mean[places], self.prior.std[places])
        return Entrants(self.rows[places], prior, self.mean[places], self.std[places])


def posterior_of(predictor: Predictor) -> Posterior:
    """Goodness and its standard deviation by a fitted predictor.

    A score that does not say how sure it is, or that only ranks, is taken to correlate with final quality as simple
    scores do; it is then in standard deviations of the scores that are asked for together.
    """

    def posterior(rows: Population) -> tuple[Vector, Vector]:
        said = predictor.compare(rows)
        goodness = predictor.goodness(said)
        if predictor.calibrated and said.std is not None and np.isfinite(said.std).all():
            return goodness, said.std
        return standardised(goodness)

    return posterior


def standardised(scores: Vector) -> tuple[Vector, Vector]:
    """Scores that only rank, as goodness with a standard deviation, each `[n]`."""
    finite = scores[np.isfinite(scores)]
    scale = float(finite.std()) if len(finite) else 0.0
    middle = float(finite.mean()) if len(finite) else 0.0
    mean = _WORTH * (scores - middle) / scale if scale > 0 else scores - middle
    return mean, np.full(len(scores), np.sqrt(1 - _WORTH**2))


def candidates_under(
    costs: CostModel,
    constraints: Constraints,
    posterior: Posterior | None,
    rng: np.random.Generator,
    *,
    pool: Population | None = None,
    more: Population | None = None,
) -> Candidates:
    """A large sample under the limits, and what climbs from it find, with what is believed of them.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits.
        posterior: Goodness and its standard deviation; None: nothing is known of anything.
        rng: Draws.
        pool: All that can race, `int16 [n, columns]`, where only those have labels; None: the whole space.
        more: Rows to consider besides, `int16 [k, columns]`; those that keep the limits.

    Raises:
        InfeasibleError: No architecture keeps the limits.
    """
    rows = feasible_pool(costs, constraints, rng, pool=pool)
    drawn = len(rows)
    if more is not None and len(more):
        kept = more[constraints.satisfied(costs, more)]
        rows = _distinct(np.concatenate([rows, costs.space.canonical(kept)]))
    if posterior is None:
        return Candidates(rows, np.zeros(len(rows)), np.ones(len(rows)))
    if pool is None:
        found = [climbed(_upper(posterior, each), rows, costs, constraints, rng) for each in _OPTIMISM]
        rows = _distinct(np.concatenate([rows, *found]))
    mean, std = posterior(rows)
    known = np.isfinite(mean)
    random = mean[:drawn][known[:drawn]]
    variance = random.var() + np.mean(std[:drawn][known[:drawn]] ** 2) if len(random) else 1.0
    middle = float(random.mean()) if len(random) else 0.0
    return Candidates(rows[known], mean[known], std[known], middle, float(np.sqrt(variance)) or 1.0)


def refuse_few(space: SearchSpace, found: int, count: int, besides: str = "") -> None:
    """Refuse a race with more entrants than there are candidates.

    Raises:
        TooFewEntrantsError: There are fewer.
    """
    if found < count:
        raise TooFewEntrantsError(
            f"the race has {count} entrants, but only {found} architectures of {space.name} that keep the "
            f"limits were found{besides}; ask for fewer entrants, or relax a limit."
        )


def draw_entrants(
    space: SearchSpace,
    candidates: Candidates,
    count: int,
    rng: np.random.Generator,
    *,
    first: Population | None = None,
    taken: Population | None = None,
) -> Entrants:
    """Draw entrants one after the other: each is the best under another plausible truth.

    The first is the one that is believed best. A plausible truth is the mean and, times its standard deviation, a
    random smooth function of the genes, so that architectures that are alike are wrong alike. Entrants differ from one
    another in several columns, as long as there are candidates that do.

    Args:
        space: The space.
        candidates: Who may race.
        count: How many are wanted.
        rng: Draws.
        first: Rows that race in any case, `int16 [k, columns]`; those of them that are candidates.
        taken: Rows that do not, `int16 [m, columns]`.

    Raises:
        TooFewEntrantsError: There are fewer candidates.
    """
    free = ~_among(candidates.rows, taken) if taken is not None and len(taken) else np.ones(len(candidates.rows), bool)
    refuse_few(space, int(free.sum()), count, " besides those that are trained already" if taken is not None else "")
    picks = [] if first is None else _places(candidates.rows, first, free)[:count]
    truths = _Truths(space, candidates)
    while len(picks) < count:
        value = candidates.mean if not picks else truths.draw(rng)
        picks.append(_best(value, candidates.rows, picks, free))
    chosen = np.array(picks, dtype=np.intp)
    mean, std = candidates.mean[chosen], candidates.std[chosen]
    prior = Belief((mean - candidates.middle) / candidates.spread, std / candidates.spread)
    return Entrants(candidates.rows[chosen], prior, mean, std)


class _Truths:
    """Random functions that the posterior allows, by random Fourier features of a Gaussian process."""

    def __init__(self, space: SearchSpace, candidates: Candidates) -> None:
        self.candidates = candidates
        features = space.features(candidates.rows, "one-hot")
        features = features[:, features.std(axis=0) > 0]
        self.features = features / np.sqrt(max(2.0 * float(features.var(axis=0).sum()), 1e-12))

    def draw(self, rng: np.random.Generator) -> Vector:
        """Goodness of all candidates, `[n]`."""
        frequencies = rng.normal(size=(self.features.shape[1], _WAVES))
        phases = rng.uniform(0, 2 * np.pi, _WAVES)
        waves = np.cos(self.features @ frequencies + phases) @ rng.normal(size=_WAVES) * np.sqrt(2 / _WAVES)
        truth: Vector = self.candidates.mean + self.candidates.std * waves
        return truth


def _best(value: Vector, rows: Population, picks: list[int], free: npt.NDArray[np.bool_]) -> int:
    """The candidate of the highest value that is free and far enough from all picks; or just not one of them."""
    order = np.flatnonzero(free)[np.argsort(-value[free], kind="stable")]
    if not picks:
        return int(order[0])
    apart = (rows[order][:, None] != rows[picks][None]).sum(axis=2).min(axis=1)
    for least in (max(2, round(_APART * rows.shape[1])), 2, 1):
        fit = np.flatnonzero(apart >= least)
        if len(fit):
            return int(order[fit[0]])
    raise AssertionError("there are as many free candidates as picks")


def _upper(posterior: Posterior, times: float) -> Callable[[Population], Vector]:
    def upper(rows: Population) -> Vector:
        mean, std = posterior(rows)
        return mean + times * std

    return upper


def _among(rows: Population, others: Population) -> npt.NDArray[np.bool_]:
    known = {row.tobytes() for row in others}
    return np.array([row.tobytes() in known for row in rows], dtype=bool)


def _places(rows: Population, wanted: Population, free: npt.NDArray[np.bool_]) -> list[int]:
    """Where rows stand among the candidates, each once."""
    where = {row.tobytes(): place for place, row in enumerate(rows) if free[place]}
    return list(dict.fromkeys(where[row.tobytes()] for row in wanted if row.tobytes() in where))


def together(space: SearchSpace, *parts: Population | None) -> Population:
    """The rows of all parts that there are, canonical, each once, in the order in which they first stand."""
    rows = np.concatenate([np.empty((0, space.width), np.int16), *(part for part in parts if part is not None)])
    return _distinct(space.canonical(rows))


def _distinct(rows: Population) -> Population:
    """Each row once, in the order in which they first stand."""
    return rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
