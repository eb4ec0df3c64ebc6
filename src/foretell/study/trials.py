"""A study of trials on disk: what was asked for, what came out, and going on from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from foretell.costs import Constraints, CostModel
from foretell.errors import ForetellError, InfeasibleError, InputError
from foretell.locks import lock_folder
from foretell.metrics import Metric
from foretell.objectives import (
    Executor,
    FunctionObjective,
    InlineExecutor,
    Job,
    Objective,
    TableObjective,
    label_folder,
    label_job,
)
from foretell.observations import Observation
from foretell.predictors import Context, Prediction, create
from foretell.records import write_json
from foretell.search import Dialogue, Setting
from foretell.search.algorithms import sizes_for
from foretell.spaces import Architecture, Population, SearchSpace
from foretell.study.limits import limited_costs
from foretell.study.trial_choice import Trial, TrialChoice
from foretell.study.trial_config import TrialStudyConfig
from foretell.study.trial_loop import TrialLoop
from foretell.study.trial_observations import TrialObservations
from foretell.study.trial_race import RACE_RESULT, check_race, race_trials
from foretell.study.trial_result import trial_result

__all__ = ["LABELS", "OBSERVATIONS_FILE", "STUDY_FILE", "TRIALS_FILE", "Study", "Trial"]

STUDY_FILE = "study.yaml"
_PAGES = "foretell.report"
"""What draws a study's page: a room on a higher floor, which is therefore asked by name."""
TRIALS_FILE, OBSERVATIONS_FILE, LABELS = "trials.jsonl", "observations.jsonl", "labels"


