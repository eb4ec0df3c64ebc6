"""Jobs by a virtual clock: each is charged what it cost on record, however quickly it is had today."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Self

from foretell.objectives.executors.base import Completed, Executor, Handle, Job

__all__ = ["VirtualExecutor"]


class VirtualExecutor:
    """Runs jobs by another executor, and lets them end when they would have ended on so many workers.

    A job that the store answers at once, and one that really trains, end at the same virtual time: when it began and
    what its result says that it cost. The order in which jobs complete depends on nothing else.

    Args:
        inner: Runs the jobs.
        slots: Workers that are imagined; None: as many as `inner` has.
        seconds: What a job cost, by its result.
        limit: Seconds after which nothing ends any more; None: never.
        known: A job's result where it is there already, so that no process is started for it; None where it is not.

    Attributes:
        now: Seconds on the clock.
        worked: Seconds that workers were busy before `now`, all of them together.
        expired: Whether something would have ended after the limit; `completed` has then come to its end.
    """

    def __init__(
        self,
        inner: Executor,
        slots: int | None = None,
        *,
        seconds: Callable[[Any], float],
        limit: float | None = None,
        known: Callable[[Job], Any] | None = None,
    ) -> None:
        self.inner, self.slots, self.limit = inner, slots or inner.slots, limit
        self.now = self.worked = 0.0
        self.expired = False
        self._seconds, self._known = seconds, known
        self._submitted = 0
        self._waiting: deque[Handle] = deque()
        self._begun: dict[Handle, float] = {}
        self._ended: dict[Handle, Completed] = {}
        self._costs: dict[Handle, float] = {}
        self._inside: dict[int, Handle] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def charge(self, seconds: float) -> None:
        """Let time pass in which the driver works, and the workers go on."""
        self.now += seconds

    def submit(self, job: Job) -> Handle:
        """See `Executor.submit`."""
        handle = Handle(self._submitted, job)
        self._submitted += 1
        found = None if self._known is None else self._known(job)
        if found is not None:
            self._ended[handle] = Completed(handle, found)
        else:
            self._inside[self.inner.submit(job).number] = handle
        self._waiting.append(handle)
        self._begin()
        return handle

    def completed(self) -> Iterator[Completed]:
        """See `Executor.completed`; nothing comes after the limit."""
        while self._begun and not self.expired:
            self._wait()
            handle = min(self._begun, key=lambda each: (self._begun[each] + self._costs[each], each.number))
            end = self._begun[handle] + self._costs[handle]
            if self.limit is not None and max(end, self.now) > self.limit:
                self._expire()
                return
            del self._begun[handle]
            self.worked += self._costs[handle]
            # Whoever waited for this worker begins when it is free, though the driver may look later.
            self._begin(end)
            self.now = max(self.now, end)
            yield self._ended.pop(handle)

    def cancel(self, handle: Handle) -> None:
        """See `Executor.cancel`."""
        for number, each in list(self._inside.items()):
            if each == handle:
                self.inner.cancel(Handle(number, handle.job))
                del self._inside[number]
        self._ended.pop(handle, None)
        self._begun.pop(handle, None)
        if handle in self._waiting:
            self._waiting.remove(handle)
        self._begin()

    def close(self) -> None:
        """See `Executor.close`."""
        self.inner.close()

    def _begin(self, at: float | None = None) -> None:
        """Give the workers that are free what waits."""
        while self._waiting and len(self._begun) < self.slots:
            self._begun[self._waiting.popleft()] = self.now if at is None else at

    def _wait(self) -> None:
        """Have the results of all that run: which of them ends first, they tell themselves."""
        ends = self.inner.completed()
        while any(handle not in self._ended for handle in self._begun):
            each = next(ends)
            handle = self._inside.pop(each.handle.number)
            self._ended[handle] = Completed(handle, each.value, each.error)
        for handle in self._begun:
            if handle not in self._costs:
                done = self._ended[handle]
                self._costs[handle] = 0.0 if done.error is not None else self._seconds(done.value)

    def _expire(self) -> None:
        limit = self.limit or 0.0
        self.expired = True
        self.worked += sum(max(0.0, limit - start) for start in self._begun.values())
        self.now = limit
        for handle in list(self._inside.values()):
            self.cancel(handle)
