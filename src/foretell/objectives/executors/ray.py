"""Jobs on a Ray cluster."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from foretell import __version__
from foretell.errors import ForetellError, InputError, sentence
from foretell.objectives.executors.base import Job
from foretell.objectives.executors.remote import Outcome, RemoteExecutor, Running
from foretell.objectives.executors.settings import ExecutorSettings, Resources
from foretell.records import write_atomic
from foretell.tasks.translation import cache_folder

__all__ = ["RayExecutor", "unpacked"]

_LOOK_EVERY = 1.0
_PATIENCE = 10.0
"""Seconds that workers may take to end when they are told to."""
_HANDED_ON = ("HF_HOME", "HF_TOKEN")
_KEPT: dict[str, Any] = {}
"""What this worker has fetched of what jobs share."""


class RayExecutor(RemoteExecutor):
    """Jobs of a Ray cluster. They end with the driver; their trainings' checkpoints, in the shared folder, stay.

    Args:
        folder: Seen by all machines under the same path.
        settings: Of Ray.

    Raises:
        InputError: Ray is not installed, no cluster is at the address or one of another version, or no node has the
            resources of one job.
    """

    def __init__(self, folder: Path, settings: ExecutorSettings) -> None:
        self._ray, self._ours = _connected(settings.address)
        try:
            slots = settings.slots or _room(self._ray, settings.resources)
            super().__init__(folder, slots, settings.retries)
            self._threads = settings.resources.cpu
            shutil.rmtree(self.folder, ignore_errors=True)  # reports of jobs that ended with an earlier driver
            self._seen = self.folder / "seen"
            write_atomic(self._seen, "Workers look whether they see this file.\n")
            self._task = _remote_task(self._ray, settings.resources)
            self._shared: dict[int, tuple[Any, Any]] = {}
            self._environment = {"FORETELL_CACHE": str(cache_folder().absolute())}
            self._environment |= {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        except BaseException:
            self._disconnect()
            raise

    def submit(self, job: Job) -> Any:
        """See `Executor.submit`."""
        handle = super().submit(job)
        self.start()
        return handle

    def close(self) -> None:
        """See `Executor.close`."""
        super().close()
        self._disconnect()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give(self, jobs: Sequence[Running]) -> None:
        import ray.cloudpickle as pickle

        for each in jobs:
            job = each.handle.job
            try:
                light = Job(job.title, job.function, self._lightened(job.arguments))
                work = pickle.dumps((light, self._threads, each.box))
                each.task = self._task.remote(__version__, self._environment, str(Path.cwd()), str(self._seen), work)
            except Exception as error:
                raise _told(error) from error

    def _lightened(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments whose objective, the same for all jobs, is given to Ray once."""
        light = dict(arguments)
        for name, value in arguments.items():
            if name == "objective":
                if id(value) not in self._shared:
                    self._shared[id(value)] = (value, self._ray.put(value))
                light[name] = _Shared(self._shared[id(value)][1])
            elif name == "arguments" and isinstance(value, dict):  # of a job within a job
                light[name] = self._lightened(value)
        return light

    def _ended(self) -> Iterator[tuple[Running, Outcome]]:
        by_task = {each.task: each for each in self._running.values()}
        ended, _ = self._ray.wait(list(by_task), num_returns=len(by_task), timeout=0)
        if not ended:
            ended, _ = self._ray.wait(list(by_task), num_returns=1, timeout=_LOOK_EVERY)
        for task in ended:
            yield by_task[task], self._outcome(task)

    def _outcome(self, task: Any) -> Outcome:
        errors = self._ray.exceptions
        try:
            said = self._ray.get(task)
        except (errors.RayTaskError, errors.TaskUnschedulableError) as error:
            return Outcome({"error": [str(_told(error)), 1, str(error)]})
        except errors.RayError as error:  # with its worker, its node, its memory
            return Outcome(lost=f"because {_brief(error)}; Ray's logs are in {_logs(self._ray)}.")
        return Outcome({"error": [said["refused"], 2, ""]} if "refused" in said else said)

    def _stop(self, jobs: Sequence[Running]) -> None:
        tasks = [each.task for each in jobs if each.task is not None]
        for task in tasks:
            with suppress(Exception):  # it may have ended, and the cluster may be gone
                self._ray.cancel(task, force=True)
        with suppress(Exception):
            self._ray.wait(tasks, num_returns=len(tasks), timeout=_PATIENCE)

    def _disconnect(self) -> None:
        if self._ours:
            self._ours = False
            self._ray.shutdown()