class Study:
    """Trials of one space under one metric, kept in a folder.

    `foretell.create_study` makes one. Everything is on the disk the moment it exists: after a crash `load_study` and
    the same calls go on, and the trials that were being trained are trained again, with the same architectures.

    Args:
        config: What is studied.
        folder: `study.yaml`, `trials.jsonl`, `observations.jsonl` and, in the end, `result.json` and `report.html`.

    Raises:
        InputError: The folder holds another study, or its files make no sense.
    """

    def __init__(self, config: TrialStudyConfig, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.space: SearchSpace = config.search_space()
        self.metric: Metric = config.quality()
        self.costs = CostModel(self.space)
        limits = config.limits()
        self.gene_limits, self.told_limits = limited_costs(limits, self.space, config.objective.costs)
        self._fidelities = config.fidelities()
        self.pool: Population | None = None  # all that can be tried, where only those have labels
        self._told = TrialObservations(folder / OBSERVATIONS_FILE, self.costs)
        self._choice = TrialChoice(folder / TRIALS_FILE, self.space, self._begin, self._goodness)

    # ---- what is known

    @property
    def trials(self) -> list[Trial]:
        """All trials that were asked for, in order."""
        return list(self._choice.trials)

    @property
    def proposals(self) -> dict[str, float] | None:
        """What a language model was asked for and came up with until the last trial; None where none proposes."""
        return self._choice.proposals

    @property
    def observations(self) -> list[Observation]:
        """What was told, in the order of the trials; failed ones say why (`failed`)."""
        return [item for _, item in sorted(self._told.by_number.items())]

    @property
    def limits(self) -> Constraints:
        """All limits."""
        return Constraints((*self.gene_limits, *self.told_limits))

    @property
    def best(self) -> Observation:
        """The best that was told, of those that keep all limits and were trained furthest.

        Raises:
            InputError: Nothing was told yet, or everything failed.
            InfeasibleError: Nothing told keeps the limits.
        """
        done = [item for item in self.observations if self.metric.key in item.metrics]
        if not done:
            raise InputError(f"the study {self.config.name} has no finished trial; call optimize or tell first.")
        kept = [item for item in done if self.keeps(item)]
        if not kept:
            raise InfeasibleError(
                f"none of {len(done)} finished trials keeps {self.told_limits}; relax the limit, or go on with more "
                "trials."
            )
        furthest = max(item.fidelity for item in kept)
        trained = [item for item in kept if item.fidelity == furthest]
        return max(trained, key=lambda item: self.metric.goodness(item.metric(self.metric.key)))

    @property
    def best_params(self) -> dict[str, Any]:
        """The genes of the best, by Optuna's word."""
        return self.best.architecture.to_dict()

    @property
    def best_value(self) -> float:
        """The metric of the best."""
        return self.best.metric(self.metric.key)

    @property
    def best_trial(self) -> Trial:
        """The trial of the best."""
        return self._choice.trials[int(self.best.provenance["trial"])]

    def predict(self, architectures: Population | Sequence[Architecture]) -> Prediction:
        """What the study's predictor, taught by all that was told, says of other architectures.

        Args:
            architectures: A population `int16 [n, columns]` (as `study.space.sample(100, rng)` gives), or a list.

        Raises:
            InputError: Too few labels so far.
        """
        settings = self.config.search
        predictor = create(settings.predictor, context=Context(self.space, metric=self.metric, seed=settings.seed))
        if not isinstance(architectures, np.ndarray):
            architectures = self.space.population(list(architectures))
        return predictor.fit(self.observations).predict(architectures)

    # ---- ask and tell

    def ask(self) -> Trial:
        """The next architecture to train; it is on the disk when this returns.

        By default the first are a D-optimal design, then a predictor's upper confidence decides
        (`search.algorithm`).

        Raises:
            InfeasibleError: No architecture keeps the limits, or all that do were asked for.
            InputError: The algorithm goes from generation to generation, and has to be told of this one first.
        """
        with self._held():
            trial = self._choice.ask(self._told.by_number)
        if trial is None:
            open_ones = ", ".join(str(t.number) for t in self._choice.trials if t.number not in self._told.by_number)
            raise InputError(
                f"{self.config.search.algorithm} has to know more before it goes on; tell the trials {open_ones} first."
            )
        return trial

    def tell(self, trial: Trial | int, value: float | Mapping[str, float] | None = None, **metrics: Any) -> Observation:
        """What came out of a trial; it is on the disk when this returns.

        Args:
            trial: The trial, or its number.
            value: The study's metric, or metrics and costs by name.
            metrics: The same by name: `study.tell(trial, val_loss=3.1)`; `failed="out of memory"` tells that there
                is none, and why.

        Raises:
            InputError: No such trial, one that was told already, a missing metric, or no finite number.
        """
        number = trial.number if isinstance(trial, Trial) else trial
        failed = str(metrics.pop("failed", ""))
        said = dict(value) if isinstance(value, Mapping) else {} if value is None else {self.metric.key: value}
        said |= metrics
        with self._held():
            self._check(number, said, failed)
            told = {name for name in said if name in self.config.objective.costs}
            observation = Observation(
                self._choice.trials[number].architecture,
                {} if failed else {name: float(each) for name, each in said.items() if name not in told},
                {name: float(said[name]) for name in told},
                failed=failed,
                fidelity=self._choice.trials[number].fidelity,
            )
            return self._told.keep(number, observation)

    def optimize(
        self,
        objective: Callable[..., Any] | Objective | None = None,
        n_trials: int | None = None,
        *,
        executor: Executor | None = None,
    ) -> None:
        """Ask, train and tell, again and again.

        Interrupted by Ctrl-C or killed, it loses the trials that are being trained; called again, it goes on with
        them. A trial that fails is told as failed, with its reason; the study goes on.

        Args:
            objective: A function `f(architecture) -> float | dict` (its keyword parameters `seed`, `folder` and
                `fidelity` are filled in where it has them), or an `Objective`; None: the one that the study names.
            n_trials: How many more trials to finish (the work of so many full ones, where the algorithm trains some
                a little); None: what is left of the study's `search.trials`, and then its race.
            executor: What runs trials; None: this process, one after the other.

        Raises:
            InfeasibleError: Not one architecture keeps the limits.
        """
        chosen = self._objective(objective)
        self._fidelities = chosen.fidelities
        looked_up = isinstance(chosen, TableObjective)
        if isinstance(chosen, TableObjective):
            self.pool = self.space.population(chosen.architectures)
        loop = self._loop(chosen)
        wanted = self._left(loop, n_trials)
        races = n_trials is None and self.config.search.race is not None
        if wanted > 0 or races:
            with (
                self._held(),
                executor or InlineExecutor() as running,
                self._told.opened(sync=not looked_up),
            ):
                if races:
                    check_race(self, chosen)
                wanted = self._left(loop, n_trials)  # now that nobody else goes on
                if wanted > 0:
                    loop.run(wanted, running)
                if races:
                    self._race(chosen, running)
        if any(not item.failed for item in self._told.by_number.values()):
            self.finish()

    def report(self) -> Path:
        """Write the page of the study, `report.html`, and return its path.

        Raises:
            InputError: The extra `[report]` is not installed, or nothing was told yet.
        """
        self.finish()
        path: Path = import_module(_PAGES).write_report(self.folder)
        return path

    def finish(self) -> dict[str, Any]:
        """Write `result.json` from all that was told, and return it."""
        result = trial_result(self)
        write_json(self.folder / "result.json", result)
        return result

    # ---- inside

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The folder's lock; what another handle has written since is read, for a trial's number is its name."""
        with lock_folder(self.folder):
            if self._choice.changed:
                self._choice.read()
            if self._told.changed:
                self._told.read()
            yield

    def _left(self, loop: TrialLoop, n_trials: int | None) -> float:
        """How many more trials are wanted."""
        return self.config.search.trials - loop.work().total if n_trials is None else n_trials

    def _race(self, objective: Objective, executor: Executor) -> None:
        """Run the study's race; what it trained in full becomes trials."""
        found = race_trials(self, objective, executor)
        raced = {trial.architecture: trial for trial in self.trials if trial.raced}
        for entrant in sorted(found.finishers):
            label = found.seen[entrant][len(found.rungs) - 1]
            trial = raced.get(label.architecture) or self._choice.note_raced(label.architecture)
            if trial.number not in self._told.by_number:
                spent = {"training_seconds": round(found.seconds[entrant], 3)}
                self._told.keep(trial.number, replace(label, provenance={**label.provenance, **spent}))
        write_json(self.folder / RACE_RESULT, found.to_dict())

    def _objective(self, given: Callable[..., Any] | Objective | None) -> Objective:
        if given is None:
            return self.config.make_objective(self.folder)
        if isinstance(given, Objective):
            return given
        return FunctionObjective(given, (self.metric.key,), costs=self.config.objective.costs)

    def _begin(self) -> Dialogue:
        """The algorithm of the study, at its beginning."""
        settings = self.config.search
        setting = Setting(
            self.costs,
            self.gene_limits,
            self.metric,
            settings=sizes_for(settings.trials),
            seed=settings.seed,
            evaluations=settings.trials,
            fidelities=self._fidelities,
            predictor=settings.predictor,
            startup=settings.startup,
            initial=self.config.beginning(),
            against=settings.against,
            pool=self.pool,
            propose=settings.propose,
        )
        return Dialogue(settings.algorithm, setting)

    def _goodness(self, number: int) -> float:
        """Of a trial; what breaks a limit that only the objective tells is learnt from as if it had failed."""
        item = self._told.by_number[number]
        if item.failed or not self.keeps(item):
            return float("nan")
        return float(self.metric.goodness(item.metric(self.metric.key)))

    def _loop(self, objective: Objective) -> TrialLoop:
        """What trains the trials by an objective."""
        return TrialLoop(
            self._choice,
            self._told,
            lambda trial: self._job(objective, trial),
            self._note,
            blind=self.config.search.algorithm == "random",
            continued=self._fidelities.continued,
        )

    def _job(self, objective: Objective, trial: Trial) -> Job:
        seed, base = self.config.objective.seed, self.folder / LABELS
        return label_job(
            objective,
            trial.architecture,
            seed=seed,
            fidelity=trial.fidelity,
            folder=label_folder(base, objective, trial.architecture, seed, trial.fidelity),
            title=f"trial {trial.number}",
        )

    def _note(self) -> str:
        try:
            return f"best {self.metric.key} {self.metric.format(self.best_value)}"
        except ForetellError:
            return ""

    def keeps(self, item: Observation) -> bool:
        """Whether what was told keeps the limits that the genes do not decide."""
        return all(
            limit.cost in item.costs and bool(limit.holds(np.array([item.costs[limit.cost]]))[0])
            for limit in self.told_limits
        )

    def _check(self, number: int, said: Mapping[str, Any], failed: str) -> None:
        if not 0 <= number < len(self.trials):
            raise InputError(f"there is no trial {number}; the study has asked for {len(self.trials)}: ask first.")
        if number in self._told.by_number:
            raise InputError(f"trial {number} was told already; every trial is told once.")
        if self.metric.key not in said and not failed:
            there = ", ".join(said) or "nothing"
            raise InputError(f"trial {number} was told {there}; expected the metric {self.metric.key}.")
        for name, each in said.items():
            if isinstance(each, bool) or not isinstance(each, (int, float, np.number)):
                raise InputError(f"trial {number} was told {name}={each!r}; expected a number, or failed='why'.")
