"""Which executor a study's settings mean."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from foretell.errors import InputError
from foretell.machine import usable_cores
from foretell.objectives.executors.base import Executor
from foretell.objectives.executors.processes import ProcessExecutor
from foretell.objectives.executors.settings import ExecutorSettings

__all__ = ["make_executor"]


def make_executor(settings: ExecutorSettings, folder: Path, *, slots: int | None = None) -> Executor:
    """The executor that a study names.

    Args:
        settings: Which, and what a job gets.
        folder: Of the run: an executor of other machines keeps its files in a folder there.
        slots: Jobs at the same time where the settings do not say.

    Raises:
        InputError: What it needs is not installed or not there, or nothing has the resources of one job.
    """
    if settings.slots is None and slots is not None:
        settings = settings.model_copy(update={"slots": slots})
    if settings.name == "slurm":
        from foretell.objectives.executors.slurm import SlurmExecutor

        return SlurmExecutor(folder / "slurm", settings)
    if settings.name == "ray":
        from foretell.objectives.executors.ray import RayExecutor

        return RayExecutor(folder / "ray", settings)
    return _processes(settings)


def _processes(settings: ExecutorSettings) -> ProcessExecutor:
    """Processes of this machine, with its cores and devices shared out."""
    resources, slots = settings.resources, settings.slots
    devices: list[str] = []
    if resources.gpu:
        devices = shared_devices(visible_devices(), resources.gpu)
        if not devices:
            raise InputError(
                f"a job is to have {resources.gpu:g} GPUs and this machine has {len(visible_devices())} to give; ask "
                "for fewer, or choose another executor."
            )
        slots = min(slots or len(devices), len(devices))
    elif slots is None and resources.cpu > 1:
        slots = max(1, usable_cores() // resources.cpu)
    return ProcessExecutor(slots, devices=devices, threads=resources.cpu)


def visible_devices() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() and name.strip() != "-1"]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def shared_devices(devices: Sequence[str], gpu: float) -> list[str]:
    """What each job sees where each gets so many devices, or such a part of one: as many as there is room for."""
    if gpu < 1:
        return [name for _ in range(int(1 / gpu + 1e-9)) for name in devices]
    size = int(gpu)
    return [",".join(devices[at : at + size]) for at in range(0, len(devices) - size + 1, size)]
