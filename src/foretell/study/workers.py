"""Several long jobs at once, one process and one thread each, that stop when their parent does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from foretell.errors import ForetellError, sentence
from foretell.machine import usable_cores
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
        workers: How many at the same time; None: one for each core that this process may use.
        on_done: Called in this process with the job's index and its result, as each ends.

    Raises:
        ForetellError: A job raised one, or its process was killed.
    """
    pool = _Pool(jobs, on_done)
    try:
        return pool.run(workers or usable_cores())
    finally:
        pool.stop()


class _Pool:
    def __init__(self, jobs: Sequence[Job], on_done: Callable[[int, Any], None] | None) -> None:
        self.jobs, self.on_done = jobs, on_done
        self.results: list[Any] = [None] * len(jobs)
        self.running: dict[Connection, tuple[int, multiprocessing.process.BaseProcess]] = {}
        self.rows = {index: _Row(job.title) for index, job in enumerate(jobs)}

    def run(self, workers: int) -> list[Any]:
        waiting = list(range(len(self.jobs)))[::-1]
        # All of them get a row only when they do not fit beside each other.
        several = len(self.jobs) > workers
        with track(f"{len(self.jobs)} jobs", len(self.jobs)) if several else nullcontext() as meter:
            while waiting or self.running:
                while waiting and len(self.running) < workers:
                    self._start(waiting.pop())
                for connection in wait(list(self.running)):
                    self._receive(connection)  # type: ignore[arg-type]
                if meter is not None:
                    meter.update(sum(row.share for row in self.rows.values()))
        return self.results

    def _start(self, index: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self.jobs[index]), daemon=True)
        with _interrupts_later():
            process.start()
        theirs.close()
        self.running[ours] = (index, process)

    def _receive(self, connection: Connection) -> None:
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
            self.rows[index].show(*value)
            return
        del self.running[connection]
        self.rows[index].close()
        process.join()
        connection.close()
        if kind == "error":
            text, exit_code, trace = value
            error = ForetellError(text)
            error.exit_code = exit_code
            error.add_note(trace)
            raise error
        self.results[index] = value
        if self.on_done is not None:
            self.on_done(index, value)

    def stop(self) -> None:
        for connection, (_, process) in self.running.items():
            process.terminate()
            process.join()
            connection.close()
        self.running.clear()
        for row in self.rows.values():
            row.close()


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Put a Ctrl-C off until the block has ended, and let a process that is started in it never hear one.

    A terminal sends SIGINT to all of its processes. A new one inherits the mask of the thread that starts it, which
    is how it is deaf before it can say so itself; other threads of this process may still be handed the signal,
    hence the handler.
    """
    caught: list[Any] = []
    before = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread() and callable(before)
    if ours:
        signal.signal(signal.SIGINT, lambda *arguments: caught.append(arguments))
    resource_tracker.ensure_running()  # multiprocessing's own process, whose start would lift the mask
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if ours:
            signal.signal(signal.SIGINT, before)
            if caught and callable(before):
                before(*caught[0])


class _Row:
    """What the display shows of one job: the piece of work that it is at."""

    def __init__(self, job: str) -> None:
        self.job, self.title, self.share = job, "", 0.0
        self._meter: Meter | None = None
        self._shown = ExitStack()

    def show(self, title: str, share: float, note: str) -> None:
        if title != self.title or self._meter is None:
            label = self.job if self._meter is None else f"{self.job}: {title}"
            self._shown.close()
            self.title, self._meter = title, self._shown.enter_context(track(label, 1.0))
        # Its first piece of work is training, beside which translating takes no time.
        self.share = max(self.share, share)
        self._meter.update(share, note)

    def close(self) -> None:
        self.share = 1.0
        self._shown.close()


def _work(connection: Connection, job: Job) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_die_with_parent, args=(connection,), daemon=True).start()
    import torch

    torch.set_num_threads(1)
    forward_progress(lambda title, share, note: connection.send(("progress", (title, share, note))))
    try:
        connection.send(("result", job.function(**job.arguments)))
    except Exception as error:
        exit_code = error.exit_code if isinstance(error, ForetellError) else 1
        with suppress(MemoryError):  # no room for this either: the parent is told by the end of the pipe
            connection.send(("error", (sentence(error), exit_code, traceback.format_exc())))


def _die_with_parent(connection: Connection) -> None:
    """The parent sends nothing; the end of its side of the pipe is its end."""
    try:
        connection.recv()
    except (EOFError, OSError):
        os._exit(1)
