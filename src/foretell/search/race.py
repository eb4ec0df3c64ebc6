"""The race: successive halving by trainings, each the continuation of the one before, promoted as workers are free."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell.errors import InputError
from foretell.metrics import Metric
from foretell.objectives import Completed, Executor, Fidelities, Job
from foretell.observations import Observation
from foretell.predictors.base import Predictor
from foretell.progress import track
from foretell.search.entrants import Entrants
from foretell.search.race_record import RaceRecord
from foretell.search.race_result import RaceResult, Rung
from foretell.search.race_settings import Race, percent
from foretell.search.rung_model import Belief, RungModel, chance_of_best, signals_for
from foretell.search.runner import Runner
from foretell.spaces import SearchSpace

__all__ = ["Refit", "Refuse", "refitting", "run_race", "warn_of_cost"]

Refit = Callable[[Entrants, Sequence[Observation]], Belief]
"""What a predictor that learns from partial trainings believes of the entrants after these."""
Refuse = Callable[[Observation], str]
"""Why a training that did not fail is out all the same; empty where it is not."""


def run_race(
    settings: Race,
    space: SearchSpace,
    target: Metric,
    runner: Runner,
    executor: Executor,
    path: Path,
    draw: Callable[[], Entrants],
    *,
    refit: Refit | None = None,
    refuse: Refuse | None = None,
    seed: int = 0,
    beside: Sequence[Job] = (),
) -> RaceResult:
    """Let architectures race until the last are trained in full; the winner is the best of those.

    When a rung is settled, the better part of its entrants goes on. A worker that would idle until then begins with the
    best of those that are there (as ASHA does), as long as they are among as large a part of the ones seen so far.
    With one worker the outcome depends on the arguments alone; with more, which trainings end first may decide who goes
    on early. What was decided is on the disk before it is done and is repeated by a resumed race.

    Interrupted or killed, it loses the trainings that were running, or what they had not written to their folders.

    Args:
        settings: How many, and how far.
        space: Of the entrants.
        target: What is to become good.
        runner: Trains them.
        executor: Runs the trainings; its other jobs must have ended.
        path: The record, JSON lines; a race that stands there goes on.
        draw: Says who enters, where the record does not.
        refit: Believes anew after every training (`refitting`), all but scores on the way; None: `RungModel` does.
        refuse: Says of a training that did not fail why its entrant is out, as where it breaks a limit.
        seed: Of the draws that tell chances.
        beside: Other jobs, begun where a worker would idle; what becomes of them is not looked at.

    Raises:
        InputError: The objective has no partial trainings, or every entrant failed.
        IntegrityError: The record is of another race, or damaged.
    """
    rungs = settings.resolved(runner.fidelities)
    about = {"rungs": list(rungs), "metric": target.key, "finishers": settings.finishers}
    with closing(RaceRecord(path, space, about, draw)) as record:
        race = _Race(settings, rungs, target, runner, record, refit, refuse)
        race.run(executor, list(beside))
        return race.result(settings.cost(runner.fidelities), np.random.default_rng(seed))


def refitting(predictor: Predictor, observations: Sequence[Observation]) -> Refit | None:
    """What refits a predictor to what it knew and to what is seen in a race; None where partial trainings teach it not.

    Args:
        predictor: As it was when the entrants were drawn.
        observations: What it was fitted on.
    """
    if not predictor.partial:
        return None

    def refit(entrants: Entrants, seen: Sequence[Observation]) -> Belief:
        said = predictor.fresh().fit([*observations, *seen]).compare(entrants.rows)
        std = entrants.std if said.std is None else said.std
        return entrants.believed(predictor.goodness(said), std)

    return refit


def warn_of_cost(settings: Race, fidelities: Fidelities) -> None:
    """Say what a race will take where it trains every rung from the beginning.

    Raises:
        InputError: The objective has no partial trainings.
    """
    cost = settings.cost(fidelities)
    if fidelities.continued or len(settings.resolved(fidelities)) == 1:
        return
    less = settings.cost(fidelities.model_copy(update={"continued": True}))
    warnings.warn(
        f"this objective cannot go on from a part of a training, so the race trains every rung anew: that is "
        f"{cost:.1f} full trainings instead of {less:.1f}; if your training can be continued in its folder, declare it "
        "(fidelity: {continued: true}).",
        stacklevel=2,
    )


class _Race:
    """What has happened so far, and what is to happen next."""

    def __init__(
        self,
        settings: Race,
        rungs: tuple[float, ...],
        target: Metric,
        runner: Runner,
        record: RaceRecord,
        refit: Refit | None,
        refuse: Refuse | None,
    ) -> None:
        self.rungs, self.target, self.runner, self.record = rungs, target, runner, record
        self.refit, self.refuse = refit, refuse
        self.places = settings.places(rungs)
        self.signals = signals_for(target, rungs, runner.metrics)
        if refit is not None:  # it knows losses and labels; a score on the way is news to it
            self.signals = tuple(each for each in self.signals if each.kind == "score" and each.share < 1)
        self.model = RungModel(target, self.signals)
        self.architectures = record.space.architectures(record.entrants.rows)

    # ---- running

    def run(self, executor: Executor, beside: list[Job]) -> None:
        """Keep the executor busy until nothing is left to train."""
        pending, running = self.record.pending, dict[int, tuple[int, int] | None]()
        total = sum(self.places)
        with track("race", total, "trainings") as meter:
            while True:
                meter.update(len(self.record.ended), self._note())
                while len(running) < executor.slots:
                    busy = any(each is not None for each in running.values())
                    chosen = pending.pop(0) if pending else self._next(busy=busy)
                    if chosen is not None:
                        running[self._submit(executor, *chosen)] = chosen
                    elif beside:
                        running[executor.submit(beside.pop(0)).number] = None
                    else:
                        break
                if not running:
                    return
                done = next(iter(executor.completed()))
                entrant = running.pop(done.handle.number)
                if entrant is not None:
                    self._take(done, *entrant)

    def _submit(self, executor: Executor, entrant: int, rung: int) -> int:
        title = f"entrant {entrant + 1}, {percent(self.rungs[rung])}"
        inner = self.runner.job(self.architectures[entrant], self.rungs[rung], title)
        told = {"function": inner.function, "arguments": inner.arguments}
        return executor.submit(Job(title, _timed, told, inner.key and f"timed {inner.key}")).number

    def _take(self, each: Completed, entrant: int, rung: int) -> None:
        if each.error is not None:
            raise each.error
        observation = Observation.from_dict(self.record.space, each.value["observation"])
        why = self.refuse(observation) if self.refuse is not None and not observation.failed else ""
        if why:
            observation = replace(observation, metrics={}, failed=why)
        self.record.end(entrant, rung, observation, each.value["seconds"])

    # ---- deciding

    def _next(self, *, busy: bool) -> tuple[int, int] | None:
        """Entrant and rung to train next, on the disk by now; None where nothing can begin before something ends."""
        for rung in reversed(range(len(self.rungs))):
            waiting = self._waiting(rung)
            if waiting and self._room(rung) and self._settled(rung - 1):
                return self._begin(waiting[0] if rung == 0 else self._best(waiting), rung)
        if not busy:
            return None
        for rung in reversed(range(1, len(self.rungs))):
            waiting = self._waiting(rung)
            seen = sum(1 for entrant in self._on(rung - 1) if self._passed(entrant, rung - 1))
            if waiting and len(self._on(rung)) < self._allowed(rung, seen):
                return self._begin(self._best(waiting), rung, early=True)
        return None

    def _begin(self, entrant: int, rung: int, *, early: bool = False) -> tuple[int, int]:
        self.record.begin(entrant, rung, early=early)
        return entrant, rung

    def _on(self, rung: int) -> list[int]:
        """Entrants that were begun on a rung and have not failed there."""
        return [e for e, r in self.record.begun if r == rung and not self._failed(e, rung)]

    def _room(self, rung: int) -> bool:
        return len(self._on(rung)) < self.places[rung]

    def _allowed(self, rung: int, seen: int) -> int:
        """How many may be on a rung when so many were seen on the one below."""
        return min(self.places[rung], seen * self.places[rung] // self.places[rung - 1])

    def _waiting(self, rung: int) -> list[int]:
        """Entrants that could be trained on a rung and have not been begun there."""
        begun = {entrant for entrant, r in self.record.begun if r == rung}
        everybody = range(len(self.record.entrants))
        return [e for e in everybody if e not in begun and (rung == 0 or self._passed(e, rung - 1))]

    def _settled(self, rung: int) -> bool:
        """Whether nothing will be begun, and nothing runs, on a rung and below it."""
        if rung < 0:
            return True
        running = any((entrant, rung) not in self.record.ended for entrant in self._on(rung))
        full = not self._room(rung) or not self._waiting(rung)
        return not running and full and self._settled(rung - 1)

    def _passed(self, entrant: int, rung: int) -> bool:
        return (entrant, rung) in self.record.ended and not self._failed(entrant, rung)

    def _failed(self, entrant: int, rung: int) -> bool:
        found = self.record.ended.get((entrant, rung))
        return found is not None and (bool(found.failed) or self.target.key not in found.metrics)

    def _best(self, waiting: Sequence[int]) -> int:
        """Who of some entrants is believed best; of equals the one that was drawn first."""
        mean = self.belief().mean
        return max(waiting, key=lambda entrant: (mean[entrant], -entrant))

    def belief(self) -> Belief:
        """What is believed of all entrants after everything that was seen."""
        prior = self.record.entrants.prior
        if self.refit is not None:
            seen = [each for _, each in sorted(self.record.ended.items()) if not each.failed]
            prior = self.refit(self.record.entrants, seen)
        values = np.full((len(self.record.entrants), len(self.signals)), np.nan)
        for (entrant, rung), each in self.record.ended.items():
            for column, signal in enumerate(self.model.signals):
                if signal.share == self.rungs[rung] and not each.failed:
                    values[entrant, column] = each.metrics.get(signal.metric.key, np.nan)
        return self.model.update(prior, values)

    def _note(self) -> str:
        last = max((rung for _, rung in self.record.begun), default=0)
        return f"rung {percent(self.rungs[last])}"

    # ---- the end

    def result(self, cost: float, rng: np.random.Generator) -> RaceResult:
        """How it ended.

        Raises:
            InputError: Nobody was trained in full.
        """
        last = len(self.rungs) - 1
        finished = [entrant for entrant in self._on(last) if self._passed(entrant, last)]
        if not finished:
            why = [each.failed for each in self.record.ended.values() if each.failed]
            raise InputError(
                f"all {len(self.record.entrants)} entrants of the race failed, the last one because {why[-1]}"
            )
        belief = self.belief()
        lost = {entrant for entrant, rung in self.record.ended if self._failed(entrant, rung)}
        alive = [entrant for entrant in range(len(self.record.entrants)) if entrant not in lost]
        seen: tuple[dict[int, Observation], ...] = tuple({} for _ in self.record.entrants.rows)
        for (entrant, rung), each in sorted(self.record.ended.items()):
            seen[entrant][rung] = each
        return RaceResult(
            space=self.record.space,
            target=self.target,
            entrants=self.record.entrants,
            rungs=tuple(self._rung(rung) for rung in range(len(self.rungs))),
            seen=seen,
            seconds=tuple(
                sum(took for (each, _), took in self.record.seconds.items() if each == entrant)
                for entrant in range(len(seen))
            ),
            belief=belief,
            chances=chance_of_best(belief, alive, rng),
            winner=max(finished, key=lambda entrant: (self._label(entrant), belief.mean[entrant], -entrant)),
            cost=cost,
            anew=not self.runner.fidelities.continued and last > 0,
        )

    def _label(self, entrant: int) -> float:
        """How good a full training came out."""
        return float(self.target.goodness(self.record.ended[entrant, len(self.rungs) - 1].metric(self.target.key)))

    def _rung(self, rung: int) -> Rung:
        here = [entrant for entrant, r in self.record.ended if r == rung]
        failed = sum(self._failed(entrant, rung) for entrant in here)
        seconds = sum(self.record.seconds[entrant, rung] for entrant in here)
        early = sum(early for (_, r), early in self.record.begun.items() if r == rung)
        return Rung(self.rungs[rung], self.places[rung], len(here), failed, early, seconds)


def _timed(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()
    observation = function(**arguments)
    return {"observation": observation, "seconds": time.perf_counter() - start}
