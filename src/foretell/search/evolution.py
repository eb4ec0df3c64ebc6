"""HAT's evolutionary search (REFERENCE 5.1) without its defects, under any schedule of predictors (HS-NAS)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError, InputError, UnknownNameError
from foretell.progress import track
from foretell.search.schedule import Schedule
from foretell.search.scorer import Scorer
from foretell.spaces import Architecture, Population, SearchSpace

__all__ = ["Evolution", "Generation", "SearchResult", "evolve"]

Draw = Callable[[int], Population]

_ROUNDS = 24
_BATCH = 2048
"""How often, and at most how many at once, children are drawn again when too few are new and feasible."""


class Evolution(BaseModel):
    """The settings of an evolutionary search; the defaults are HAT's (REFERENCE 5.1).

    Attributes:
        population: Architectures scored in an iteration: parents + mutations + crossovers.
        parents: The best of each generation, which beget the next.
        mutations: Mutants in each generation.
        crossovers: Crossovers in each generation.
        mutation_probability: Of one gene's being redrawn in a mutant.
        distinct: No architecture twice in a generation. HAT has no such rule, and its parents end as one
            architecture in 25 spellings (REFERENCE 5.4).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    population: int = Field(default=125, ge=4)
    parents: int = Field(default=25, ge=2)
    mutations: int = Field(default=50, ge=0)
    crossovers: int = Field(default=50, ge=0)
    mutation_probability: float = Field(default=0.3, gt=0, le=1)
    distinct: bool = True

    @model_validator(mode="after")
    def _adds_up(self) -> Evolution:
        parts = self.parents + self.mutations + self.crossovers
        if parts != self.population:
            raise InputError(
                f"parents, mutations and crossovers make {parts} architectures, the population is "
                f"{self.population}; make them equal."
            )
        return self


