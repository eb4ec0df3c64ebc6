"""The protocol of what runs jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from foretell.errors import ForetellError

__all__ = ["Completed", "Executor", "Handle", "Job", "told_error"]


@dataclass(frozen=True)
class Job:
    """A function of a module and its arguments.

    Attributes:
        title: What the progress display calls it.
        function: May run in another process, or on another machine; arguments and result must be plain data.
        arguments: Keyword arguments.
        key: Names everything that its result depends on, where an executor whose jobs outlive the process may find it
            again; empty: it is new every time.
        short: Whether it takes no longer than handing it to another machine does, so that several may go together.
        folder: What it writes into and goes on from, one of its arguments; where machines share no folder, it goes to
            the job's machine and comes back.
        reads: Files among its arguments; where machines share no folder, they go to the job's machine.
        together: So many processes do it together, each on such resources as a job has; the first one's result counts.
        away: Given the arguments, the same job for a machine that sees no other file of this one; None: it reads none.
    """

    title: str
    function: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    short: bool = False
    folder: Path | None = None
    reads: tuple[Path, ...] = ()
    together: int = 1
    away: Callable[..., Job] | None = None


@dataclass(frozen=True)
class Handle:
    """A job that was submitted.

    Attributes:
        number: Counts the jobs of its executor, from 0, in the order in which they were submitted.
        job: What was submitted.
    """

    number: int
    job: Job = field(compare=False)


@dataclass(frozen=True)
class Completed:
    """A job that has ended.

    Attributes:
        handle: Which.
        value: Its result.
        error: Why there is none. The job's traceback is its note.
    """

    handle: Handle
    value: Any = None
    error: ForetellError | None = None


def told_error(text: str, exit_code: int, trace: str) -> ForetellError:
    """An error as it was in the process of a job: its sentence, its exit code, and its traceback as a note."""
    error = ForetellError(text)
    error.exit_code = exit_code
    error.add_note(trace)
    return error


@runtime_checkable
class Executor(Protocol):
    """Runs jobs, several at the same time where it can, in the order in which they were submitted.

    Used by one thread, as a context manager, at whose end all jobs have ended. Whatever becomes of this process, no
    job outlives it, or it is found again where the executor is made to outlive it.
    """

    @property
    def slots(self) -> int:
        """How many jobs run at the same time; more can be submitted, and wait."""
        ...

    def submit(self, job: Job) -> Handle:
        """Let a job run as soon as there is room."""
        ...

    def completed(self) -> Iterator[Completed]:
        """Jobs in the order in which they end, each once, until none is left; more may be submitted on the way.

        One that fails does not disturb the others.
        """
        ...

    def cancel(self, handle: Handle) -> None:
        """Drop a job that waits, stop one that runs; it does not come out of `completed`. Nothing where it has."""
        ...

    def close(self) -> None:
        """Stop all jobs."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
