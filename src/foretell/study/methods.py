"""Ways to find an architecture in a given time: what each picks."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from foretell.errors import InfeasibleError, InputError, UnknownNameError
from foretell.objectives import VirtualExecutor, run_jobs
from foretell.observations import Observation
from foretell.search import Dialogue, Schedule, Setting, Training, open_journal, search_by_schedule
from foretell.search.algorithms import GENIUS, ROUNDS, describe, sizes_for
from foretell.search.algorithms import names as algorithm_names
from foretell.search.rules import simple_rules
from foretell.spaces import Architecture
from foretell.study.arena import Arena, Found, brief
from foretell.study.compare import PRESETS, Preset, preset
from foretell.study.config import EMBEDDED, StudyConfig
from foretell.study.distilling import distil, teacher_account
from foretell.study.equal_race import race
from foretell.study.jobs import supernet_job
from foretell.study.prompting import corpus_title
from foretell.study.scorers import make_scorer

__all__ = ["AS_PUBLISHED", "RULES", "by_supernet", "check_method", "find", "method_names", "simple_rows"]

AS_PUBLISHED = "-as-published"
"""After a preset's name: with its whole supernet and schedule, however long they take."""
RULES = ("most-flops", "most-parameters", "uniform", "regression", "experience")
"""Simple rules that train nothing; "random" trains as many as fit."""
_SUPERNET = 0.6
"""Of the seconds, for the supernet of a method that is shortened to fit."""


def method_names() -> list[str]:
    """All methods; presets besides with the ending `AS_PUBLISHED`, and hs-nas-A-B."""
    return list(dict.fromkeys([*algorithm_names(), *RULES, "race", *PRESETS]))


def simple_rows() -> tuple[str, ...]:
    """Methods that every comparison has, if it does not say which."""
    return ("random", *RULES)


def by_supernet(name: str) -> bool:
    """Whether a method is a preset, which searches with a supernet."""
    return name not in (*algorithm_names(), *RULES, "race")


def check_method(name: str) -> None:
    """Refuse a name that is no method.

    Raises:
        UnknownNameError: The message names the nearest.
        InputError: A window of hs-nas-A-B that is not inside the iterations.
    """
    if name not in method_names():
        try:
            preset(name.removesuffix(AS_PUBLISHED))
        except UnknownNameError:
            raise UnknownNameError("method", name, [*method_names(), "hs-nas-1-30"]) from None


def find(name: str, arena: Arena) -> Found | None:
    """Let a method find its winner; None for a rule that does not apply here.

    Raises:
        UnknownNameError: There is no such method; the message names the nearest.
        InfeasibleError: No architecture keeps the limits.
    """
    if name in RULES:
        return _rule(name, arena)
    if name == "race":
        return race(arena)
    if name in algorithm_names():
        return _trained(name, arena)
    check_method(name)
    return _by_supernet(preset(name.removesuffix(AS_PUBLISHED)), arena, whole=name.endswith(AS_PUBLISHED))


# ---- rules and trainings


def _rule(name: str, arena: Arena) -> Found | None:
    start = time.process_time()
    rules = simple_rules(arena.costs, arena.limits, seed=arena.seed, predictors=arena.predictors)
    rows = [rule.row for rule in rules if rule.name == name]
    return Found(arena.space.architecture(rows[0][0]), time.process_time() - start) if rows else None


def _trained(name: str, arena: Arena) -> Found:
    """An algorithm that asks for trainings until the time is over; its winner is the best of those in full."""
    setting = Setting(
        arena.costs,
        arena.limits,
        arena.metric,
        settings=sizes_for(None),
        seed=arena.seed,
        fidelities=arena.trainings.fidelities,
        predictor="auto" if name == "predictor" else "regression",
        propose=arena.study.search.propose if describe(name).asks else None,
        task=corpus_title(arena.study),
    )
    with arena.executor(arena.seconds) as executor:
        dialogue = Dialogue(name, setting)
        labels = _drive(dialogue, executor, arena, ROUNDS if name == GENIUS else math.inf)
    proposals = dialogue.algorithm.proposals
    about = {} if proposals is None else {"proposals": proposals.to_dict()}
    best = _best_of(labels)
    architecture = _first(arena) if best is None else best.architecture
    return Found(architecture, executor.now, executor.worked, [brief(item) for _, item in labels], about)


def _best_of(labels: Sequence[tuple[float, Observation]]) -> Observation | None:
    """The best of what was trained furthest, with its goodness; of equals the first. None where nothing has a label."""
    known = [(good, item) for good, item in labels if np.isfinite(good)]
    furthest = max((item.fidelity for _, item in known), default=1.0)
    return max((each for each in known if each[1].fidelity == furthest), key=lambda each: each[0], default=(0, None))[1]


