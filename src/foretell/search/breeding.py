"""Drawing generations: random architectures, mutants and crossovers that keep the limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
"""How often children are drawn again when too few are new and feasible."""
_BATCH = 2048
"""Most children of one kind that are drawn at once."""
_CROSSOVER_ROUNDS = 2
_CROSSOVER_SURPLUS = 3
"""Parents that are nearly alike have few new crossovers: so many rounds, each of at most so many times what
is missing; mutants stand in for the rest."""
_RARE = 0.02
"""When fewer of the first draws keep the limits, feasibility is looked into before going on."""
_HOPELESS = 1e-3
"""When fewer of all architectures keep the limits, relatives of those that do are drawn instead of random ones."""
_ACCEPTED = 0.7
"""Share of children that are taken to be new and feasible before any was drawn."""


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
class _Source:
    """One way to draw children.

    Attributes:
        draw: Makes so many rows `int16 [n, columns]`, feasible or not.
        missing: How many children of this kind the generation still lacks.
        rate: The share of those drawn last that were feasible and new.
    """

    draw: Callable[[int], Population]
    missing: int
    rate: float

    def wanted(self, surplus: float) -> int:
        """How many to draw so that probably enough are accepted, at most `surplus` times what is missing."""
        if self.missing <= 0:
            return 0
        return min(_BATCH, math.ceil(self.missing * min(surplus, 1.25 / max(self.rate, 1e-3))) + 4)

    def note(self, looked_at: int, accepted: int) -> None:
        """Remember how many of those looked at were accepted."""
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
        self._mutant_rate = self._crossover_rate = _ACCEPTED
        self._examples: Population | None = None  # relatives of these are drawn where the limits are kept by few

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
        if len(kept) < _RARE * drawn:
            feasibility = self.constraints.check_feasible(self.costs, self.rng)
            if feasibility.share < _HOPELESS:
                self._examples = feasibility.examples
        self._fill(brood, _Source(self.random, wanted - brood.size, len(kept) / drawn))
        if not brood.size:
            raise InfeasibleError(f"no architecture of {self.space.name} keeps {self.constraints}; relax a limit.")
        return brood.crowd()

    def next(self, parents: Crowd) -> Crowd:
        """Parents, their mutants and their crossovers."""
        brood = _Brood(self.space, self.settings.distinct)
        brood.take(parents.rows, len(parents.rows), parents.canonical)
        mutations = self.settings.mutations
        missing = self.settings.population - brood.size - mutations
        mutants = _Source(partial(self.mutants, parents.rows), mutations, self._mutant_rate)
        crossovers = _Source(partial(self.crossovers, parents.rows), missing, self._crossover_rate)
        self._fill(brood, mutants, crossovers)
        self._mutant_rate, self._crossover_rate = mutants.rate, crossovers.rate
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
        source = _Source(draw, wanted, self._mutant_rate)
        self._fill(brood, source)
        self._mutant_rate = source.rate
        return brood.crowd()

    def strangers(self, n: int, known: Population | None = None) -> Population:
        """`n` random architectures that keep the limits, canonical, or as many as are found beside those known."""
        nobody = np.empty((0, self.space.width), dtype=np.int16)
        living = nobody if known is None else known
        return self.more(self.random, n, Crowd(living, living)).canonical

    def mutants(self, parents: Population, n: int) -> Population:
        """`n` mutants of random parents, feasible or not."""
        chosen = parents[self.rng.integers(len(parents), size=n)]
        return self.space.mutate(chosen, self.settings.mutation_probability, self.rng)

    def crossovers(self, parents: Population, n: int) -> Population:
        """`n` children of two parents at different positions, as in HAT; feasible or not."""
        first = self.rng.integers(len(parents), size=n)
        second = (first + self.rng.integers(1, max(len(parents), 2), size=n)) % len(parents)
        return self.space.crossover(parents[first], parents[second], self.rng)

    def random(self, n: int) -> Population:
        """`n` random architectures, feasible or not: relatives of feasible ones, where `first` found those rare."""
        if self._examples is None:
            return self.space.sample(n, self.rng)
        chosen = self._examples[self.rng.integers(len(self._examples), size=n)]
        return self.space.mutate(chosen, 2.0 / self.space.width, self.rng)

    def _fill(self, brood: _Brood, main: _Source, crossovers: _Source | None = None) -> None:
        """Draw until nothing is missing, or give up after a bounded number of rounds.

        Each round asks the main source for more; crossovers are asked in the first rounds only, and then
        the main source makes what they lack.
        """
        for number in range(_ROUNDS):
            if number == _CROSSOVER_ROUNDS and crossovers is not None:
                main.missing += crossovers.missing
                crossovers = None
            asked = [(main, main.wanted(2.0 ** (number + 2)))]
            if crossovers is not None:
                asked.append((crossovers, crossovers.wanted(_CROSSOVER_SURPLUS)))
            asked = [(source, count) for source, count in asked if count]
            if not asked:
                return
            self._draw(brood, asked)

    def _draw(self, brood: _Brood, asked: Sequence[tuple[_Source, int]]) -> None:
        """Draw so many of each source, and take those that are feasible and new.

        All are checked and spelt canonically together: the number of array operations is what a generation costs.
        """
        rows = np.concatenate([source.draw(count) for source, count in asked])
        kept, canonical = self._satisfied(rows), self.space.canonical(rows)
        start = 0
        for source, count in asked:
            feasible = start + np.flatnonzero(kept[start : start + count])
            looked_at, accepted = brood.take(rows[feasible], source.missing, canonical[feasible])
            # Of the feasible ones only the first were looked at: as large a part of all that were drawn.
            source.note(round(looked_at * count / len(feasible)) if len(feasible) else count, accepted)
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
        nothing = np.empty((0, self.space.width), dtype=np.int16)
        rows, canonical = zip(Crowd(nothing, nothing), *self._parts, strict=True)
        return Crowd(np.concatenate(rows), np.concatenate(canonical))
