"""A study of trials on disk: what was asked for, what came out, and going on from it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    Objective,
    TableObjective,
    label_folder,
    label_job,
)
from foretell.observations import Observation, ObservationWriter
from foretell.predictors import Context, Prediction, create
from foretell.progress import track
from foretell.records import append_jsonl, read_jsonl, write_json
from foretell.search.asking import Asker
from foretell.spaces import Architecture, Population, SearchSpace
from foretell.study.trial_config import TrialStudyConfig, limited_costs
from foretell.study.trial_race import RACE_RESULT, check_race, race_trials
from foretell.study.trial_result import trial_result

__all__ = ["STUDY_FILE", "Study", "Trial"]

STUDY_FILE = "study.yaml"
_PAGES = "foretell.report"
"""What draws a study's page: a room on a higher floor, which is therefore asked by name."""
_TRIALS, _OBSERVATIONS = "trials.jsonl", "observations.jsonl"


@dataclass(frozen=True)
class Trial:
    """An architecture that a study wants to know the metric of.

    Attributes:
        number: From 0.
        architecture: What to train.
        raced: Whether it was trained in full by the study's race.
    """

    number: int
    architecture: Architecture
    raced: bool = False

    @property
    def params(self) -> dict[str, Any]:
        """Gene names to values, by Optuna's word."""
        return self.architecture.to_dict()


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
        settings = config.search
        self._asker = Asker(
            self.costs,
            self.gene_limits,
            self.metric,
            predictor=settings.predictor,
            startup=settings.designed,
            seed=settings.seed,
        )
        self._trials: list[Trial] = []
        self._results: dict[int, Observation] = {}
        self._read()

    # ---- what is known

    @property
    def trials(self) -> list[Trial]:
        """All trials that were asked for, in order."""
        return list(self._trials)

    @property
    def observations(self) -> list[Observation]:
        """What was told, in the order of the trials; failed ones say why (`failed`)."""
        return [self._results[number] for number in sorted(self._results)]

    @property
    def limits(self) -> Constraints:
        """All limits."""
        return Constraints((*self.gene_limits, *self.told_limits))

    @property
    def pool(self) -> Population | None:
        """All that can be tried, `int16 [n, columns]`, where only those have labels; None: the whole space."""
        return self._asker.pool

    @property
    def best(self) -> Observation:
        """The best that was told, of those that keep all limits.

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
        return max(kept, key=lambda item: self.metric.goodness(item.metric(self.metric.key)))

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
        return self._trials[int(self.best.provenance["trial"])]

    def predict(self, architectures: Population | Sequence[Architecture]) -> Prediction:
        """What the study's predictor, taught by all that was told, says of other architectures.

        Args:
            architectures: A population `int16 [n, columns]` (as `study.space.sample(100, rng)` gives), or a list.

        Raises:
            InputError: Too few labels so far.
        """
        name = "regression" if self.config.search.predictor == "random" else self.config.search.predictor
        predictor = create(name, context=Context(self.space, metric=self.metric, seed=self.config.search.seed))
        if not isinstance(architectures, np.ndarray):
            architectures = self.space.population(list(architectures))
        return predictor.fit(self.observations).predict(architectures)

    # ---- ask and tell

    def ask(self) -> Trial:
        """The next architecture to train; it is on the disk when this returns.

        The first are a D-optimal design, then the predictor's upper confidence decides.

        Raises:
            InfeasibleError: No architecture keeps the limits, or all that do were asked for.
        """
        with lock_folder(self.folder):
            return self._ask(self.observations)

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
        with lock_folder(self.folder):
            self._check(number, said, failed)
            told = {name for name in said if name in self.config.objective.costs}
            observation = Observation(
                self._trials[number].architecture,
                {} if failed else {name: float(each) for name, each in said.items() if name not in told},
                {name: float(said[name]) for name in told},
                failed=failed,
            )
            return self._keep(number, observation)

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
            n_trials: How many more trials to finish; None: what is left of the study's `search.trials`, and then its
                race.
            executor: What runs trials; None: this process, one after the other.

        Raises:
            InfeasibleError: Not one architecture keeps the limits.
        """
        chosen = self._objective(objective)
        if isinstance(chosen, TableObjective):
            self._asker.pool = self.space.population(chosen.architectures)
        done = sum(not self._trials[number].raced for number in self._results)
        wanted = self.config.search.trials - done if n_trials is None else n_trials
        races = n_trials is None and self.config.search.race is not None
        if wanted > 0 or races:
            with lock_folder(self.folder), executor or InlineExecutor() as running:
                if races:
                    check_race(self, chosen)
                if wanted > 0:
                    self._run(chosen, wanted, running)
                if races:
                    self._race(chosen, running)
        if any(not item.failed for item in self._results.values()):
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

    def _race(self, objective: Objective, executor: Executor) -> None:
        """Run the study's race; what it trained in full becomes trials."""
        found = race_trials(self, objective, executor)
        for entrant in sorted(found.finishers):
            architecture = found.seen[entrant][0].architecture
            trial = next((each for each in self._trials if each.architecture == architecture), None)
            trial = trial or self._note_trial(architecture, raced=True)
            if trial.number not in self._results:
                label = found.seen[entrant][len(found.rungs) - 1]
                spent = {"training_seconds": round(found.seconds[entrant], 3)}
                self._keep(trial.number, replace(label, provenance={**label.provenance, **spent}))
        write_json(self.folder / RACE_RESULT, found.to_dict())

    def _objective(self, given: Callable[..., Any] | Objective | None) -> Objective:
        if given is None:
            return self.config.make_objective(self.folder)
        if isinstance(given, Objective):
            return given
        return FunctionObjective(given, (self.metric.key,), costs=self.config.objective.costs)

    def _run(self, objective: Objective, wanted: int, executor: Executor) -> None:
        """Keep the executor busy until so many more trials have ended.

        Which labels the choice of trial n knows does not depend on which of the trials that run beside it ends first:
        it knows those of all trials before it but the last `slots - 1`.
        """
        pending = [trial for trial in self._trials if trial.number not in self._results and not trial.raced]
        goal = len(self._results) + wanted
        waiting: dict[int, int] = {}
        with track("trials", goal) as meter:
            meter.update(len(self._results), self._note())
            done = iter(self._completed(executor, waiting))
            while True:
                while len(waiting) < executor.slots and len(self._results) + len(waiting) < goal:
                    trial = pending.pop(0) if pending else self._next(executor.slots)
                    if trial is None:
                        break
                    waiting[self._submit(objective, trial, executor)] = trial.number
                if not waiting:
                    return
                next(done)
                meter.update(len(self._results), self._note())

    def _next(self, slots: int) -> Trial | None:
        """The next trial, once the labels that its choice needs are there; None while they are not."""
        number = len(self._trials)
        needed = range(max(0, number - slots + 1))
        if any(each not in self._results for each in needed):
            return None
        try:
            return self._ask([self._results[each] for each in needed])
        except InfeasibleError:
            if not self._results:
                raise
            warnings.warn(
                f"all architectures of {self.space.name} that keep the limits have been tried; the study ends early.",
                stacklevel=2,
            )
            return None

    def _submit(self, objective: Objective, trial: Trial, executor: Executor) -> int:
        seed, base = self.config.objective.seed, self.folder / "labels"
        folder = label_folder(base, objective, trial.architecture, seed, 1.0)
        title = f"trial {trial.number}"
        job = label_job(objective, trial.architecture, seed=seed, fidelity=1.0, folder=folder, title=title)
        return executor.submit(job).number

    def _completed(self, executor: Executor, waiting: dict[int, int]) -> Iterator[None]:
        while True:
            for each in executor.completed():
                number = waiting.pop(each.handle.number)
                if each.error is not None:
                    raise each.error
                self._keep(number, Observation.from_dict(self.space, each.value))
                yield

    def _note(self) -> str:
        try:
            return f"best {self.metric.key} {self.metric.format(self.best_value)}"
        except ForetellError:
            return ""

    def _ask(self, known: Sequence[Observation]) -> Trial:
        number = len(self._trials)
        taken = self.space.population([trial.architecture for trial in self._trials])
        row = self._asker.ask(number, self._learnable(known), taken)[0]
        return self._note_trial(self.space.architecture(row))

    def _note_trial(self, architecture: Architecture, *, raced: bool = False) -> Trial:
        trial = Trial(len(self._trials), architecture, raced)
        line = {"number": trial.number, "architecture": trial.params, **({"raced": True} if raced else {})}
        with (self.folder / _TRIALS).open("a", encoding="utf-8") as file:
            append_jsonl(file, [line])
        self._trials.append(trial)
        return trial

    def _learnable(self, known: Sequence[Observation]) -> list[Observation]:
        """What breaks a limit that only the objective tells is learnt from as if it had failed."""
        found = []
        for item in known:
            broken = self.told_limits and not item.failed and not self.keeps(item)
            found.append(replace(item, metrics={}, failed=f"breaks {self.told_limits}") if broken else item)
        return found

    def keeps(self, item: Observation) -> bool:
        """Whether what was told keeps the limits that the genes do not decide."""
        return all(
            limit.cost in item.costs and bool(limit.holds(np.array([item.costs[limit.cost]]))[0])
            for limit in self.told_limits
        )

    def _check(self, number: int, said: Mapping[str, Any], failed: str) -> None:
        if not 0 <= number < len(self._trials):
            raise InputError(f"there is no trial {number}; the study has asked for {len(self._trials)}: ask first.")
        if number in self._results:
            raise InputError(f"trial {number} was told already; every trial is told once.")
        if self.metric.key not in said and not failed:
            there = ", ".join(said) or "nothing"
            raise InputError(f"trial {number} was told {there}; expected the metric {self.metric.key}.")
        for name, each in said.items():
            if isinstance(each, bool) or not isinstance(each, (int, float, np.number)):
                raise InputError(f"trial {number} was told {name}={each!r}; expected a number, or failed='why'.")

    def _keep(self, number: int, observation: Observation) -> Observation:
        row = self.space.population([observation.architecture])
        counted = {name: float(values[0]) for name, values in self.costs.costs(row).items()}
        provenance = {**observation.provenance, "trial": number}
        kept = replace(observation, costs={**counted, **observation.costs}, provenance=provenance)
        with ObservationWriter(self.folder / _OBSERVATIONS) as writer:
            writer.write(kept)
        self._results[number] = kept
        return kept

    def _read(self) -> None:
        for line in read_jsonl(self.folder / _TRIALS, repair=True):
            architecture = Architecture.from_dict(self.space, line["architecture"])
            self._trials.append(Trial(len(self._trials), architecture, bool(line.get("raced", False))))
        path = self.folder / _OBSERVATIONS
        if path.exists():
            with ObservationWriter(path) as writer:
                for item in writer.written(self.space):
                    self._results[int(item.provenance["trial"])] = item
