"""The main job, from corpus to trained winner; every stage is kept, none is done twice."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.objectives import Job, make_executor, run_jobs
from foretell.search import Front, Schedule, Scorer, SearchResult, open_journal, search_by_schedule
from foretell.search.rules import simple_rules
from foretell.spaces import Architecture, SearchSpace
from foretell.study.architectures import initial_rows
from foretell.study.config import EMBEDDED, StudyConfig
from foretell.study.device import Device, measure_device, measure_finalists
from foretell.study.distilling import distil_job, settle_teacher, teacher_account
from foretell.study.finalist_race import Raced, label_teacher, race_finalists, refuse_race, target_of
from foretell.study.jobs import keep_trained, scratch_job, supernet_job, trained_label
from foretell.study.limits import resolve_limits
from foretell.study.preflight import look_at_task, refuse_early
from foretell.study.prompting import corpus_title
from foretell.study.rules import Picks, rule_entries
from foretell.study.run import Run, open_run
from foretell.study.scorers import make_scorer
from foretell.tasks import Task

__all__ = ["Prepared", "prepare", "run_study"]


def run_study(
    study: StudyConfig, out: Path | None = None, *, resume: bool = False, scored: Sequence[Path] = ()
) -> dict[str, Any]:
    """Search for the best architecture that keeps the study's limits, train it, and measure it.

    After a crash or an interruption the same call with `resume` ends where the run would have ended; what
    is lost is the item in flight (an architecture being measured or scored, the updates since a validation).

    Args:
        study: What to do.
        out: The run's folder; None is `runs/<name of the study>`.
        resume: Go on with what is in the folder.
        scored: Journals of other runs, whose scores by the same predictors need not be computed again.

    Returns:
        What `result.json` holds (docs/formats.md).

    Raises:
        InfeasibleError: No architecture keeps the limits; nothing was spent.
        ForetellError: Something else stopped the run; the message says what to do.
    """
    space = refuse_early(study)
    distils = ["distil"] if "distilled" in study.predictors else []
    searches = ["supernet", *distils, "search"] if study.predictors else []
    races = [] if study.search.finalists_race is None else ["race"]
    with open_run(study, out, resume=resume) as run:
        run.planned = ["corpus", "latency", *searches, *races, "train"]
        return _Pipeline(run, study, space, scored).go()


@dataclass(frozen=True)
class Prepared:
    """What every search of a study starts from.

    Attributes:
        study: The study, with the teacher that it gets.
        task: Sentences and vocabulary.
        device: Costs, latency included.
        limits: The study's limits in absolute numbers.
        note: Why the teacher is not the one that was asked for; empty where it is.
    """

    study: StudyConfig
    task: Task
    device: Device
    limits: Constraints
    note: str = ""

    def scratch_job(self, architecture: Architecture, title: str) -> Job:
        """Train an architecture from scratch with the study's recipe and seed."""
        return scratch_job(self.study, architecture, self.study.train.seed, title)

    def baseline_jobs(self) -> list[Job]:
        """Train what the winner is compared with."""
        return [self.scratch_job(architecture, name) for name, architecture in self.baselines.items()]

    @cached_property
    def baselines(self) -> dict[str, Architecture]:
        """The architectures that the winner is compared with, by name: the extremes, and what simple rules pick."""
        space, wanted = self.device.costs.space, self.study.train.baselines
        found = {"smallest": space.smallest(), "largest": space.largest()}
        if not found.keys() >= set(wanted):
            rules = simple_rules(self.device.costs, self.limits, seed=self.study.search.seed)
            found |= {rule.name: space.architecture(rule.row[0]) for rule in rules}
        return {name: found[name] for name in wanted if name in found}


def prepare(run: Run, study: StudyConfig, *, supernet: bool = True) -> Prepared:
    """Corpus, latencies and limits; for a search also the supernet, the language model and the baselines.

    Args:
        run: The run.
        study: What is studied.
        supernet: Whether to train one; a schedule without it does well without.

    Raises:
        InfeasibleError: No architecture keeps the limits; nothing was trained.
    """
    space = spaces.create(study.space)
    with run.stage("corpus"):
        task = study.make_task()
        target_of(study, task)  # refuses a race for what the task does not measure
        look_at_task(study, task, run.folder)
    with run.stage("latency"):
        device = measure_device(space, study, task.sizes["vocabulary"], run.folder, task.sizes.get("classes"))
        device.predictor.save(run.folder / "latency.json")
        limits = resolve_limits(study.constraints, device.costs)
        limits.check_feasible(device.costs, np.random.default_rng(study.search.seed))
        refuse_race(study, task, device.costs, limits, run.folder)
    study, note = settle_teacher(study, run.folder)
    prepared = Prepared(study, task, device, limits, note)
    if study.predictors:
        _prepare_search(run, prepared, supernet)
    return prepared