@dataclass(frozen=True)
class Generation:
    """One iteration of a search.

    Attributes:
        iteration: 1, 2, ...
        predictor: Who scored it.
        best: Highest score in the generation.
        mean: Mean score of its architectures.
        size: How many architectures it had.
        asked: Scores asked for so far, of this predictor.
        distinct: Different architectures among them.
    """

    iteration: int
    predictor: str
    best: float
    mean: float
    size: int
    asked: int
    distinct: int


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: The architecture with the highest score under the last predictor of the schedule, of all
            that it ever scored.
        score: That score.
        finalists: The best architectures under the last predictor, best first, `int16 [n, columns]`.
        scores: Their scores, `float64 [n]`.
        history: One row an iteration.
        asked: Scores asked for, by predictor.
        distinct: Different architectures among them, by predictor.
        run: Scores computed in this sitting, by predictor.
        seconds: Time spent in each predictor in this sitting, and in "loop" for everything else.
    """

    best: Architecture
    score: float
    finalists: Population
    scores: npt.NDArray[np.float64]
    history: list[Generation]
    asked: dict[str, int]
    distinct: dict[str, int]
    run: dict[str, int]
    seconds: dict[str, float] = field(default_factory=dict)


def evolve(
    costs: CostModel,
    constraints: Constraints,
    schedule: Schedule,
    scorers: Mapping[str, Scorer],
    settings: Evolution | None = None,
    *,
    seed: int = 0,
    initial: Population | None = None,
) -> SearchResult:
    """Search a space for the best architecture that keeps all limits.

    Unlike the published code the search is seeded, asks for no score twice, scores every architecture it
    makes, returns the best ever seen under the last predictor, and says at once when nothing is feasible.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits.
        schedule: Which predictor scores which iterations.
        scorers: The predictors of the schedule by name.
        settings: Sizes of the population and its parts.
        seed: Of everything random.
        initial: Architectures to begin with, `int16 [n, columns]`; infeasible ones are left out and the
            rest of the first generation is drawn.

    Raises:
        InfeasibleError: No architecture keeps the limits; the message names what can be reached.
        UnknownNameError: The schedule names a predictor that is not there.
    """
    for name in schedule.predictors:
        if name not in scorers:
            raise UnknownNameError("predictor", name, scorers, "the schedule")
    search = _Search(costs, constraints, settings or Evolution(), np.random.default_rng(seed))
    start = time.perf_counter()
    population = search.first(initial)
    history: list[Generation] = []
    with track("searching", schedule.iterations) as meter:
        for iteration in range(1, schedule.iterations + 1):
            scorer = scorers[schedule.at(iteration)]
            scores = scorer.scores(costs.space.canonical(population))
            order = np.argsort(-scores, kind="stable")[: search.settings.parents]
            finite = scores[np.isfinite(scores)]
            if not len(finite):
                raise InputError(f"the predictor {scorer.predictor.name} scored none of {len(scores)} architectures.")
            history.append(
                Generation(
                    iteration=iteration,
                    predictor=schedule.at(iteration),
                    best=float(finite.max()),
                    mean=float(finite.mean()),
                    size=len(population),
                    asked=scorer.asked,
                    distinct=scorer.distinct,
                )
            )
            meter.update(iteration, f"best {finite.max():.4f}")
            parents = population[order]
            if iteration < schedule.iterations:
                population = search.next(parents)
    finalists, final_scores = _finalists(schedule, scorers, costs.space.canonical(parents), costs)
    total = time.perf_counter() - start
    seconds = {name: scorers[name].seconds for name in schedule.predictors}
    return SearchResult(
        best=costs.space.architecture(finalists[0]),
        score=float(final_scores[0]),
        finalists=finalists,
        scores=final_scores,
        history=history,
        asked={name: scorers[name].asked for name in schedule.predictors},
        distinct={name: scorers[name].distinct for name in schedule.predictors},
        run={name: scorers[name].run for name in schedule.predictors},
        seconds={**seconds, "loop": total - sum(seconds.values())},
    )


def _finalists(
    schedule: Schedule, scorers: Mapping[str, Scorer], parents: Population, costs: CostModel
) -> tuple[Population, npt.NDArray[np.float64]]:
    """The last parents and the best that each predictor ever saw, ranked by the last predictor."""
    last = scorers[schedule.at(schedule.iterations)]
    candidates = {row.tobytes(): None for row in parents}
    for name in schedule.predictors:
        scorer = scorers[name]
        seen = [key for key in scorer.used if key in scorer.known and not np.isnan(scorer.known[key])]
        # The key breaks ties, so that the order in a set decides nothing.
        ranked = sorted(seen, key=lambda key: (-scorer.known[key], key))
        candidates |= dict.fromkeys(ranked[: len(parents)])
    rows = np.frombuffer(b"".join(candidates), dtype=np.int16).reshape(-1, costs.space.width)
    scores = last.scores(rows)
    order = np.argsort(-scores, kind="stable")[: len(parents)]
    return rows[order], scores[order]


class _Search:
    """Draws generations; every row that it hands out keeps the limits.

    Rows keep the genes of inactive layers, as in HAT: they evolve too, and count again when a child is deeper.
    """

    def __init__(
        self, costs: CostModel, constraints: Constraints, settings: Evolution, rng: np.random.Generator
    ) -> None:
        self.costs, self.constraints, self.settings, self.rng = costs, constraints, settings, rng
        self.space = costs.space

    def first(self, initial: Population | None) -> Population:
        """The first generation; refuses at once when nothing is feasible."""
        wanted = self.settings.population
        found = _Distinct(self.space, self.settings.distinct)
        if initial is not None and len(initial):
            self.space.validate(initial)
            found.add(self._feasible(initial), wanted)
        examples: Population | None = None
        if len(self.constraints):
            feasibility = self.constraints.check_feasible(self.costs, self.rng)
            examples = feasibility.examples if feasibility.share < 1e-3 else None
        self._fill(found, wanted, lambda n: self._draw(n, examples))
        if not len(found.rows):
            raise InfeasibleError(f"no architecture of {self.space.name} keeps {self.constraints}; relax a limit.")
        return found.rows

    def _draw(self, n: int, examples: Population | None) -> Population:
        """Random rows; where almost none are feasible, relatives of rows that are."""
        if examples is None:
            return self.space.sample(n, self.rng)
        chosen = examples[self.rng.integers(len(examples), size=n)]
        return self.space.mutate(chosen, 2.0 / self.space.width, self.rng)

    def next(self, parents: Population) -> Population:
        """Parents, their mutants and their crossovers."""
        settings, rng = self.settings, self.rng
        found = _Distinct(self.space, settings.distinct)
        found.add(parents, len(parents))

        def mutants(n: int) -> Population:
            chosen = parents[rng.integers(len(parents), size=n)]
            return self.space.mutate(chosen, settings.mutation_probability, rng)

        def crossovers(n: int) -> Population:
            first = rng.integers(len(parents), size=n)
            # Two different positions among the parents, as in HAT.
            second = (first + rng.integers(1, max(len(parents), 2), size=n)) % len(parents)
            return self.space.crossover(parents[first], parents[second], rng)

        self._fill(found, len(parents) + settings.mutations, mutants)
        self._fill(found, settings.population, crossovers)
        if len(found.rows) < settings.population:
            # Parents that are all alike have no new crossovers; mutants keep the search awake.
            self._fill(found, settings.population, mutants)
        return found.rows

    def _fill(self, found: _Distinct, wanted: int, draw: Draw) -> None:
        """Draw until there are `wanted` rows, or give up after a bounded number of draws."""
        batch = wanted - len(found.rows)
        for _ in range(_ROUNDS):
            if len(found.rows) >= wanted:
                return
            accepted = found.add(self._feasible(draw(batch)), wanted)
            # Few were accepted: draw more at once, so that a narrow limit costs few rounds.
            batch = min(_BATCH, 2 * batch) if accepted * 2 < batch else batch

    def _feasible(self, population: Population) -> Population:
        if not len(self.constraints):
            return population
        return population[self.constraints.satisfied(self.costs, population)]


class _Distinct:
    """A growing generation, optionally without two rows that mean the same architecture."""

    def __init__(self, space: SearchSpace, distinct: bool) -> None:
        self.space, self.distinct = space, distinct
        self.rows: Population = np.empty((0, space.width), dtype=np.int16)
        self.seen: set[bytes] = set()

    def add(self, rows: Population, limit: int) -> int:
        """Take rows until there are `limit`; returns how many were taken."""
        room = max(limit - len(self.rows), 0)
        if self.distinct:
            new: dict[bytes, int] = {}
            for index, row in enumerate(self.space.canonical(rows)):
                new.setdefault(row.tobytes(), index)
            fresh = [(key, index) for key, index in new.items() if key not in self.seen][:room]
            self.seen.update(key for key, _ in fresh)
            rows = rows[[index for _, index in fresh]]
        rows = rows[:room]
        self.rows = np.concatenate([self.rows, rows])
        return len(rows)
