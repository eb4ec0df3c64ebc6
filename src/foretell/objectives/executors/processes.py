"""Several long jobs at once, one process and one thread each, that stop when their parent does."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pickle import PicklingError
from typing import Any, Self

from foretell.errors import ForetellError, InputError, sentence
from foretell.machine import usable_cores
from foretell.objectives.executors.base import Completed, Handle, Job, told_error
from foretell.objectives.executors.rows import JobRow
from foretell.progress import forward_progress

__all__ = ["ProcessExecutor", "use_threads"]

_PATIENCE = 5.0
"""Seconds that a worker may take to end when it is told to."""


@dataclass
class _Worker:
    """A job that runs, and the process that it runs in."""

    handle: Handle
    process: BaseProcess
    row: JobRow
    device: str | None


class ProcessExecutor:
    """Runs jobs in processes of their own, which die with this one.

    Jobs start when they are submitted, or when `completed` has seen another one end.

    Args:
        slots: How many at the same time; None: one for each device where devices are named, else for each core that
            this process may use.
        devices: GPUs as `CUDA_VISIBLE_DEVICES` names them ("0", "1"); each job sees one of them alone.
        threads: Of each job; one makes results independent of the number of cores.

    Attributes:
        on_progress: Called with how many jobs are done, parts of jobs counted, whenever that may have changed.

    Raises:
        InputError: More slots than devices.
    """

    def __init__(self, slots: int | None = None, *, devices: Sequence[str] = (), threads: int = 1) -> None:
        self.slots = slots or len(devices) or usable_cores()
        if devices and self.slots > len(devices):
            raise InputError(
                f"{self.slots} jobs at a time would share {len(devices)} devices; name as many devices, or fewer jobs."
            )
        self.on_progress: Callable[[float], None] | None = None
        self._free: list[str | None] = [*reversed(devices)] if devices else [None] * self.slots
        self._threads = threads
        self._submitted, self._done = 0, 0
        self._waiting: deque[Handle] = deque()
        self._running: dict[Connection, _Worker] = {}
        self._refused: deque[Completed] = deque()
        # Workers may have children of their own, so that multiprocessing does not end them for us.
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, job: Job) -> Handle:
        """See `Executor.submit`."""
        handle = Handle(self._submitted, job)
        self._submitted += 1
        self._waiting.append(handle)
        self._fill()
        return handle

    def completed(self) -> Iterator[Completed]:
        """See `Executor.completed`."""
        while self._waiting or self._running or self._refused:
            while self._refused:
                yield self._refused.popleft()
            for connection in wait(list(self._running)) if self._running else ():
                worker = self._running.get(connection)  # type: ignore[call-overload]
                ended = None if worker is None else self._receive(connection, worker)  # type: ignore[arg-type]
                if ended is not None:
                    self._fill()
                    yield ended
            if self.on_progress is not None:
                self.on_progress(self._done + sum(worker.row.share for worker in self._running.values()))

    def cancel(self, handle: Handle) -> None:
        """See `Executor.cancel`."""
        if handle in self._waiting:
            self._waiting.remove(handle)
        for connection, worker in list(self._running.items()):
            if worker.handle == handle:
                self._end(connection)
                self._fill()

    def close(self) -> None:
        """See `Executor.close`."""
        atexit.unregister(self.close)
        self._waiting.clear()
        for worker in self._running.values():
            worker.process.terminate()
        for connection in list(self._running):
            self._end(connection)

    def _fill(self) -> None:
        """Start what there is room for."""
        while self._waiting and len(self._running) < self.slots:
            self._start(self._waiting.popleft())

    def _start(self, handle: Handle) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        device = self._free.pop()
        process = context.Process(target=_work, args=(theirs, handle.job, device, self._threads))
        try:
            with _interrupts_later():
                process.start()
                self._running[ours] = _Worker(handle, process, JobRow(handle.job.title), device)
        except (PicklingError, AttributeError, TypeError) as error:
            self._free.append(device)
            ours.close()
            why = InputError(
                f"the job {handle.job.title!r} cannot be given to another process ({error}); define its function and "
                "classes at the top of a module, or run it in this process."
            )
            self._refused.append(Completed(handle, error=why))
            return
        finally:
            theirs.close()

    def _receive(self, connection: Connection, worker: _Worker) -> Completed | None:
        """Take a worker's next message; what became of its job, if that was the last."""
        handle = worker.handle
        try:
            kind, value = connection.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join()
            code = worker.process.exitcode
            self._end(connection)
            self._done += 1
            error = ForetellError(
                f"the process of {handle.job.title!r} was killed (exit code {code}), perhaps for want of memory; run "
                "the same command with --resume to go on."
            )
            return Completed(handle, error=error)
        if kind == "progress":
            worker.row.show(*value)
            return None
        worker.process.join()
        self._end(connection)
        self._done += 1
        if kind == "error":
            return Completed(handle, error=told_error(*value))
        return Completed(handle, value)

    def _end(self, connection: Connection) -> None:
        """See a worker to its end, whatever it is at."""
        worker = self._running.pop(connection)
        worker.process.terminate()
        worker.process.join(_PATIENCE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        connection.close()
        worker.row.close()
        self._free.append(worker.device)


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


def _work(connection: Connection, job: Job, device: str | None, threads: int) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    threading.Thread(target=_die_with_parent, args=(connection,), daemon=True).start()
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    use_threads(threads)
    forward_progress(lambda title, share, note: connection.send(("progress", (title, share, note))))
    try:
        connection.send(("result", job.function(**job.arguments)))
    except Exception as error:
        exit_code = error.exit_code if isinstance(error, ForetellError) else 1
        with suppress(MemoryError):  # no room for this either: the parent is told by the end of the pipe
            connection.send(("error", (sentence(error), exit_code, traceback.format_exc())))


def use_threads(threads: int) -> None:
    """Compute with so many threads, here and in programs started from here."""
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)))
    # Not imported for this: it takes longer than many a job.
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)


def _die_with_parent(connection: Connection) -> None:
    """The parent sends nothing; the end of its side of the pipe is its end."""
    try:
        connection.recv()
    except (EOFError, OSError):
        os._exit(1)