def _prepare_search(run: Run, prepared: Prepared, supernet: bool) -> None:
    study, distils = prepared.study, "distilled" in prepared.study.predictors
    with run.stage("supernet"):
        # A language model and the baselines depend on nothing that comes later: they use the core that is left.
        asks = [distil_job(study)] if distils and study.distilled.teacher == EMBEDDED else []
        trainings = [*([supernet_job(study)] if supernet else []), *prepared.baseline_jobs()]
        if study.executor.name == "processes":
            run_jobs([*trainings, *asks], executor=make_executor(study.executor, run.folder))
        else:
            # Only trainings go to other machines: what a language model says is written down by this one.
            run_jobs(trainings, executor=make_executor(study.executor, run.folder), meanwhile=lambda: run_jobs(asks))
    if distils:
        with run.stage("distil"):
            make_scorer("distilled", study, prepared.device.costs, prepared.task, None)


class _Pipeline:
    """The stages of one run, in order."""

    def __init__(self, run: Run, study: StudyConfig, space: SearchSpace, scored: Sequence[Path] = ()) -> None:
        self.run, self.study, self.space, self.scored = run, study, space, scored

    def go(self) -> dict[str, Any]:
        prepared = prepare(self.run, self.study, supernet="supernet" in self.study.predictors)
        self.study = prepared.study
        task, device, limits = prepared.task, prepared.device, prepared.limits
        found: SearchResult | None = None
        judge: Scorer | None = None
        raced: Raced | None = None
        if self.study.predictors:
            with self.run.stage("search"):
                found, judge = self._search(task, device.costs, limits)
                if self.study.search.finalists_race is None:
                    file = self.run.folder / "search" / "finalists.jsonl"
                    winner, measured = measure_finalists(file, self.study.latency.finalists, device, limits, found)
        others = [] if self.study.predictors else prepared.baseline_jobs()
        if self.study.search.finalists_race is not None:
            with self.run.stage("race"):
                raced = race_finalists(self.run, self.study, task, device, limits, judge, beside=others)
            winner, measured = raced.winner, raced.winner_measured
        with self.run.stage("train"):
            executor = make_executor(self.study.executor, self.run.folder)
            run_jobs([prepared.scratch_job(winner, "winner"), *others], executor=executor)
        return self._report(prepared, found, winner, measured, raced)

    def _search(self, task: Task, costs: CostModel, limits: Constraints) -> tuple[SearchResult, Scorer]:
        """What the search found, and its last predictor with all that it scored."""
        settings = self.study.search
        schedule = Schedule.parse(settings.schedule)
        with open_journal(self.run.folder / "search" / "scores.jsonl", self.space, self.scored) as journal:
            scorers = {n: make_scorer(n, self.study, costs, task, journal) for n in schedule.predictors}
            found = search_by_schedule(
                costs,
                limits,
                schedule,
                scorers,
                settings.evolution,
                algorithm=settings.algorithm,
                seed=settings.seed,
                initial=initial_rows(self.study.search.initial, self.space),
                propose=settings.propose,
                task=corpus_title(self.study),
            )
            return found, scorers[schedule.at(schedule.iterations)]

    def _report(
        self,
        prepared: Prepared,
        found: SearchResult | None,
        winner: Architecture,
        measured: dict[str, Any],
        raced: Raced | None,
    ) -> dict[str, Any]:
        task, costs = prepared.task, prepared.device.costs
        keep_trained(self.study, task, winner, self.run.folder / "winner")
        compared = {name: self._entry(task, costs, each) for name, each in prepared.baselines.items()}
        entry = self._entry(task, costs, winner)
        entry["costs"] |= {"latency_ms": measured["latency_ms"], "latency_interval_ms": measured["interval_ms"]}
        entry["costs"] |= measured["others"]
        floors = {name: {"metrics": metrics} for name, metrics in task.floor("test").items()}
        return self.run.finish(
            {
                "constraint": str(prepared.limits),
                "constraint_met": measured["kept"],
                "winner": entry,
                "baselines": compared,
                "reported": [task.metrics[0], task.metrics[0].replace("valid", "test")],
                **(
                    {"metrics": [self.study.metric(f"test_{n}").to_dict() for n in self.study.metrics]}
                    if self.study.metrics
                    else {}
                ),
                "floors": floors,
                **{name: told for name, told in floors.items() if name == "copy_source"},  # as it always was
                "search": self._searched(found),
                **({} if raced is None else {"race": raced.result.to_dict()}),
                "rules": self._rules(prepared, [winner, *prepared.baselines.values()], raced),
                "teacher": self._teacher(prepared),
                "finalists": measured["finalists"],
                "corpus": {"fingerprint": task.corpus_fingerprint, "task": task.fingerprint},
            }
        )

    def _searched(self, found: SearchResult | None) -> dict[str, Any]:
        """How the search went; of none, that there was none."""
        settings = self.study.search
        front = None if found is None else found.front
        return {
            "algorithm": settings.algorithm,
            "schedule": settings.schedule,
            "score": None if found is None else found.score,
            "evaluations_asked": {} if found is None else found.asked,
            "evaluations_distinct": {} if found is None else found.distinct,
            "history": [] if found is None else [vars(generation) for generation in found.history],
            **({"halving": {n: vars(each) for n, each in found.halvings.items()}} if found and found.halvings else {}),
            **({} if front is None else {"front": self._front(front)}),
            **({} if found is None or found.proposals is None else {"proposals": found.proposals.to_dict()}),
        }

    def _rules(self, prepared: Prepared, trained: list[Architecture], raced: Raced | None) -> list[dict[str, Any]]:
        """What simple rules would have picked; a predictor's pick only where there are labels to fit it to."""
        study, costs = self.study, prepared.device.costs
        target = target_of(study, prepared.task)
        race = study.search.finalists_race
        names = ["experience", "regression"]
        if race is not None and race.predictor is not None:
            names.insert(0, race.predictor)
        labels = [trained_label(study, prepared.task, architecture) for architecture in trained]
        reached: dict[Architecture, float] = {}
        if raced is not None:
            last = len(raced.result.rungs) - 1
            for seen in raced.result.seen:
                labels += [seen[last]] if last in seen else []
                for each in seen.values():
                    reached[each.architecture] = max(reached.get(each.architecture, 0.0), each.fidelity)
        predictors, tellers = [], []
        for name in dict.fromkeys(names):
            # Too few labels of this task, or no record of others; those of another task would tell a wrong level.
            with suppress(InputError):
                teach = partial(label_teacher, name, study, costs, prepared.task, target, self.run.folder, own=True)
                predictors.append(teach())
                tellers.append(teach(more=labels))  # they pick without this run's trainings, and foretell with them
        picks = Picks(costs, prepared.limits, predictors, tellers, study.search.seed)
        return rule_entries(picks, labels, reached)

    def _front(self, front: Front) -> list[dict[str, Any]]:
        """The trade-offs: each architecture with its score and costs."""
        return [
            {"architecture": architecture.to_dict(), **dict(zip(front.objectives, values.tolist(), strict=True))}
            for architecture, values in zip(self.space.architectures(front.population), front.values, strict=True)
        ]

    def _teacher(self, prepared: Prepared) -> dict[str, Any] | None:
        """Who taught the distilled predictor and how good that is; None for a search without one."""
        if "distilled" not in self.study.predictors:
            return None
        return teacher_account(self.study, prepared.device.costs) | {"note": prepared.note}

    def _entry(self, task: Task, costs: CostModel, architecture: Architecture) -> dict[str, Any]:
        row = self.space.population([architecture])
        values = {name: float(value[0]) for name, value in costs.costs(row).items()}
        if "latency_ms" in values:
            values["predicted_latency_ms"] = values.pop("latency_ms")
        trained = trained_label(self.study, task, architecture)
        return {
            "architecture": architecture.to_dict(),
            "costs": values,
            "metrics": dict(trained.metrics),
            "provenance": dict(trained.provenance),
        }
