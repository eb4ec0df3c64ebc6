"""Several long jobs at once, one process and one thread each, that stop when their parent does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from foretell.errors import ForetellError
from foretell.progress import Meter, forward_progress, track

__all__ = ["Job", "run_jobs"]


@dataclass(frozen=True)
class Job:
    """A function of a module and its arguments.

    Attributes:
        title: What the progress display calls it.
        function: Runs in a process of its own; arguments and result must be plain data.
        arguments: Keyword arguments.
    """

    title: str
    function: Callable[..., Any]
    arguments: dict[str, Any] = field(default_factory=dict)


def run_jobs(
    jobs: Sequence[Job], workers: int | None = None, on_done: Callable[[int, Any], None] | None = None
) -> list[Any]:
    """Run jobs in processes of their own, each with one thread, and return their results in order.

    One thread each makes results independent of the number of cores. If a job fails, or this process is
    interrupted or killed, all jobs stop; what they have written is kept.

    Args:
        jobs: What to run.
        workers: How many at the same time; None: one for each core.
        on_done: Called in this process with the job's index and its result, as each ends.

    Raises:
        ForetellError: A job raised one, or its process was killed.
    """
    pool = _Pool(jobs, on_done)
    try:
        return pool.run(workers or os.cpu_count() or 1)
    finally:
        pool.stop()


class _Pool:
    def __init__(self, jobs: Sequence[Job], on_done: Callable[[int, Any], None] | None) -> None:
        self.jobs, self.on_done = jobs, on_done
        self.results: list[Any] = [None] * len(jobs)
        self.running: dict[Connection, tuple[int, multiprocessing.process.BaseProcess]] = {}
        self.shares = [0.0] * len(jobs)
        self.notes = [""] * len(jobs)

    def run(self, workers: int) -> list[Any]:
        waiting = list(range(len(self.jobs)))[::-1]
        title = self.jobs[0].title if len(self.jobs) == 1 else f"{len(self.jobs)} jobs"
        with track(title, len(self.jobs)) as meter:
            while waiting or self.running:
                while waiting and len(self.running) < workers:
                    self._start(waiting.pop())
                for connection in wait(list(self.running)):
                    self._receive(connection, meter)  # type: ignore[arg-type]
        return self.results

    def _start(self, index: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self.jobs[index]), daemon=True)
        process.start()
        theirs.close()
        self.running[ours] = (index, process)

    def _receive(self, connection: Connection, meter: Meter) -> None:
        index, process = self.running[connection]
        try:
            kind, value = connection.recv()
        except (EOFError, ConnectionResetError):
            process.join()
            raise ForetellError(
                f"the process of {self.jobs[index].title!r} was killed (exit code {process.exitcode}), perhaps for "
                "want of memory; run the same command with --resume to go on."
            ) from None
        if kind == "progress":
            self.shares[index], self.notes[index] = value
            notes = "; ".join(note for i, note in enumerate(self.notes) if note and self._is_running(i))
            meter.update(sum(self.shares), notes)
            return
        del self.running[connection]
        process.join()
        connection.close()
        if kind == "error":
            text, exit_code = value
            error = ForetellError(text)
            error.exit_code = exit_code
            raise error
        self.results[index], self.shares[index] = value, 1.0
        if self.on_done is not None:
            self.on_done(index, value)

    def _is_running(self, index: int) -> bool:
        return any(index == other for other, _ in self.running.values())

    def stop(self) -> None:
        for connection, (_, process) in self.running.items():
            process.terminate()
            process.join()
            connection.close()
        self.running.clear()


def _work(connection: Connection, job: Job) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_die_with_parent, args=(connection,), daemon=True).start()
    import torch

    torch.set_num_threads(1)
    forward_progress(lambda title, share, note: connection.send(("progress", (share, f"{title}: {note}"))))
    try:
        connection.send(("result", job.function(**job.arguments)))
    except ForetellError as error:
        connection.send(("error", (str(error), error.exit_code)))


def _die_with_parent(connection: Connection) -> None:
    """The parent sends nothing; the end of its side of the pipe is its end."""
    try:
        connection.recv()
    except (EOFError, OSError):
        os._exit(1)
