"""On what and how latency is measured."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from foretell.errors import InputError
from foretell.families.timing import ELSE_TORCH, LLAMA_CPP, TORCH, timed_family
from foretell.llama_cpp import import_runtime
from foretell.records import fingerprint
from foretell.spaces import SearchSpace

__all__ = ["LatencySetting", "Precision", "Runtime", "check_setting", "device_name"]

Precision = Literal["float32", "bfloat16", "float16", "q8_0"]
Runtime = Literal["torch", "llama.cpp"]


@dataclass(frozen=True)
class LatencySetting:
    """All that a latency depends on beside the architecture.

    Attributes:
        space: The space.
        vocabulary: Size of the task's vocabulary, which sets the cost of the output layer.
        sizes: Of the workload, such as the `sentence_length` and the `beam` of a translation.
        cost: Which of the family's workloads is timed.
        device: "cpu", "cuda" or "cuda:1".
        threads: Threads of the CPU that one call may use.
        batch: Sentences that go through together; the latency is that of the whole batch.
        precision: Of weights and activations; in llama.cpp of the weights in the file, and only there "q8_0".
        runtime: What runs the networks, of those that the workload knows.
    """

    space: SearchSpace
    vocabulary: int
    sizes: Mapping[str, int] = field(hash=False)
    cost: str = "latency_ms"
    device: str = "cpu"
    threads: int = 1
    batch: int = 1
    precision: Precision = "float32"
    runtime: Runtime = "torch"

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.startswith("cuda")

    def describe(self) -> dict[str, Any]:
        """The setting as JSON values, with the name of the device, its driver and the software."""
        import torch

        values = {name: getattr(self, name) for name in ("vocabulary", "device", "threads", "batch", "precision")}
        values |= {**self.sizes, **({} if self.cost == "latency_ms" else {"cost": self.cost})}
        workload = timed_family(self.space).workloads(self.space).get(self.cost)
        if workload is not None and workload.version > 1 and self.runtime == TORCH:
            values["workload"] = workload.version
        return {
            "space": self.space.name,
            "space_fingerprint": self.space.fingerprint,
            **values,
            "device_name": device_name(self.device),
            "driver": _driver() if self.on_gpu else platform.release(),
            **({"torch": torch.__version__} if self.runtime == TORCH else self._other_runtime()),
        }

    def _other_runtime(self) -> dict[str, str]:
        return {"runtime": self.runtime, "xllamacpp": version("xllamacpp")}

    @property
    def key(self) -> str:
        """Equal for measurements that may be mixed."""
        return fingerprint(self.describe())


def device_name(device: str) -> str:
    """What the system calls a device ("cpu", "cuda" or "cuda:1").

    Raises:
        InputError: It is not there.
    """
    import torch

    check_device(device)
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else _processor()


def check_setting(setting: LatencySetting) -> None:
    """Refuse what cannot be measured.

    Raises:
        InputError: The device is not there, or the runtime does not run the space's networks, or not so.
    """
    check_device(setting.device)
    space, runtime = setting.space, setting.runtime
    if runtime not in timed_family(space).workloads(space)[setting.cost].runtimes:
        raise InputError(
            f"{runtime} runs decoders with gated feed-forward networks, and {space.name} is a space of others; "
            f"{ELSE_TORCH}."
        )
    if runtime == LLAMA_CPP:
        import_runtime(ELSE_TORCH)
    if runtime == LLAMA_CPP and (setting.on_gpu or setting.batch > 1):
        raise InputError(
            f"in llama.cpp one text is timed on the CPU, not {setting.batch} on {setting.device}; give batch 1 and "
            "device cpu."
        )
    if runtime == TORCH and setting.precision == "q8_0":
        raise InputError("q8_0 is a precision of llama.cpp; give runtime llama.cpp, or another precision.")


def check_device(name: str) -> None:
    """Refuse a device that is not there.

    Raises:
        InputError: It is not a device's name, or this machine has none of that number.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"{name!r} is not a device; give cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"the device {name} cannot be measured; give cpu, cuda or cuda:N.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"the device {name} is not there; this machine has {torch.cuda.device_count()} GPUs.")


def _processor() -> str:
    """The CPU's name, as far as the system tells."""
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _driver() -> str | None:
    """The NVIDIA driver's version, as far as the system tells."""
    for line in _lines("/proc/driver/nvidia/version"):
        if "Kernel Module" in line:
            return line.partition("Kernel Module")[2].split()[0]
    return None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
