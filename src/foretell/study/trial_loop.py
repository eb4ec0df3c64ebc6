"""Trials side by side: which is begun when, on any executor."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator

from foretell.errors import InfeasibleError
from foretell.objectives import Executor, Job
from foretell.observations import Observation
from foretell.progress import track
from foretell.study.trial_choice import Trial, TrialChoice, Work
from foretell.study.trial_observations import TrialObservations

__all__ = ["TrialLoop"]

_NOTE_EVERY = 1.0
"""Seconds between two looks at which trial is best, for the display."""
_ROUNDING = 1e-9  # of sums of shares


class TrialLoop:
    """Keeps an executor busy with trials.

    Which labels the choice of trial n knows does not depend on which of the trials that run beside it ends first: it
    knows those of all trials before it but the last `slots - 1`. Only algorithms that train some a little and some in
    full decide by what has ended.

    Args:
        choice: Says which trial comes next.
        told: Gets what came out.
        job: Trains a trial.
        note: What the display says of the trials so far.
        blind: Whether the algorithm learns from nothing that is told, so that no worker has to wait for it.
        continued: Whether a training goes on from a smaller one of the same architecture.
    """

    def __init__(
        self,
        choice: TrialChoice,
        told: TrialObservations,
        job: Callable[[Trial], Job],
        note: Callable[[], str],
        *,
        blind: bool,
        continued: bool,
    ) -> None:
        self.choice, self.told, self.job, self.note = choice, told, job, note
        self.blind, self.continued = blind, continued

    def work(self) -> Work:
        """Of all that was told."""
        return Work((self.choice.trials[number] for number in sorted(self.told.by_number)), continued=self.continued)

    def run(self, wanted: float, executor: Executor) -> None:
        """Go on until the work of so many more full trainings has ended, or there is nothing left to try.

        Raises:
            InfeasibleError: Not one architecture keeps the limits.
        """
        results = self.told.by_number
        pending = [trial for trial in self.choice.trials if trial.number not in results and not trial.raced]
        ended, begun = self.work(), self.work()
        goal = ended.total + wanted - _ROUNDING
        waiting: dict[int, int] = {}
        note, noted = self.note(), time.monotonic()
        with track("trials", goal) as meter:
            meter.update(ended.total, note)
            done = iter(self._completed(executor, waiting))
            while True:
                while len(waiting) < executor.slots and begun.total < goal:
                    trial = pending.pop(0) if pending else self._next(executor.slots)
                    if trial is None:
                        break
                    waiting[executor.submit(self.job(trial)).number] = trial.number
                    begun.add(trial)
                if not waiting:
                    return
                ended.add(self.choice.trials[next(done)])
                if time.monotonic() - noted > _NOTE_EVERY:  # of a thousand workers one ends at any moment
                    note, noted = self.note(), time.monotonic()
                meter.update(ended.total, note)

    def _next(self, slots: int) -> Trial | None:
        """The next trial, once the labels that its choice needs are there; None while they are not."""
        results, number, sync = self.told.by_number, len(self.choice.trials), self.told.sync
        needed: Iterable[int] = results if self.choice.asynchronous else range(max(0, number - slots + 1))
        if self.blind:
            needed = ()
        if any(each not in results for each in needed):
            return None
        try:
            trial = self.choice.ask(needed, sync=sync)
            if trial is None and len(results) == number:  # a generation has ended
                trial = self.choice.ask(results, sync=sync)
        except InfeasibleError:
            if not results:
                raise
            warnings.warn(
                f"all architectures of {self.choice.space.name} that keep the limits have been tried; the study ends "
                "early.",
                stacklevel=2,
            )
            return None
        return trial

    def _completed(self, executor: Executor, waiting: dict[int, int]) -> Iterator[int]:
        while True:
            for each in executor.completed():
                number = waiting.pop(each.handle.number)
                if each.error is not None:
                    raise each.error
                self.told.keep(number, Observation.from_dict(self.choice.space, each.value))
                yield number
