"""Regularised evolution (Real et al. 2019, arXiv 1802.01548): parents win tournaments, and the oldest die."""

from __future__ import annotations

import numpy as np

from foretell.search.algorithm import Goodness, Setting
from foretell.search.breeding import Crowd
from foretell.search.generations import Generations
from foretell.spaces import Population

__all__ = ["Regularised"]

_RIVALS = 0.08
"""Share of the living that compete for each child: 10 of 125."""
_MUTATION = 0.05
"""Probability of one gene's being redrawn; the published search changes one gene, which is the least here, too."""


class Regularised(Generations):
    """Tournaments among the living, of whom the oldest die however good they are.

    Ageing keeps the search from sitting on one lucky score. Children of a generation are born together, so that
    predictors score whole populations: as many as `mutations` and `crossovers` together; as many of the oldest die.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._rivals = max(2, round(_RIVALS * self.settings.population))
        self._mutation = max(_MUTATION, 1.0 / setting.costs.space.width)

    def breed(self, crowd: Crowd, scores: Goodness) -> Crowd:
        """See `Generations.breed`; rows stand in order of age, the oldest first."""

        def draw(n: int) -> Population:
            rivals = self.rng.integers(len(crowd.rows), size=(n, self._rivals))
            winners = rivals[np.arange(n), scores[rivals].argmax(axis=1)]
            return self.costs.space.mutate(crowd.rows[winners], self._mutation, self.rng)

        settings = self.settings
        born = self.breeder.more(draw, settings.mutations + settings.crossovers, crowd)
        return Crowd(*(np.concatenate(pair)[-settings.population :] for pair in zip(crowd, born, strict=True)))
