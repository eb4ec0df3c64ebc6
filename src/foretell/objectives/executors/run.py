"""Many jobs from beginning to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from foretell.objectives.executors.base import Executor, Job
from foretell.objectives.executors.processes import ProcessExecutor
from foretell.objectives.executors.remote import RemoteExecutor
from foretell.progress import track

__all__ = ["run_jobs"]


def run_jobs(
    jobs: Sequence[Job],
    workers: int | None = None,
    on_done: Callable[[int, Any], None] | None = None,
    executor: Executor | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> list[Any]:
    """Run jobs beside each other and return their results in order.

    In processes of their own each has one thread, which makes results independent of the number of cores. If a job
    fails, or this process is interrupted, all jobs stop; what they have written is kept.

    Args:
        jobs: What to run.
        workers: How many processes at the same time; None: one for each core that this process may use.
        on_done: Called in this process with the job's index and its result, as each ends.
        executor: Runs them instead of processes, and is closed in the end; its other jobs must have ended.
        meanwhile: Called once those that find room have begun.

    Raises:
        ForetellError: A job raised one, or its process was killed.
    """
    results: list[Any] = [None] * len(jobs)
    with executor or ProcessExecutor(workers) as running:
        # All of them get a row only when they do not fit beside each other.
        several = len(jobs) > running.slots
        with track(f"{len(jobs)} jobs", len(jobs)) if several else nullcontext() as meter:
            if isinstance(running, ProcessExecutor):
                running.on_progress = None if meter is None else meter.update
            places = {running.submit(job): place for place, job in enumerate(jobs)}
            if meanwhile is not None:
                if isinstance(running, RemoteExecutor):
                    running.start()
                meanwhile()
            for done, each in enumerate(running.completed(), 1):
                if each.error is not None:
                    raise each.error
                place = places[each.handle]
                results[place] = each.value
                if on_done is not None:
                    on_done(place, each.value)
                if meter is not None and not isinstance(running, ProcessExecutor):
                    meter.update(done)
    return results
