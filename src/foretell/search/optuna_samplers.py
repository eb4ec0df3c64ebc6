"""Optuna's samplers and pruners as search algorithms, through its ask-and-tell interface."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.objectives import Fidelities
from foretell.search.algorithm import Algorithm, Asked, Goodness, Setting
from foretell.search.breeding import Breeder
from foretell.search.generations import SMALLEST
from foretell.spaces import Population, SearchSpace

if TYPE_CHECKING:
    pass

__all__ = ["OptunaSearch", "import_optuna"]

_REDUCTION = 4
"""Of the candidates of a rung so many compete for one place on the next, which trains them so many times as far."""
_RUNGS = 3
"""Shares of the full training at which candidates compete: a sixteenth, a quarter, all."""
_REFUSED = 16
"""Proposals in succession that break a limit, before a random architecture that keeps it is put before the sampler."""
_REFUSED_SOON = 2
"""The same for samplers that learn nothing from it (CMA-ES), or take seconds for each (a Gaussian process)."""
_STARTUP = 10
"""Optuna's own number of random trials before a sampler learns."""
_KEPT = 0.2
"""Share of what was told that another judge is asked about first."""


def import_optuna() -> Any:
    """The package `optuna`.

    Raises:
        InputError: The extra is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise InputError("this needs Optuna, which is not installed; run `pip install 'foretell[optuna]'`.") from None
    return optuna


class OptunaSearch(Algorithm):
    """One of Optuna's samplers, alone or with a pruner.

    Genes that are numbers in order become integers (the places of their choices), others categories; layers that are
    not active have a value that means nothing. Proposals that break a limit are told as such, with how far they
    break it, where the sampler can learn from that.

    Args:
        setting: The job.
        kind: "tpe", "gp", "cmaes", "bohb" (TPE with the Hyperband pruner) or "asha" (random with the
            successive-halving pruner).

    Raises:
        InputError: Optuna is not installed, or the sampler does not apply to the space or the job.
    """

    def __init__(self, setting: Setting, kind: str) -> None:
        self._optuna = import_optuna()
        self.setting, self.kind = setting, kind
        self.space, self.costs, self.limits = setting.costs.space, setting.costs, setting.constraints
        self._check()
        self._coding = _Coding(self._optuna, self.space)
        self._steps = _steps(setting.fidelities) if kind in ("bohb", "asha") else [1]
        self.asynchronous = len(self._steps) > 1
        rng = np.random.default_rng(setting.seed)
        self._breeder = Breeder(setting.costs, setting.constraints, SMALLEST, rng)
        self._breeder.first()  # refuses limits that nothing keeps
        self._judges = 0
        self._begin()
        for row in setting.beginning:
            self._study.enqueue_trial(self._coding.params(row))

    def ask(self, n: int) -> Asked:
        """See `Algorithm.ask`; a Gaussian process, whose every proposal takes seconds, gives one at a time."""
        n = min(n, 1) if self.kind == "gp" else n
        chosen = [self._ready.pop(0) for _ in range(min(n, len(self._ready)))]
        chosen += [self._propose() for _ in range(n - len(chosen))]
        rows = [self._rows[number] for number in chosen]
        shares = [self._steps[self._rung[number]] / self._steps[-1] for number in chosen]
        return Asked.of(chosen, np.array(rows, dtype=np.int16).reshape(-1, self.space.width), shares)

    def tell(self, numbers: npt.NDArray[np.int64], goodness: Goodness) -> None:
        """See `Algorithm.tell`; a candidate that the pruner lets live is asked for again, further on."""
        for number, good in zip(numbers.tolist(), goodness.tolist(), strict=True):
            self._hear(number, good)

    def other_judge(self) -> None:
        """See `Algorithm.other_judge`: a new study, which begins with the best of the one before."""
        best = sorted(self._told, key=lambda number: -self._told[number])
        rows = [self._rows[number] for number in best[: math.ceil(_KEPT * len(best))]]
        self._judges += 1
        self._begin()
        for row in rows:
            self._study.enqueue_trial(self._coding.params(row))

    # ---- inside

    def _check(self) -> None:
        if self.kind == "cmaes":
            words = [gene.name for gene in self.space.genes if len(gene.choices) > 1 and not gene.ordered]
            if words:
                raise InputError(
                    f"cmaes moves in numbers, and {words[0]} of the space {self.space.name} is chosen among words; "
                    "choose tpe or gp."
                )

    def _begin(self) -> None:
        self._rows: dict[int, npt.NDArray[np.int16]] = {}
        self._rung: dict[int, int] = {}
        self._told: dict[int, float] = {}
        self._trials: dict[int, Any] = {}
        self._ready: list[int] = []
        with _quiet(self._optuna):
            self._study = self._optuna.create_study(
                direction="maximize",
                sampler=self._sampler(),
                pruner=self._pruner(),
                study_name=f"foretell-{self.setting.seed}-{self._judges}",  # Hyperband draws brackets by it
            )

    def _sampler(self) -> Any:
        samplers = self._optuna.samplers
        seed = self.setting.seed + 1000 * self._judges
        startup = self.setting.startup or min(_STARTUP, max(3, (self.setting.evaluations or 3 * _STARTUP) // 3))
        if self.kind in ("tpe", "bohb"):
            return samplers.TPESampler(seed=seed, n_startup_trials=startup)
        if self.kind == "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=startup)
        if self.kind == "cmaes":
            return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        return samplers.RandomSampler(seed=seed)

    def _pruner(self) -> Any:
        pruners = self._optuna.pruners
        if self.kind == "bohb":
            return pruners.HyperbandPruner(min_resource=1, max_resource=self._steps[-1], reduction_factor=_REDUCTION)
        if self.kind == "asha":
            return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_REDUCTION)
        return pruners.NopPruner()

    def _propose(self) -> int:
        """A new candidate that keeps the limits."""
        for _ in range(_REFUSED_SOON if self.kind in ("gp", "cmaes") else _REFUSED):
            trial = self._study.ask(self._coding.distributions)
            row = self.space.canonical(self._coding.row(trial.params)[None])
            if self._keeps(trial, row):
                return self._open(trial, row[0])
            self._refuse(trial)
        (row,) = self._breeder.strangers(1)
        self._study.enqueue_trial(self._coding.params(row))
        trial = self._study.ask(self._coding.distributions)
        self._keeps(trial, row[None])
        return self._open(trial, row)

    def _keeps(self, trial: Any, row: Population) -> bool:
        """Whether a row `int16 [1, columns]` keeps the limits; the sampler is told how far it does."""
        excess = self.limits.excess(self.costs, row)[0]
        if self.kind != "cmaes":  # which knows no constraints
            for item, beyond in zip(self.limits, excess.tolist(), strict=True):
                trial.set_constraint(item.text, beyond)
        return bool((excess <= 0).all())

    def _refuse(self, trial: Any) -> None:
        """Tell that a proposal breaks the limits, in the way that the sampler makes something of."""
        states = self._optuna.trial.TrialState
        if self.kind in ("tpe", "bohb"):
            self._study.tell(trial, state=states.PRUNED)
        elif self.kind in ("gp", "cmaes") and self._told:
            # These look at values alone, or want one beside the constraint.
            self._study.tell(trial, min(self._told.values()))
        else:
            self._study.tell(trial, state=states.FAIL)

    def _open(self, trial: Any, row: npt.NDArray[np.int16]) -> int:
        number = int(trial.number)
        self._trials[number], self._rows[number], self._rung[number] = trial, row, 0
        return number

    def _hear(self, number: int, good: float) -> None:
        trial, states = self._trials[number], self._optuna.trial.TrialState
        if not math.isfinite(good):
            self._study.tell(trial, state=states.FAIL)
            return
        self._told[number] = good
        if self._rung[number] == len(self._steps) - 1:
            self._study.tell(trial, good)
            return
        trial.report(good, self._steps[self._rung[number]])
        if trial.should_prune():
            self._study.tell(trial, state=states.PRUNED)
            return
        self._rung[number] += 1
        self._ready.append(number)


class _Coding:
    """Rows of a population as Optuna's parameters, one a column, and back."""

    def __init__(self, optuna: Any, space: SearchSpace) -> None:
        self.distributions: dict[str, Any] = {}
        self._columns: dict[str, int] = {}
        self._places: dict[str, list[int]] = {}
        self._width = space.width
        for gene in space.genes:
            columns = range(*space.columns(gene.name).indices(space.width))
            for layer, column in enumerate(columns):
                name = gene.name if gene.depth is None else f"{gene.name}[{layer}]"
                count = len(gene.choices)
                if count == 1:
                    continue
                self._columns[name] = column
                # The integers go up with the numbers, in whatever order the choices stand.
                self._places[name] = np.argsort(gene.numbers, kind="stable").tolist()
                self.distributions[name] = (
                    optuna.distributions.IntDistribution(0, count - 1)
                    if gene.ordered
                    else optuna.distributions.CategoricalDistribution(range(count))
                )

    def row(self, params: Mapping[str, Any]) -> npt.NDArray[np.int16]:
        """`int16 [columns]`."""
        row = np.zeros(self._width, dtype=np.int16)
        for name, value in params.items():
            row[self._columns[name]] = self._places[name][value]
        return row

    def params(self, row: npt.NDArray[np.int16]) -> dict[str, Any]:
        """What Optuna calls a row `int16 [columns]`."""
        return {name: self._places[name].index(int(row[column])) for name, column in self._columns.items()}


def _steps(fidelities: Fidelities) -> list[int]:
    """Rungs in units of the smallest training: 1, 4, 16; fewer where the full training has fewer units."""
    rungs = _RUNGS
    while rungs > 1 and fidelities.full > 1 and fidelities.full < _REDUCTION ** (rungs - 1):
        rungs -= 1
    return [_REDUCTION**rung for rung in range(rungs)]


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Studies that nobody asked Optuna for need not be announced."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
