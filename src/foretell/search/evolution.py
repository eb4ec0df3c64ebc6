"""HAT's evolutionary search (`fairseq/evolution.py`) without its defects."""

from __future__ import annotations

import numpy as np

from foretell.search.algorithm import Goodness, Setting
from foretell.search.breeding import Crowd
from foretell.search.generations import Generations

__all__ = ["Evolve"]


class Evolve(Generations):
    """The best of each generation beget the next: they, their mutants and their crossovers.

    Unlike the published code it is seeded, and every architecture that it makes is scored.
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.survivors = self.settings.parents

    def breed(self, crowd: Crowd, scores: Goodness) -> Crowd:
        """See `Generations.breed`."""
        return self.breeder.next(crowd.take(np.argsort(-scores, kind="stable")[: self.settings.parents]))
