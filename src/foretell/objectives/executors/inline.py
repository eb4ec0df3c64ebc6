"""Jobs in this process, one after the other."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Iterator
from typing import Self

from foretell.errors import ForetellError, sentence
from foretell.objectives.executors.base import Completed, Handle, Job

__all__ = ["InlineExecutor"]


class InlineExecutor:
    """Runs each job when its turn to be completed comes: for functions that no other process can be given."""

    slots = 1

    def __init__(self) -> None:
        self._waiting: deque[Handle] = deque()
        self._submitted = 0

    def submit(self, job: Job) -> Handle:
        """See `Executor.submit`."""
        handle = Handle(self._submitted, job)
        self._submitted += 1
        self._waiting.append(handle)
        return handle

    def completed(self) -> Iterator[Completed]:
        """See `Executor.completed`."""
        while self._waiting:
            yield _run(self._waiting.popleft())

    def cancel(self, handle: Handle) -> None:
        """See `Executor.cancel`."""
        if handle in self._waiting:
            self._waiting.remove(handle)

    def close(self) -> None:
        """See `Executor.close`."""
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _run(handle: Handle) -> Completed:
    try:
        return Completed(handle, handle.job.function(**handle.job.arguments))
    except Exception as caught:
        error = caught if isinstance(caught, ForetellError) else ForetellError(sentence(caught))
        error.add_note(traceback.format_exc())
        return Completed(handle, error=error)
