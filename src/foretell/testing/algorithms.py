"""Published tests: what a search algorithm must keep, whoever wrote it.

    from foretell.testing import AlgorithmConformance

    class TestMine(AlgorithmConformance):
        def make(self, setting):
            return Mine(setting)

runs them all under pytest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError
from foretell.objectives import Fidelities
from foretell.search import Algorithm, Asked, Setting
from foretell.search.algorithms import sizes_for
from foretell.spaces import SearchSpace

__all__ = ["AlgorithmConformance"]


class AlgorithmConformance:
    """Inherit, write `make`, and pytest runs every rule of the contract (`foretell.search.Algorithm`) against it.

    Attributes:
        limits: What the architectures of the small space must keep.
        evaluations: Of a test.
    """

    limits = ("params<=600",)
    evaluations = 18

    def make(self, setting: Setting) -> Algorithm:
        """The algorithm, at its beginning."""
        raise NotImplementedError

    def setting(self, seed: int = 0, limits: tuple[str, ...] | None = None) -> Setting:
        """A small job."""
        genes = {
            "layers": [1, 2, 3, 4],
            "width": [4, 8, 12, 16, 20],
            "heads": {"choices": [1, 2, 4], "depth": "layers"},
        }
        space = SearchSpace(genes, "conformance", costs={"params": "layers * width ** 2"})
        return Setting(
            CostModel(space),
            Constraints.parse(self.limits if limits is None else limits),
            settings=sizes_for(self.evaluations),
            seed=seed,
            evaluations=self.evaluations,
            fidelities=Fidelities(unit="updates", full=64, continued=True),
        )

    def goodness(self, asked: Asked, space: SearchSpace) -> npt.NDArray[np.float64]:
        """How good candidates are, `float64 [n]`: wide and with many heads, further on better."""
        features = space.features(asked.rows, "per-layer")
        return features.sum(axis=1) + asked.fidelities

    def run(self, algorithm: Algorithm, space: SearchSpace, n: int = 1) -> list[Asked]:
        """Ask and tell, `n` at a time."""
        said = []
        for _ in range(0, self.evaluations, n):
            asked = algorithm.ask(n)
            algorithm.tell(asked.numbers, self.goodness(asked, space))
            said.append(asked)
        return said

    @pytest.mark.parametrize("n", [1, 4])
    def test_what_it_asks_is_of_the_space_canonical_and_within_the_limits(self, n: int) -> None:
        """At most as many as wanted, rows of the space, shares of the full training."""
        setting = self.setting()
        space = setting.costs.space
        for asked in self.run(self.make(setting), space, n):
            _check(asked.rows.dtype == np.int16, "rows are int16")
            _check(asked.rows.shape == (len(asked.numbers), space.width), "a row has one column for each of the space")
            _check(len(asked.numbers) <= n, "no more may be asked than are wanted")
            space.validate(asked.rows)
            _check((space.canonical(asked.rows) == asked.rows).all(), "rows must be canonical")
            _check(setting.constraints.satisfied(setting.costs, asked.rows).all(), "what is asked must keep the limits")
            _check(((asked.fidelities > 0) & (asked.fidelities <= 1)).all(), "fidelities are shares")

    def test_the_same_seed_asks_the_same(self) -> None:
        """It is a function of its setting and of what it is told."""
        first, again, other = (
            self.run(self.make(self.setting(seed)), self.setting().costs.space) for seed in (3, 3, 4)
        )
        _check(_rows(first) == _rows(again), "the same seed must ask the same")
        _check(_rows(first) != _rows(other), "another seed must ask something else")

    def test_several_are_told_in_any_order_and_failures_are_told(self) -> None:
        """Asked two ahead, told in the other order, every third without a label: it goes on."""
        setting = self.setting()
        algorithm, space = self.make(setting), setting.costs.space
        open_ones: list[Asked] = []
        asked_for = 0
        for step in range(2 * self.evaluations):
            asked = algorithm.ask(1)
            if len(asked.numbers):
                open_ones.append(asked)
                asked_for += 1
            if len(open_ones) > 2 or (open_ones and not len(asked.numbers)):
                told = open_ones.pop()
                algorithm.tell(told.numbers, np.array([np.nan]) if step % 3 == 0 else self.goodness(told, space))
        _check(asked_for > self.evaluations // 2, "it must go on asking")

    def test_another_judge_may_come(self) -> None:
        """Scores of another scale after some: it goes on asking within the limits."""
        setting = self.setting()
        algorithm, space = self.make(setting), setting.costs.space
        self.run(algorithm, space, 4)
        algorithm.other_judge()
        for asked in self.run(algorithm, space, 4):
            _check(setting.constraints.satisfied(setting.costs, asked.rows).all(), "what is asked must keep the limits")

    def test_it_begins_with_what_it_is_given(self) -> None:
        """Each of the initial architectures once, in their order, but for those that break a limit."""
        setting = self.setting()
        costs, rng = setting.costs, np.random.default_rng(5)
        rows = costs.space.canonical(costs.space.sample(200, rng))
        kept = setting.constraints.satisfied(costs, rows)
        first = np.unique(rows[kept], axis=0)[-1:]
        second = rows[kept & (rows != first).any(axis=1)][:1]
        algorithm = self.make(replace(setting, initial=np.concatenate([first, rows[~kept][:1], first, second])))
        came: dict[bytes, None] = {}
        while len(came) < 2:  # one may come again at once, to be trained further
            asked = algorithm.ask(1)
            came[asked.rows.tobytes()] = None
            algorithm.tell(asked.numbers, self.goodness(asked, costs.space))
        _check(list(came) == [first.tobytes(), second.tobytes()], "what it is given and keeps the limits comes first")

    def test_limits_that_nothing_keeps_are_refused(self) -> None:
        """Before anything is trained, or when it is first asked."""
        with pytest.raises(InfeasibleError):
            self.make(self.setting(limits=("params<=10",))).ask(1)


def _rows(said: list[Asked]) -> list[list[list[int]]]:
    return [asked.rows.tolist() for asked in said]


def _check(kept: bool | np.bool_, rule: str) -> None:
    if not kept:
        raise AssertionError(rule)
