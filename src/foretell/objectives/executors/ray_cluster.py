"""Ray's cluster: joining one, what its nodes have room for, and what its errors mean."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

from foretell.errors import ForetellError, InputError, sentence
from foretell.objectives.executors.settings import Resources

__all__ = ["actor_beside", "brief", "connect", "logs", "remote_task", "room", "told"]

_PATIENCE = 10.0
"""Seconds in which a cluster's head has to answer."""
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}


def connect(address: str) -> tuple[Any, bool]:
    """Ray, and whether it is for us to leave it.

    Raises:
        InputError: It is not installed, no cluster is at the address, or one of another version.
    """
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
    _reach(where)
    worker = ray._private.worker
    listen, worker.listen_error_messages = worker.listen_error_messages, lambda *_: None  # prints where --json prints
    try:
        ray.init(address=where or None, include_dashboard=None if where not in ("", "local") else False, **_QUIET)
    except Exception as error:
        text = str(error)
        versions = re.findall(r"(Ray|Python): (\S+)", text)
        if "ersion mismatch" in text:
            told = ", ".join(f"{name} {number}" for name, number in versions) or brief(error)
            raise InputError(
                f"the Ray cluster and this process have different versions ({told}); install the same on both."
            ) from error
        raise _nothing(where, brief(error)) from error
    finally:
        worker.listen_error_messages = listen
    return ray, True


def _reach(where: str) -> None:
    """Look at once whether anybody answers at an address; Ray itself tries for a minute."""
    found = re.fullmatch(r"(?:ray://)?([\w.-]+):(\d+)", where)
    if found:
        try:
            socket.create_connection((found[1], int(found[2])), timeout=_PATIENCE).close()
        except (OSError, OverflowError) as error:
            raise _nothing(where, str(error)) from error


def _nothing(where: str, why: str) -> InputError:
    return InputError(
        f"there is no Ray cluster at {where or 'this machine'} ({why}); start one by `ray start --head`, or correct "
        "executor: {address: ...} or RAY_ADDRESS."
    )


def room(ray: Any, resources: Resources) -> int:
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


def remote_task(ray: Any, resources: Resources, function: Any = None, **more: Any) -> Any:
    """What a worker is given, with what it takes: `ray_entry.enter`, or another function of that module."""
    from ray.cloudpickle import register_pickle_by_value

    from foretell.objectives.executors import ray_entry

    register_pickle_by_value(ray_entry)
    options: dict[str, Any] = {"num_cpus": resources.cpu, "num_gpus": resources.gpu, "max_retries": 0, **more}
    options |= {"memory": resources.memory} if resources.memory else {}
    return ray.remote(**options)(function or ray_entry.enter)


def actor_beside(ray: Any, kind: type) -> Any:
    """An actor on the driver's node, for as long as the driver runs."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Not soft, which prefers any node that has room for tasks, and dies with that one.
    beside = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=beside)(kind).remote()


def told(error: Exception) -> ForetellError:
    """An error of Ray's in one sentence."""
    if isinstance(error, ForetellError):
        return error
    if any(name in type(error).__name__ for name in ("ObjectStoreFull", "OutOfDisk")):
        return ForetellError(
            f"Ray's object store is full ({brief(error)}); start the cluster with a larger one (ray start "
            "--object-store-memory), make the objective smaller, or let all machines share a folder for checkpoints."
        )
    return ForetellError(f"a Ray task failed: {brief(error)}" if "ray" in type(error).__module__ else sentence(error))


def brief(error: Exception) -> str:
    """The first line of an error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def logs(ray: Any) -> str:
    """Where the workers' log files are."""
    try:
        return str(Path(ray._private.worker.global_worker.node.get_logs_dir_path()))
    except Exception:
        return "the folder of Ray's session"
