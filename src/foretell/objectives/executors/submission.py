"""What submitit, which sends jobs to Slurm or to its stand-in on this machine, is told and asked."""

from __future__ import annotations

import math
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from foretell.errors import InputError
from foretell.objectives.executors.settings import ExecutorSettings

__all__ = ["cancel", "has_ended", "last_line", "submitit_executor"]

_WARNED = 90
"""Seconds before the end of its time limit at which a job hears of it."""


def _orphan(task: Any) -> int:
    """The process of a job of submitit's stand-in that an earlier driver began, unknown to submitit; else 0."""
    return int(task.job_id) if getattr(task, "_process", 0) is None else 0


def has_ended(task: Any) -> bool:
    """Whether a job has ended."""
    if process := _orphan(task):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        return False
    return bool(task.done())


def cancel(task: Any) -> None:
    """End a job."""
    if process := _orphan(task):
        os.kill(process, signal.SIGINT)
    else:
        task.cancel(check=False)


def submitit_executor(folder: Path, settings: ExecutorSettings, slots: int) -> Any:
    """Submitit's executor, of Slurm or of its stand-in.

    Args:
        folder: Gets scripts and log files.
        settings: Of Slurm.
        slots: Jobs of an array that run at the same time where the settings do not say.

    Raises:
        InputError: There is no Slurm here, or it cannot give what a job is to have.
    """
    try:
        import submitit
    except ImportError:
        raise InputError(
            "the executor slurm needs submitit, which is not installed; install it by: pip install 'foretell[slurm]'."
        ) from None
    resources, minutes = settings.resources, settings.time_limit / 60
    if settings.cluster == "local":
        found: Any = submitit.LocalExecutor(folder)
        found._throttling = 0.0
        found.update_parameters(timeout_min=minutes, signal_delay_s=min(_WARNED, settings.time_limit / 2))
        return found
    if shutil.which("sbatch") is None or shutil.which("srun") is None:
        raise InputError(
            "Slurm's commands sbatch and srun are not on the PATH; run this on a machine of the cluster that has them, "
            "or choose another executor."
        )
    if resources.gpu and not resources.gpu.is_integer():
        raise InputError(f"Slurm gives whole GPUs, and the study asks for {resources.gpu:g} for a job; give 1 or more.")
    found = submitit.SlurmExecutor(folder, max_num_timeout=1_000_000)  # `_Errand.checkpoint` decides
    wanted: dict[str, Any] = {
        "job_name": "foretell",
        "time": math.ceil(minutes),
        "cpus_per_task": resources.cpu,
        "signal_delay_s": int(min(_WARNED, settings.time_limit / 2)),
        "setup": list(settings.setup),
        "array_parallelism": settings.slots or slots,
        "additional_parameters": {name.replace("_", "-"): value for name, value in settings.options.items()},
    }
    wanted |= {"partition": settings.partition} if settings.partition else {}
    wanted |= {"account": settings.account} if settings.account else {}
    wanted |= {"gpus_per_node": int(resources.gpu)} if resources.gpu else {}
    wanted |= {"mem": f"{math.ceil(resources.memory / (1 << 20))}MB"} if resources.memory else {}
    found.update_parameters(**wanted)
    return found


def last_line(error: Exception) -> str:
    """Of what an error says: the sentence of the program that failed, where it is that of submitit."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
