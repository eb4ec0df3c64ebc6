"""A sampler for Optuna's own studies: foretell's predictors choose the next trial."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError, InputError
from foretell.metrics import Metric, metric_from
from foretell.observations import Observation
from foretell.predictors.registry import describe, parsed
from foretell.search.asking import Asker
from foretell.search.optuna_samplers import import_optuna
from foretell.spaces import Gene, Population, Scalar, SearchSpace

import_optuna()  # says which extra is missing

from optuna.distributions import (  # noqa: E402
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler  # noqa: E402
from optuna.search_space import IntersectionSearchSpace  # noqa: E402
from optuna.study import StudyDirection  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["ForetellSampler"]

_GRID = 33
"""Values that a parameter of more is cut down to, evenly, or evenly in its logarithm where it is logarithmic."""
_STARTUP = 6
_ASKED = "foretell:asked"
"""System attribute of a trial: the parameters that it was given, which Optuna shows only once all are asked for."""
_AT_ONCE = 8
"""Trials that are taken to choose at the same time, at most: what a killed process began stays as it was."""


class ForetellSampler(BaseSampler):
    """Chooses trials by a predictor that learns from all trials before.

    The first are a design whose results teach most; then, among thousands of candidates that keep the limits, the one
    with the best upper confidence is next. Parameters that only some trials have are drawn at random, as Optuna does.
    What it suggests depends on its seed, the trial's number and the study's trials: a study that is gone on with needs
    no state of the sampler.

    Example:
        >>> study = optuna.create_study(sampler=ForetellSampler(seed=1))
        >>> study.optimize(objective, n_trials=20)

    Args:
        predictor: Any of `foretell evaluate` that learns from labels; "auto" takes whatever the results so far cannot
            tell from the best.
        startup: Trials by design before the predictor chooses.
        seed: Of everything random.
        search_space: What is sampled together; None: the parameters that all finished trials have, from the second
            trial on.
        costs: What the parameters decide, as arithmetic over them: `{"params": "layers * width**2"}`.
        constraints: Limits on these that every suggestion keeps, such as "params<=150k"; parameters must then be
            named in `search_space`.

    Raises:
        InputError: Limits without a search space, or that cannot be read; a negative seed or number of first trials.
        UnknownNameError: There is no such predictor.
    """

    def __init__(
        self,
        *,
        predictor: str = "auto",
        startup: int = _STARTUP,
        seed: int | None = None,
        search_space: Mapping[str, BaseDistribution] | None = None,
        costs: Mapping[str, str] | None = None,
        constraints: Sequence[str] = (),
    ) -> None:
        describe(parsed(predictor).name)  # refuses a name that there is not, before anything is trained
        if startup < 0 or (seed is not None and seed < 0):
            raise InputError(f"startup is {startup} and seed is {seed}; expected numbers of at least 0.")
        self.predictor, self.startup = predictor, startup
        self.seed = int(np.random.default_rng(seed).integers(2**31)) if seed is None else seed
        self.costs, self.constraints = dict(costs or {}), Constraints.parse(constraints)
        self._given = None if search_space is None else dict(search_space)
        if self._given is None and (self.costs or len(self.constraints)):
            raise InputError("limits need to know the parameters beforehand; give their distributions as search_space.")
        self._intersection = IntersectionSearchSpace()
        self._asking = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock, which cannot go to another process."""
        return {name: each for name, each in self.__dict__.items() if name != "_asking"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """With a lock of its own."""
        self.__dict__.update(state)
        self._asking = threading.Lock()

    def reseed_rng(self) -> None:
        """See `BaseSampler.reseed_rng`; suggestions of different trials are drawn apart anyway."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See `BaseSampler.infer_relative_search_space`."""
        found = self._given if self._given is not None else self._intersection.calculate(study)
        return {name: each for name, each in sorted(found.items()) if not each.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """See `BaseSampler.sample_relative`."""
        _one_objective(study)
        if not search_space:
            return {}
        # Costs may name parameters of one value, for which Optuna does not ask.
        whole = search_space if self._given is None else dict(sorted(self._given.items()))
        coding = _Coding(whole, self.costs)
        better = study.direction == StudyDirection.MAXIMIZE
        metric = metric_from({"name": "value", "higher_is_better": better})
        asker = Asker(
            CostModel(coding.space),
            self.constraints,
            metric,
            predictor=self.predictor,
            startup=self.startup,
            seed=self.seed,
        )
        with self._asking:  # trials that begin together in threads see each other's
            trials = [each for each in study.get_trials(deepcopy=False) if each.number != trial.number]
            rows = [coding.asked(each) for each in trials]
            taken = np.array([row for row in rows if row is not None], dtype=np.int16).reshape(-1, coding.space.width)
            labels = coding.labels(trials, metric)
            # Another process may be choosing at this moment: what it is about to take is what it would be given here.
            choosing = [each.number for each in trials if _chooses(each) and each.number < trial.number]
            for number in [*sorted(choosing)[-_AT_ONCE:], trial.number]:
                row = _next_of(asker, number, labels, coding.space.canonical(taken))
                taken = np.concatenate([taken, row])
            study._storage.set_trial_system_attr(trial._trial_id, _ASKED, row[0].tolist())
        return {name: value for name, value in coding.params(row[0]).items() if name in search_space}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """See `BaseSampler.sample_independent`."""
        _one_objective(study)
        # Nothing goes on from draw to draw: each process of a study would begin with the same ones.
        stream = np.random.SeedSequence([self.seed, trial.number, zlib.crc32(param_name.encode())])
        drawing = RandomSampler(seed=int(stream.generate_state(1)[0]))
        return drawing.sample_independent(study, trial, param_name, param_distribution)


def _chooses(trial: FrozenTrial) -> bool:
    """Whether a trial has begun and been given nothing yet."""
    return trial.state == TrialState.RUNNING and not trial.params and _ASKED not in trial.system_attrs


def _next_of(asker: Asker, number: int, labels: Sequence[Observation], taken: Population) -> Population:
    try:
        return asker.ask(number, labels, taken)
    except InfeasibleError:
        if not len(taken):
            raise
        # Everything was tried once: what is noisy may be tried again.
        return asker.ask(number, labels, taken[:0])


def _one_objective(study: Study) -> None:
    if len(study.directions) != 1:
        raise ValueError("ForetellSampler has one objective; use one of Optuna's samplers for several.")


class _Coding:
    """Optuna's parameters as a search space, and back."""

    def __init__(self, search_space: Mapping[str, BaseDistribution], costs: Mapping[str, str]) -> None:
        self.values = {name: _values(each) for name, each in search_space.items()}
        genes = [Gene(name, _choices(values)) for name, values in self.values.items()]
        self.space = SearchSpace(genes, "optuna", costs=costs)

    def row(self, params: Mapping[str, Any]) -> npt.NDArray[np.int16] | None:
        """The row `int16 [columns]` nearest to a trial's parameters; None where it lacks one, or has another choice.

        A trial need not say what has one value only.
        """
        places = []
        for name, values in self.values.items():
            if name not in params and len(values) > 1:
                return None
            place = _place(values, params.get(name, values[0]))
            if place is None:
                return None
            places.append(place)
        return np.array(places, dtype=np.int16)

    def asked(self, trial: FrozenTrial) -> npt.NDArray[np.int16] | None:
        """The row of a trial, also of one that still asks for its parameters."""
        row = self.row(trial.params)
        if row is not None or trial.state.is_finished():
            return row
        places = trial.system_attrs.get(_ASKED)
        if not isinstance(places, list) or len(places) != len(self.values):
            return None  # asked for in another space
        fits = all(0 <= place < len(each) for place, each in zip(places, self.values.values(), strict=True))
        return np.array(places, dtype=np.int16) if fits else None

    def params(self, row: npt.NDArray[np.int16]) -> dict[str, Any]:
        """What Optuna calls a row."""
        return {name: values[place] for (name, values), place in zip(self.values.items(), row.tolist(), strict=True)}

    def labels(self, trials: Sequence[FrozenTrial], metric: Metric) -> list[Observation]:
        """What trials came to; those that failed or were pruned are known to be no good."""
        found = []
        for trial in trials:
            row = self.row(trial.params)
            if row is None or not trial.state.is_finished():
                continue
            done = trial.state == TrialState.COMPLETE and trial.value is not None and np.isfinite(trial.value)
            said = {metric.key: float(trial.value or 0.0)} if done else {}
            why = "" if done else trial.state.name.lower()
            found.append(Observation(self.space.architecture(self._canonical(row)), said, failed=why))
        return found

    def _canonical(self, row: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        population: Population = self.space.canonical(row[None])
        return population[0]


def _values(distribution: BaseDistribution) -> list[Any]:
    """What a parameter may be: all of it, or a grid where that is more than a predictor needs."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if not isinstance(distribution, (IntDistribution, FloatDistribution)):
        raise InputError(f"{distribution!r} is no distribution that foretell knows; expected int, float or categories.")
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is not None and (high - low) / step < _GRID and not distribution.log:
        count = round((high - low) / step) + 1
        exact = [low + place * step for place in range(count)]
    elif distribution.log:
        exact = np.geomspace(low, high, _GRID).tolist()
    else:
        exact = np.linspace(low, high, _GRID).tolist()
    if isinstance(distribution, IntDistribution):
        stride = distribution.step
        exact = [int(low + round((value - low) / stride) * stride) for value in exact]
    elif step is not None:
        exact = [low + round((value - low) / step) * step for value in exact]
    return list(dict.fromkeys(min(max(value, low), high) for value in exact))


def _choices(values: Sequence[Any]) -> tuple[Scalar, ...]:
    """The values as a gene's choices: numbers, words or truths as they are, anything else by its place."""
    kinds = {type(value) for value in values}
    numbers = kinds <= {int, float} and all(np.isfinite(value) for value in values)
    if (numbers or kinds in ({str}, {bool})) and len(set(values)) == len(values):
        return tuple(values)
    return tuple(f"choice {place}" for place in range(len(values)))


def _place(values: Sequence[Any], value: Any) -> int | None:
    """Where a value stands, or of numbers the nearest."""
    for place, each in enumerate(values):
        if each is value or (type(each) is type(value) and each == value):
            return place
    numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values)
    if not numbers or isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(np.argmin(np.abs(np.array(values, dtype=np.float64) - value)))