def _drive(dialogue: Dialogue, executor: VirtualExecutor, arena: Arena, most: float) -> list[tuple[float, Observation]]:
    """Ask and train until the clock says that it is enough, or so many were; labels with their goodness, as they came.

    What a language model says is charged what it took when it was bought, whoever bought it.
    """
    labels: list[tuple[float, Observation]] = []
    running: dict[int, Training] = {}
    while not executor.expired:
        while len(running) < executor.slots and dialogue.asked < most:
            start, bought = time.process_time(), _bought(dialogue)
            training = dialogue.ask()
            executor.charge(max(time.process_time() - start, _bought(dialogue) - bought))
            if training is None:
                break
            architecture = arena.space.architecture(training.row[0])
            job = arena.trainings.job(architecture, training.fidelity, f"trial {training.number}")
            running[executor.submit(job).number] = training
        done = next(iter(executor.completed()), None)
        if done is None:
            break
        if done.error is not None:
            raise done.error
        item = Observation.from_dict(arena.space, done.value)
        good = float("nan") if item.failed else float(arena.metric.goodness(item.metric(arena.metric.key)))
        dialogue.tell(running.pop(done.handle.number), good)
        labels.append((good, item))
    return labels


def _bought(dialogue: Dialogue) -> float:
    """Seconds of a language model's replies so far."""
    proposals = dialogue.algorithm.proposals
    return 0.0 if proposals is None else proposals.seconds


def _first(arena: Arena) -> Architecture:
    """A random architecture, where the time was too short for one training."""
    asked = Dialogue("random", Setting(arena.costs, arena.limits, seed=arena.seed)).ask()
    if asked is None:
        raise InfeasibleError(f"no architecture of {arena.space.name} keeps {arena.limits}; relax a limit.")
    return arena.space.architecture(asked.row[0])


# ---- supernets


def _by_supernet(chosen: Preset, arena: Arena, *, whole: bool) -> Found:
    """A preset, as published or shortened to fit: a part of the updates, and iterations until the time is over."""
    study = arena.study
    if chosen.teacher is not None:
        distilled = study.distilled.model_copy(update={"teacher": chosen.teacher})
        study = study.model_copy(update={"distilled": distilled})
    schedule = Schedule.parse(chosen.schedule)
    if not whole:
        study = _shortened(study, arena, distils="distilled" in schedule.predictors)
    (result,) = run_jobs([supernet_job(study)])
    supernet = float(result["cpu_seconds"] or result["seconds"])
    with open_journal(None, arena.space) as journal:
        scorers = {n: make_scorer(n, study, arena.costs, arena.task, journal) for n in schedule.predictors}
        teacher = 0.0
        if "distilled" in scorers:
            account = teacher_account(study, arena.costs)
            teacher = float(account.get("seconds", 0.0))
        # The teacher is asked beside the supernet, unless it is the supernet.
        before = supernet + teacher if study.distilled.teacher == "supernet" else max(supernet, teacher)
        start = time.process_time()
        left = arena.seconds - before

        def enough() -> bool:
            return not whole and time.process_time() - start >= left

        found = search_by_schedule(
            arena.costs, arena.limits, schedule, scorers, seed=arena.seed, enough=enough, **chosen.search(study)
        )
    searched = time.process_time() - start
    about = {
        "supernet_seconds": supernet,
        "supernet_updates": result["updates"],
        "teacher": study.distilled.teacher,
        "teacher_seconds": teacher,
        "search_seconds": searched,
        "iterations": len(found.history),
    }
    return Found(found.best, before + searched, supernet + teacher + searched, about=about)


def _shortened(study: StudyConfig, arena: Arena, *, distils: bool) -> StudyConfig:
    """The study with a supernet that takes its share of the time, and without a language model that takes more.

    How long an update takes is known from the whole supernet, which is trained where it is not in the store; how long
    a language model takes, likewise. In its place the regression teaches.

    Raises:
        InputError: Not even a few updates fit.
    """
    recipe = study.supernet.recipe
    (result,) = run_jobs([supernet_job(study)])
    an_update = float(result["cpu_seconds"] or result["seconds"]) / result["updates"]
    updates = min(recipe.updates, int(_SUPERNET * arena.seconds / an_update))
    if updates < 1:
        raise InputError(f"no update of the supernet fits into {arena.seconds:g} s; give more seconds.")
    warmup = min(recipe.warmup, max(1, recipe.warmup * updates // recipe.updates))
    shorter = recipe.model_copy(update={"updates": updates, "warmup": warmup})
    changes: dict[str, Any] = {"supernet": study.supernet.model_copy(update={"recipe": shorter})}
    if distils and study.distilled.teacher == EMBEDDED:
        distil(study, arena.costs)
        if float(teacher_account(study, arena.costs).get("seconds", 0.0)) > _SUPERNET * arena.seconds:
            changes["distilled"] = study.distilled.model_copy(update={"teacher": "regression"})
    return study.model_copy(update=changes)