class _Shared:
    """Stands for an argument that many jobs have."""

    def __init__(self, reference: Any) -> None:
        self.reference = reference

    def value(self) -> Any:
        import ray

        key = self.reference.hex()
        if key not in _KEPT:
            _KEPT.clear()  # one objective at a time
            _KEPT[key] = ray.get(self.reference)
        return _KEPT[key]


def unpacked(work: bytes) -> tuple[Job, int, Path]:
    """What `run_here` is given, in a worker."""
    import ray.cloudpickle as pickle

    # A task of Ray is a pickle, packed here once more so that a worker without foretell can say so. It comes from our
    # own driver through the cluster, whose members may run any code on one another; no file is read this way.
    job, threads, box = pickle.loads(work)
    return Job(job.title, job.function, _whole(job.arguments)), threads, box


def _whole(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.value()
        if isinstance(value, _Shared)
        else _whole(value)
        if name == "arguments" and isinstance(value, dict)
        else value
        for name, value in arguments.items()
    }


def _connected(address: str) -> tuple[Any, bool]:
    """Ray, and whether it is for us to leave it."""
    try:
        import ray
    except ImportError:
        raise InputError(
            "the executor ray needs Ray, which is not installed; install it by: pip install 'foretell[ray]'."
        ) from None
    if ray.is_initialized():
        return ray, False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers of every cluster
    where = address or os.environ.get("RAY_ADDRESS", "")
    worker = ray._private.worker
    listen, worker.listen_error_messages = worker.listen_error_messages, lambda *_: None  # prints where --json prints
    try:
        ray.init(address=where or None, include_dashboard=None if where not in ("", "local") else False, **_QUIET)
    except Exception as error:
        text = str(error)
        versions = re.findall(r"(Ray|Python): (\S+)", text)
        if "ersion mismatch" in text:
            told = ", ".join(f"{name} {number}" for name, number in versions) or _brief(error)
            raise InputError(
                f"the Ray cluster and this process have different versions ({told}); install the same on both."
            ) from error
        raise InputError(
            f"there is no Ray cluster at {where or 'this machine'} ({_brief(error)}); start one by `ray start --head`, "
            "or correct executor: {address: ...} or RAY_ADDRESS."
        ) from error
    finally:
        worker.listen_error_messages = listen
    return ray, True


_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}


def _room(ray: Any, resources: Resources) -> int:
    """How many jobs the nodes have room for.

    Raises:
        InputError: For none.
    """
    wanted = {"CPU": resources.cpu, "GPU": resources.gpu, "memory": resources.memory or 0}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    room = sum(
        int(min(node.get(name, 0.0) / amount + 1e-9 for name, amount in wanted.items() if amount)) for node in nodes
    )
    if not room:
        most = {name: max((node.get(name, 0.0) for node in nodes), default=0.0) for name in wanted}
        raise InputError(
            f"no node of the Ray cluster has {resources}; the largest have cpu: {most['CPU']:g}, gpu: {most['GPU']:g}, "
            f"memory: {most['memory']:.0f}: ask for less, or add nodes."
        )
    return room


def _remote_task(ray: Any, resources: Resources) -> Any:
    from ray.cloudpickle import register_pickle_by_value

    from foretell.objectives.executors import ray_entry

    register_pickle_by_value(ray_entry)
    options: dict[str, Any] = {"num_cpus": resources.cpu, "num_gpus": resources.gpu, "max_retries": 0}
    options |= {"memory": resources.memory} if resources.memory else {}
    return ray.remote(**options)(ray_entry.enter)


def _told(error: Exception) -> ForetellError:
    if isinstance(error, ForetellError):
        return error
    if "ObjectStoreFull" in type(error).__name__:
        return ForetellError(
            f"Ray's object store is full ({_brief(error)}); start the cluster with a larger one (ray start "
            "--object-store-memory), or make the objective smaller."
        )
    return ForetellError(f"a Ray task failed: {_brief(error)}" if "ray" in type(error).__module__ else sentence(error))


def _brief(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def _logs(ray: Any) -> str:
    try:
        return str(Path(ray._private.worker.global_worker.node.get_logs_dir_path()))
    except Exception:
        return "the folder of Ray's session"
