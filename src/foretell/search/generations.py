"""Algorithms that go from generation to generation, and random search."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import numpy.typing as npt

from foretell.search.algorithm import Algorithm, Asked, Goodness, Setting
from foretell.search.breeding import Breeder, Crowd
from foretell.search.keys import row_keys
from foretell.search.proposed import open_proposer, with_proposals
from foretell.search.settings import Evolution
from foretell.spaces import Population

__all__ = ["SMALLEST", "Generations", "RandomSearch"]

SMALLEST = Evolution(population=4, parents=2, mutations=1, crossovers=1)
"""Sizes where generations do not matter."""


class Generations(Algorithm):
    """Asks for a generation, part by part, and makes the next one when all of it was told.

    Args:
        setting: The job; `initial` begins the first generation.
        settings: Sizes; None: the setting's.
    """

    def __init__(self, setting: Setting, settings: Evolution | None = None) -> None:
        self.costs, self.settings = setting.costs, settings or setting.settings
        self.rng = np.random.default_rng(setting.seed)
        self.breeder = Breeder(setting.costs, setting.constraints, self.settings, self.rng)
        initial = setting.initial
        self.crowd = self.breeder.first(initial if initial is None else setting.within_pool(initial))
        self.metric, self.propose = setting.metric, setting.propose
        self._known: dict[bytes, float] = {}  # told so far, for a language model to be shown
        if setting.propose is not None:
            self.proposer = open_proposer(setting, setting.propose)
            self.proposals = self.proposer.said
        self._begin(0)

    def _begin(self, first: int) -> None:
        """A new generation, whose numbers count from `first`."""
        self._first, self._asked = first, 0
        self._told = np.zeros(len(self.crowd.rows), dtype=bool)
        self._scores = np.full(len(self.crowd.rows), -np.inf)

    def ask(self, n: int) -> Asked:
        """See `Algorithm.ask`."""
        if self._told.all():
            bred = self.breed(self.crowd, self._scores)
            if self.propose is not None:
                bred = with_proposals(self.proposer, self.propose.share, self.crowd, bred, self._known)
            self.crowd = bred
            self._begin(self._first + len(self._told))
        start, end = self._asked, min(self._asked + n, len(self._told))
        self._asked = end
        return Asked.of(np.arange(start, end) + self._first, self.crowd.canonical[start:end])

    def tell(self, numbers: npt.NDArray[np.int64], goodness: Goodness) -> None:
        """See `Algorithm.tell`."""
        self._scores[numbers - self._first] = np.where(np.isnan(goodness), -np.inf, goodness)
        self._told[numbers - self._first] = True
        if self.propose is not None:
            values = self.metric.from_goodness(goodness).tolist()
            self._known |= dict(zip(row_keys(self.crowd.canonical[numbers - self._first]), values, strict=True))

    def other_judge(self) -> None:
        """See `Algorithm.other_judge`; what was told before is not shown to a language model again."""
        self._known = dict.fromkeys(self._known, float("nan"))

    @abstractmethod
    def breed(self, crowd: Crowd, scores: Goodness) -> Crowd:
        """The next generation; `scores` are `float64 [n]`, minus infinity where there is none."""


class RandomSearch(Algorithm):
    """Random architectures that keep the limits, every gene drawn uniformly, none twice."""

    def __init__(self, setting: Setting) -> None:
        self.rng = np.random.default_rng(setting.seed)
        self.breeder = Breeder(setting.costs, setting.constraints, SMALLEST, self.rng)
        space = setting.costs.space
        self.pool: Population | None = None
        self._first = setting.beginning
        if setting.pool is None:
            self.breeder.first()  # refuses limits that nothing keeps, and finds out how rare is what keeps them
        else:
            pool = np.unique(space.canonical(setting.pool), axis=0)
            drawn = self.rng.permutation(pool[setting.constraints.satisfied(setting.costs, pool)])
            before = set(row_keys(self._first))
            self.pool = drawn[[key not in before for key in row_keys(drawn)]]
        self._given = self._first[:0]

    def ask(self, n: int) -> Asked:
        """See `Algorithm.ask`; fewer than `n` where no more are found."""
        start = len(self._given)
        rows = self._first[start : start + n]
        if n > len(rows):
            drawn, missing = max(0, start - len(self._first)), n - len(rows)
            known = np.concatenate([self._given, rows])
            more = self.breeder.strangers(missing, known) if self.pool is None else self.pool[drawn : drawn + missing]
            rows = np.concatenate([rows, more])
        self._given = np.concatenate([self._given, rows])
        return Asked.of(np.arange(start, start + len(rows)), rows)

    def tell(self, numbers: npt.NDArray[np.int64], goodness: Goodness) -> None:
        """See `Algorithm.tell`; it learns nothing."""
