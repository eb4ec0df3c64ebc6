"""Which architecture to train next, where each label is a training: first by design, then by upper confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError
from foretell.metrics import Metric
from foretell.observations import Observation
from foretell.predictors import Context, Predictor, create, select
from foretell.predictors.labels import EqualLabelsError, TooFewLabelsError
from foretell.search.algorithm import Algorithm, Asked, Goodness, Setting
from foretell.spaces import Population

__all__ = ["Asker", "PredictorLed", "designed"]

Vector = npt.NDArray[np.float64]

_DRAWN = 2000
_MUTANTS = 1000
_PARENTS = 5
_ALIKE = 1e-9  # of the scores' range: nearer ones are ties


def designed(evaluations: int | None) -> int:
    """Trials by design, where so many are all there will be: a third, at least three; six where nobody knows."""
    return 6 if evaluations is None else max(3, evaluations // 3)


class PredictorLed(Algorithm):
    """First a design, then the best upper confidence of a predictor that learns from all labels (`Asker`)."""

    def __init__(self, setting: Setting) -> None:
        self.metric, self.space, self._first = setting.metric, setting.costs.space, setting.beginning
        self.asker = Asker(
            setting.costs,
            setting.constraints,
            setting.metric,
            predictor=setting.predictor,
            startup=max(0, (setting.startup or designed(setting.evaluations)) - len(self._first)),
            seed=setting.seed,
            pool=setting.pool,
            known=self._first,
        )
        self._asked = np.empty((0, self.space.width), dtype=np.int16)
        self._labels: dict[int, Observation] = {}

    def ask(self, n: int) -> Asked:
        """See `Algorithm.ask`; one at a time, and none where all that keep the limits were asked for."""
        number = len(self._asked) - len(self._first)
        if number < 0:
            return self._give(self._first[number:][:1])
        try:
            row = self.asker.ask(number, [self._labels[each] for each in sorted(self._labels)], self._asked)
        except InfeasibleError:
            if not len(self._asked):
                raise
            return Asked.of([], self._asked[:0])
        return self._give(row)

    def _give(self, row: Population) -> Asked:
        self._asked = np.concatenate([self._asked, row])
        return Asked.of([len(self._asked) - 1], row)

    def tell(self, numbers: npt.NDArray[np.int64], goodness: Goodness) -> None:
        """See `Algorithm.tell`."""
        for number, good in zip(numbers.tolist(), goodness.tolist(), strict=True):
            architecture = self.space.architecture(self._asked[number])
            known = {self.metric.key: float(self.metric.from_goodness(good))} if np.isfinite(good) else {}
            self._labels[number] = Observation(architecture, known, failed="" if known else "no label")

    def recall(self, row: Population) -> Asked:
        """See `Algorithm.recall`; no predictor is fitted again for what was asked before."""
        return self._give(row)


class Asker:
    """Proposes architectures one at a time; what it proposes depends on its arguments alone.

    The first `startup` are a D-optimal design: the ones whose labels teach a regression most. Then a predictor is
    fitted to the labels so far, and among random feasible architectures and mutants of the best the one with the
    highest upper confidence (mean plus one standard deviation of its goodness) is proposed. Ties are broken at random.

    Args:
        costs: The space, and what its architectures cost.
        constraints: Limits that every proposal keeps.
        metric: What is to become good.
        predictor: As `foretell.predictors.create` knows it.
        startup: Proposals by design.
        seed: Of everything random.
        pool: All that can be proposed, `int16 [n, columns]`, where only those have labels; None: the whole space.
        known: Architectures that the design complements, `int16 [k, columns]`.
    """

    def __init__(
        self,
        costs: CostModel,
        constraints: Constraints,
        metric: Metric,
        *,
        predictor: str = "regression",
        startup: int = 6,
        seed: int = 0,
        pool: Population | None = None,
        known: Population | None = None,
    ) -> None:
        self.costs, self.constraints, self.metric = costs, constraints, metric
        self.predictor, self.startup, self.seed = predictor, startup, seed
        self.space = costs.space
        self.pool, self.known = pool, known
        self._design: Population | None = None

    def ask(self, number: int, observations: Sequence[Observation], taken: Population) -> Population:
        """The architecture of one trial, `int16 [1, columns]`, canonical.

        Args:
            number: Of the trial, from 0: it seeds what is random here.
            observations: The labels that it may know.
            taken: Architectures that are or were being trained, `int16 [n, columns]`; none of them comes again.

        Raises:
            InfeasibleError: No architecture keeps the limits, or all that do are taken.
        """
        rng = np.random.default_rng([self.seed, number])
        if number < self.startup:
            return self._by_design(number, taken, rng)
        predictor = self.fitted(observations)
        if predictor is None:
            return self._pick(rng, taken)
        best = self._best(observations)
        rows = self._candidates(rng, taken, best)
        prediction = predictor.predict(rows)
        scores = predictor.goodness(prediction)
        if predictor.calibrated and prediction.std is not None:
            scores = scores + np.where(np.isnan(prediction.std), 0.0, prediction.std)
        scores = np.where(np.isnan(scores), -np.inf, scores)
        top = scores.max()
        reach = _ALIKE * (np.ptp(scores[np.isfinite(scores)]) if np.isfinite(scores).any() else 0.0)
        return self._some(rows[scores >= top - reach], rng)

    def fitted(self, observations: Sequence[Observation]) -> Predictor | None:
        """The predictor that has learnt from labels; None while there are too few, or all alike."""
        if all(item.failed for item in observations):
            return None
        predictor = create(self.predictor, context=Context(self.space, metric=self.metric, seed=self.seed))
        try:
            return predictor.fit(observations)
        except (TooFewLabelsError, EqualLabelsError):
            return None

    def _by_design(self, number: int, taken: Population, rng: np.random.Generator) -> Population:
        if self._design is None:
            drawn = np.random.default_rng(self.seed)
            pool = self._candidates(drawn, taken[:0])
            count = min(self.startup, len(pool))
            self._design = select(self.space, count, drawn, pool=pool, known=self.known, costs=self.costs)
        known = {row.tobytes() for row in taken}
        if number < len(self._design) and self._design[number].tobytes() not in known:
            return self._design[number : number + 1]
        return self._pick(rng, taken)

    def _pick(self, rng: np.random.Generator, taken: Population) -> Population:
        """One more of the design, beside what is taken."""
        pool = self._candidates(rng, taken)
        return select(self.space, 1, rng, pool=pool, known=taken, costs=self.costs)

    def _best(self, observations: Sequence[Observation]) -> Population:
        done = [item for item in observations if self.metric.key in item.metrics]
        ranked = sorted(done, key=lambda item: -self.metric.goodness(item.metric(self.metric.key)))
        return self.space.population([item.architecture for item in ranked[:_PARENTS]])

    def _candidates(self, rng: np.random.Generator, taken: Population, parents: Population | None = None) -> Population:
        """Feasible architectures that are not taken, each once, in an order of their own."""
        if self.pool is not None:
            rows = self._free(self.pool, taken)
            if len(rows):
                return rows
            raise self._used_up(taken)
        rows = self.space.sample(_DRAWN, rng)
        if parents is not None and len(parents):
            chosen = parents[rng.integers(len(parents), size=_MUTANTS)]
            rows = np.concatenate([rows, self.space.mutate(chosen, 2.0 / self.space.width, rng)])
        found = self._free(rows, taken)
        if not len(found):
            # Rare or few: those that the check of the limits finds, and their relatives.
            examples = self.constraints.check_feasible(self.costs, rng).examples
            relatives = self.space.mutate(
                examples[rng.integers(len(examples), size=_DRAWN)], 2.0 / self.space.width, rng
            )
            found = self._free(np.concatenate([examples, relatives]), taken)
        if not len(found):
            raise self._used_up(taken)
        return found

    def _used_up(self, taken: Population) -> InfeasibleError:
        if not len(taken):
            return InfeasibleError(
                f"no architecture of {self.space.name} on record keeps {self.constraints}; relax it."
            )
        return InfeasibleError(
            f"every architecture of {self.space.name} that was found to keep {self.constraints} has been tried "
            f"({len(taken)} of them); ask for fewer trials, or widen the space."
        )

    def _free(self, rows: Population, taken: Population) -> Population:
        rows = np.unique(self.space.canonical(rows), axis=0)
        rows = rows[self.constraints.satisfied(self.costs, rows)]
        known = {row.tobytes() for row in taken}
        return rows[[row.tobytes() not in known for row in rows]]

    @staticmethod
    def _some(rows: Population, rng: np.random.Generator) -> Population:
        place = int(rng.integers(len(rows)))
        return rows[place : place + 1]
