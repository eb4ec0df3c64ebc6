"""What every search algorithm is: it asks what to evaluate, and is told how good that was."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel
from foretell.llm.proposing import Proposals
from foretell.metrics import Metric, metric_named
from foretell.objectives import Fidelities
from foretell.search.keys import row_keys
from foretell.search.settings import Evolution, Propose
from foretell.spaces import Population

__all__ = ["Algorithm", "Asked", "Setting"]

Goodness = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """What an algorithm may know of the job.

    Attributes:
        costs: The space, and what its architectures cost.
        constraints: Limits that everything asked keeps.
        metric: What is to become good.
        settings: Sizes of generations, where there are generations.
        seed: Of everything random.
        evaluations: About how many evaluations there will be; None: nobody knows.
        fidelities: How far the objective can train; without a unit, in full only.
        predictor: Of the algorithm `predictor`.
        startup: Evaluations chosen by design or at random before it learns; None: the algorithm's own number.
        initial: Architectures to begin with, `int16 [n, columns]`.
        against: Costs that the algorithm `nsga2` trades goodness against; None: see `traded_costs`.
        pool: All that can be evaluated, `int16 [n, columns]`, where only those have labels; None: the whole space.
        propose: The language model that proposes, where one does.
        task: What the networks are for, in words for a language model; empty: nobody knows.
    """

    costs: CostModel
    constraints: Constraints = field(default_factory=Constraints)
    metric: Metric = field(default_factory=lambda: metric_named("valid_loss"))
    settings: Evolution = field(default_factory=Evolution)
    seed: int = 0
    evaluations: int | None = None
    fidelities: Fidelities = field(default_factory=Fidelities)
    predictor: str = "regression"
    startup: int | None = None
    initial: Population | None = None
    against: tuple[str, ...] | None = None
    pool: Population | None = None
    propose: Propose | None = None
    task: str = ""

    @property
    def beginning(self) -> Population:
        """The initial architectures that can be evaluated and keep the limits, canonical, each once, in order."""
        space = self.costs.space
        if self.initial is None or not len(self.initial):
            return np.empty((0, space.width), dtype=np.int16)
        space.validate(self.initial)
        rows = space.canonical(self.within_pool(self.initial))
        first = {key: place for place, key in reversed(list(enumerate(row_keys(rows))))}
        rows = rows[sorted(first.values())]
        return rows[self.constraints.satisfied(self.costs, rows)] if len(self.constraints) else rows

    def within_pool(self, rows: Population) -> Population:
        """Those of some architectures that can be evaluated.

        Of others nothing would be on record, by which a search that is gone on with could come to where it was.
        """
        if self.pool is None:
            return rows
        space = self.costs.space
        space.validate(rows)
        known = set(row_keys(space.canonical(self.pool)))
        return rows[[key in known for key in row_keys(space.canonical(rows))]]


class Asked(NamedTuple):
    """Architectures that an algorithm wants to know the goodness of.

    Attributes:
        numbers: Name the candidates when they are told, `int64 [n]`. A candidate that is asked for again, at a
            larger fidelity, keeps its number.
        rows: Canonical, `int16 [n, columns]`; all keep the limits. One that was told before may come again.
        fidelities: How far to train, as shares of the full training, `float64 [n]`.
    """

    numbers: npt.NDArray[np.int64]
    rows: Population
    fidelities: npt.NDArray[np.float64]

    @classmethod
    def of(cls, numbers: npt.ArrayLike, rows: Population, fidelities: npt.ArrayLike = 1.0) -> Asked:
        """From anything that becomes such arrays; one fidelity stands for all."""
        named = np.asarray(numbers, dtype=np.int64)
        return cls(named, rows, np.broadcast_to(np.asarray(fidelities, dtype=np.float64), named.shape))


class Algorithm(ABC):
    """A search algorithm: a deterministic function of its setting and of the calls that it gets.

    It begins with the setting's `beginning`, and keeps nothing on a disk. Whoever drives it writes down what was asked
    and told, and replays both into a new one to go on (`foretell.search.Dialogue`).

    Attributes:
        survivors: How many of a generation go on, where that is all that its scores decide; None: scores matter
            beyond.
        asynchronous: Whether it decides by what has ended so far, at any time: candidates of different fidelities
            end at different times, and none should wait for another.
        proposals: What a language model was asked for and came up with; None where none is asked.
    """

    survivors: int | None = None
    asynchronous: bool = False
    proposals: Proposals | None = None

    @abstractmethod
    def ask(self, n: int) -> Asked:
        """At most `n` candidates; none while it has to be told of others first.

        Raises:
            InfeasibleError: No architecture keeps the limits.
        """

    @abstractmethod
    def tell(self, numbers: npt.NDArray[np.int64], goodness: Goodness) -> None:
        """How good candidates are that were asked for, each once for each time that it was asked.

        Args:
            numbers: `int64 [n]`.
            goodness: `float64 [n]`, higher is better; NaN or minus infinity where there is none.
        """

    def other_judge(self) -> None:  # noqa: B027 - most need do nothing
        """From here on another predictor judges: its scores have another scale than those told so far."""

    def recall(self, row: Population) -> Asked | None:
        """Take an architecture `int16 [1, columns]` as asked for, where what it asks next depends on no draw before.

        None: it has to be asked again to come to where it was.
        """
        return None
