"""Drawing generations: random architectures, mutants and crossovers that keep the limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError
from foretell.search.keys import row_keys
from foretell.search.settings import Evolution
from foretell.spaces import Population, SearchSpace

__all__ = ["Breeder", "Crowd"]

_ROUNDS = 16
_BATCH = 2048
"""How often, and at most how many at once, children are drawn again when too few are new and feasible."""
_CROSSOVER_ROUNDS = 2
_CROSSOVER_SURPLUS = 3
"""Parents that are nearly alike have few new crossovers: so many rounds, each of at most so many times what
is missing; mutants stand in for the rest."""
_RARE = 0.02
"""When fewer of the first draws keep the limits, feasibility is looked into before going on."""


class Crowd(NamedTuple):
    """Architectures in both spellings, row by row.

    Attributes:
        rows: As evolution carries them: genes of inactive layers evolve too, and count again when a child
            is deeper, as in HAT. `int16 [n, columns]`.
        canonical: What they mean, `int16 [n, columns]`.
    """

    rows: Population
    canonical: Population

    def take(self, order: npt.NDArray[np.intp]) -> Crowd:
        """The rows with these indices."""
        return Crowd(self.rows[order], self.canonical[order])


@dataclass
class _Kind:
    """One way to make children, and how many of them were new and feasible of late."""

    draw: Callable[[int], Population]
    missing: int
    rate: float

    def wanted(self, surplus: float) -> int:
        """How many to draw so that probably enough are accepted, at most `surplus` times what is missing."""
        if self.missing <= 0:
            return 0
        return min(_BATCH, math.ceil(self.missing * min(surplus, 1.25 / max(self.rate, 1e-3))) + 4)

    def note(self, looked_at: int, accepted: int) -> None:
        """Remember how it went."""
        self.missing -= accepted
        self.rate = (accepted + 0.5) / (looked_at + 1)


class Breeder:
    """Draws generations; every row that it hands out keeps the limits.

    Args:
        costs: The space, and what its architectures cost.
        constraints: The limits.
        settings: Sizes of the generations and their parts.
        rng: The source of all randomness.
    """

    def __init__(
        self, costs: CostModel, constraints: Constraints, settings: Evolution, rng: np.random.Generator
    ) -> None:
        self.costs, self.constraints, self.settings, self.rng = costs, constraints, settings, rng
        self.space = costs.space
        self._rates = [0.7, 0.7]

    def first(self, initial: Population | None = None) -> Crowd:
        """The first generation.

        Args:
            initial: Architectures to begin with; infeasible ones are left out and the rest is drawn.

        Raises:
            InputError: A row of `initial` is not of the space.
            InfeasibleError: No architecture keeps the limits; the message names what can be reached.
        """
        wanted = self.settings.population
        brood = _Brood(self.space, self.settings.distinct)
        if initial is not None and len(initial):
            self.space.validate(initial)
            brood.take(self._feasible(initial), wanted)
        drawn = 4 * wanted
        kept = self._feasible(self.space.sample(drawn, self.rng))
        brood.take(kept, wanted - brood.size)
        examples: Population | None = None
        if len(kept) < _RARE * drawn:
            feasibility = self.constraints.check_feasible(self.costs, self.rng)
            examples = feasibility.examples if feasibility.share < 1e-3 else None
        kind = _Kind(lambda n: self._random(n, examples), wanted - brood.size, len(kept) / drawn)
        self._fill(brood, [kind])
        if not brood.size:
            raise InfeasibleError(f"no architecture of {self.space.name} keeps {self.constraints}; relax a limit.")
        return brood.crowd()

    def next(self, parents: Crowd) -> Crowd:
        """Parents, their mutants and their crossovers."""
        settings, mutants = self.settings, _Kind(lambda n: self.mutants(parents.rows, n), 0, self._rates[0])
        crossovers = _Kind(lambda n: self.crossovers(parents.rows, n), 0, self._rates[1])
        brood = _Brood(self.space, settings.distinct)
        brood.take(parents.rows, len(parents.rows), parents.canonical)
        mutants.missing = settings.mutations
        crossovers.missing = settings.population - brood.size - settings.mutations
        self._fill(brood, [mutants, crossovers])
        self._rates = [mutants.rate, crossovers.rate]
        return brood.crowd()

    def more(self, draw: Callable[[int], Population], wanted: int, living: Crowd) -> Crowd:
        """New architectures that keep the limits, by any way to draw them.

        Args:
            draw: Makes so many rows `int16 [n, columns]`, feasible or not.
            wanted: How many are asked for; fewer come when there are no more to be found.
            living: None of these comes again (where the settings forbid copies).
        """
        brood = _Brood(self.space, self.settings.distinct)
        brood.meet(living.canonical)
        kind = _Kind(draw, wanted, self._rates[0])
        self._fill(brood, [kind])
        self._rates[0] = kind.rate
        return brood.crowd()

    def mutants(self, parents: Population, n: int) -> Population:
        """`n` mutants of random parents, feasible or not."""
        chosen = parents[self.rng.integers(len(parents), size=n)]
        return self.space.mutate(chosen, self.settings.mutation_probability, self.rng)

    def crossovers(self, parents: Population, n: int) -> Population:
        """`n` children of two parents at different positions, as in HAT; feasible or not."""
        first = self.rng.integers(len(parents), size=n)
        second = (first + self.rng.integers(1, max(len(parents), 2), size=n)) % len(parents)
        return self.space.crossover(parents[first], parents[second], self.rng)

    def _random(self, n: int, examples: Population | None) -> Population:
        """Random rows; where almost none are feasible, relatives of rows that are."""
        if examples is None:
            return self.space.sample(n, self.rng)
        chosen = examples[self.rng.integers(len(examples), size=n)]
        return self.space.mutate(chosen, 2.0 / self.space.width, self.rng)

    def _fill(self, brood: _Brood, kinds: Sequence[_Kind]) -> None:
        """Draw each kind until none is missing, or give up after a bounded number of draws.

        All kinds are drawn, checked and compared together: the number of array operations is what a
        generation costs.
        """
        main, rest = kinds[0], kinds[1:]
        for attempt in range(_ROUNDS):
            if attempt == _CROSSOVER_ROUNDS:
                main.missing += sum(kind.missing for kind in rest)
                rest = ()
            counts = [main.wanted(2.0 ** (attempt + 2)), *(kind.wanted(_CROSSOVER_SURPLUS) for kind in rest)]
            if not any(counts):
                return
            drawn = [kind.draw(count) for kind, count in zip((main, *rest), counts, strict=True) if count]
            rows = drawn[0] if len(drawn) == 1 else np.concatenate(drawn)
            kept = self._satisfied(rows)
            canonical, start = self.space.canonical(rows), 0
            for kind, count in zip((main, *rest), counts, strict=True):
                if count:
                    chosen = start + np.flatnonzero(kept[start : start + count])
                    looked_at, accepted = brood.take(rows[chosen], kind.missing, canonical[chosen])
                    kind.note(round(looked_at * count / max(len(chosen), 1)) if len(chosen) else count, accepted)
                    start += count

    def _feasible(self, population: Population) -> Population:
        return population[self._satisfied(population)]

    def _satisfied(self, population: Population) -> npt.NDArray[np.bool_]:
        if not len(self.constraints):
            return np.ones(len(population), dtype=bool)
        return self.constraints.satisfied(self.costs, population)


class _Brood:
    """A growing generation, optionally without two rows that mean the same architecture."""

    def __init__(self, space: SearchSpace, distinct: bool) -> None:
        self.space, self.distinct = space, distinct
        self.size = 0
        self._parts: list[Crowd] = []
        self._seen: set[bytes] = set()

    def meet(self, canonical: Population) -> None:
        """Take none of these, [n, columns]."""
        self._seen.update(row_keys(canonical))

    def take(self, rows: Population, room: int, canonical: Population | None = None) -> tuple[int, int]:
        """Take rows from the front until the room is used up; how many were looked at, and how many taken."""
        if not len(rows) or room <= 0:
            return 0, 0
        canonical = self.space.canonical(rows) if canonical is None else canonical
        if not self.distinct:
            self._keep(Crowd(rows[:room], canonical[:room]))
            return min(len(rows), room), min(len(rows), room)
        fresh, index, seen = [], -1, self._seen
        for index, key in enumerate(row_keys(canonical)):
            if key not in seen:
                seen.add(key)
                fresh.append(index)
                if len(fresh) == room:
                    break
        self._keep(Crowd(rows[fresh], canonical[fresh]))
        return index + 1, len(fresh)

    def _keep(self, crowd: Crowd) -> None:
        self._parts.append(crowd)
        self.size += len(crowd.rows)

    def crowd(self) -> Crowd:
        """All rows taken so far."""
        empty = np.empty((0, self.space.width), dtype=np.int16)
        rows = [part.rows for part in self._parts] or [empty]
        return Crowd(np.concatenate(rows), np.concatenate([part.canonical for part in self._parts] or [empty]))
