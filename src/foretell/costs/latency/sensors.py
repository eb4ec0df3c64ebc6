"""What the system tells of itself: temperature, clock, energy, memory. Absent is None, never a guess."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foretell.costs.latency.setting import LatencySetting
from foretell.families.timing import Step

__all__ = ["device_state", "energy_joules", "peak_memory_bytes"]

_THERMAL = Path("/sys/class/thermal")
_POWERCAP = Path("/sys/class/powercap")
_CPU_INFO = Path("/proc/cpuinfo")
_SECONDS = 0.2
"""Counters of energy tick once a millisecond; so long a run makes that negligible."""


def device_state(setting: LatencySetting) -> dict[str, float | None]:
    """`temperature_c` and `clock_mhz` of the device just now, None where the system does not tell."""
    if setting.on_gpu:
        return _gpu_state(setting.device)
    temperatures = [_number(path) for path in sorted(_THERMAL.glob("thermal_zone*/temp"))]
    told = [value / 1000 for value in temperatures if value is not None]
    return {"temperature_c": max(told, default=None), "clock_mhz": _cpu_mhz()}


def energy_joules(setting: LatencySetting, call: Step) -> float | None:
    """Joules of one call, averaged over a fifth of a second: RAPL on Linux CPUs, NVML on NVIDIA GPUs.

    The whole package is metered, other processes included. None where the system exposes no counter, or
    forbids reading it.
    """
    counter = _gpu_energy(setting.device) if setting.on_gpu else _rapl
    before = counter()
    if before is None:
        return None
    calls, end = 0, time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        call()
        calls += 1
    after = counter()
    # A counter that has wrapped around says nothing.
    return (after - before) / calls if after is not None and after >= before else None


def peak_memory_bytes(setting: LatencySetting, network: Any, call: Step) -> int:
    """Most bytes that weights and activations take at once during a call.

    On a GPU the allocator's own peak; on a CPU the sum over all tensors alive, seen at every operation, so
    what one operation borrows and returns inside itself is not in it.
    """
    import torch

    if setting.on_gpu:
        torch.cuda.reset_peak_memory_stats(setting.device)
        call()
        torch.cuda.synchronize(setting.device)
        return int(torch.cuda.max_memory_allocated(setting.device))
    weights = {tensor.data_ptr(): tensor.nbytes for tensor in (*network.parameters(), *network.buffers())}
    return sum(weights.values()) + _peak_of_activations(call, set(weights))


def _peak_of_activations(call: Step, known: set[int]) -> int:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    alive: dict[int, int] = {}
    peak = 0

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal peak
            result = function(*args, **(kwargs or {}))
            for item in tree_leaves(result):
                if isinstance(item, torch.Tensor):
                    storage = item.untyped_storage()
                    place = storage.data_ptr()
                    if place not in alive and place not in known:
                        alive[place] = storage.nbytes()
                        weakref.finalize(storage, alive.pop, place, None)
            peak = max(peak, sum(alive.values()))
            return result

    with Watch():  # type: ignore[no-untyped-call]
        call()
    return peak


def _rapl() -> float | None:
    """Joules that all processor packages have used since some moment."""
    counted = [_number(path / "energy_uj") for path in sorted(_POWERCAP.glob("intel-rapl:[0-9]"))]
    told = [value for value in counted if value is not None]
    return sum(told) / 1e6 if told else None


def _gpu_energy(device: str) -> Callable[[], float | None]:
    def read() -> float | None:
        try:
            import pynvml
            import torch

            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByIndex(torch.device(device).index or 0)
            return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
        except Exception:  # an absent module, an absent library or an old card: all mean "not told"
            return None

    return read


def _gpu_state(device: str) -> dict[str, float | None]:
    import torch

    state: dict[str, float | None] = {}
    for name, ask in (("temperature_c", torch.cuda.temperature), ("clock_mhz", torch.cuda.clock_rate)):
        try:
            state[name] = float(ask(torch.device(device)))
        except Exception:  # they need NVML's Python module
            state[name] = None
    return state


def _cpu_mhz() -> float | None:
    """The fastest core's clock: the one that works."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return max((float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")), default=None)


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
