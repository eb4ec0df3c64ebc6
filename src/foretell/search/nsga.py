"""NSGA-II (Deb et al. 2002): the trade-offs between goodness and costs, instead of one winner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.costs import CostModel, cost_name
from foretell.errors import InputError
from foretell.search.algorithm import Goodness, Setting
from foretell.search.breeding import Crowd
from foretell.search.dominance import crowding, dominance_ranks, non_dominated
from foretell.search.generations import Generations
from foretell.search.result import Front
from foretell.spaces import Population

__all__ = ["Nsga2", "trade_offs", "traded_costs"]

Values = npt.NDArray[np.float64]


class Nsga2(Generations):
    """Of each generation survives what nothing beats in goodness and every cost at once, the loneliest first.

    Half of a generation survives; the others are children of two survivors each, of which of two drawn the one that
    survived first begets.

    Attributes:
        against: The costs that are kept low (`traded_costs`).
    """

    def __init__(self, setting: Setting) -> None:
        self.against = traded_costs(setting.costs, setting.against)
        super().__init__(setting)

    def breed(self, crowd: Crowd, scores: Goodness) -> Crowd:
        """See `Generations.breed`."""
        values = _values(self.costs, crowd.canonical, scores, self.against)
        survivors = max(2, self.settings.population // 2)
        ranks = dominance_ranks(values, survivors)
        parents = crowd.take(np.lexsort((-crowding(values, ranks), ranks))[:survivors])

        def draw(n: int) -> Population:
            first, second = self.rng.integers(len(parents.rows), size=(2, n, 2)).min(axis=2)
            children = self.costs.space.crossover(parents.rows[first], parents.rows[second], self.rng)
            return self.costs.space.mutate(children, self.settings.mutation_probability / 4, self.rng)

        born = self.breeder.more(draw, self.settings.population - len(parents.rows), parents)
        return Crowd(*(np.concatenate(pair) for pair in zip(parents, born, strict=True)))


def traded_costs(costs: CostModel, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
    """The full names of the costs that goodness is traded against.

    Args:
        costs: The space, and what is known of the device.
        wanted: Names; None: latency where it was measured, and parameters; else all costs that the space declares.

    Raises:
        InputError: The space has no costs.
    """
    if wanted is not None:
        return tuple(dict.fromkeys(cost_name(name) for name in wanted))
    usual = tuple(name for name in ("latency_ms", "parameters") if name in costs.available)
    if not costs.available:
        raise InputError(
            f"nsga2 trades the metric against costs, and the space {costs.space.name} declares none; give it `costs`, "
            "or choose another algorithm."
        )
    return usual or costs.available


def trade_offs(costs: CostModel, rows: Population, scores: Goodness, against: Sequence[str]) -> Front:
    """Of some architectures those that no other beats in score and all costs.

    Args:
        costs: What each costs.
        rows: Canonical, `int16 [n, columns]`.
        scores: Higher is better, `float64 [n]`.
        against: Full names of costs.
    """
    order = np.argsort(-scores, kind="stable")
    rows, scores = rows[order], scores[order]
    values = _values(costs, rows, scores, against)
    chosen = np.flatnonzero(non_dominated(values))
    found = values[chosen]
    found[:, 0] = scores[chosen]
    return Front(rows[chosen], ("score", *against), found)


def _values(costs: CostModel, population: Population, scores: Goodness, names: Sequence[str]) -> Values:
    """What is to be small, `[n, 1 + costs]`: minus the score, then the costs."""
    found = costs.costs(population, names)
    return np.stack([-scores, *(found[name] for name in names)], axis=1)
