"""Measuring the architectures of a space on this device, against a probe that tells the machine's drift.

Machines drift: neighbours, clocks and heat make whole minutes slow. So every timed
translation is paired with one of a probe, the space's smallest architecture, made just before. What is
kept is their ratio, times what the probe takes when the machine is undisturbed: the fastest tenth of all
probes under the same setting.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.costs.latency.samples import undisturbed_ms
from foretell.costs.latency.sensors import device_state, energy_joules, peak_memory_bytes
from foretell.costs.latency.setting import LatencySetting, check_setting
from foretell.costs.latency.timing import Repeats, time_pairs
from foretell.errors import InputError
from foretell.families.timing import TORCH, timed_family
from foretell.locks import lock_file
from foretell.machine import torch_threads
from foretell.progress import track
from foretell.records import append_jsonl, read_jsonl, storage
from foretell.spaces import Architecture, Population, SearchSpace

__all__ = ["drift_summary", "measure_latency", "measured_latency", "random_and_extreme"]

_FORMAT = 2
_REPEATS = Repeats()
_DISTURBED = 1.1
"""A probe slower than the undisturbed one by this factor counts as disturbed in the report."""


def measure_latency(
    setting: LatencySetting,
    population: Population,
    path: Path | str | None = None,
    *,
    repeats: Repeats | None = None,
    again: bool = False,
    resources: bool = False,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Measure each distinct architecture of a population, in random order.

    Args:
        setting: On what, and how.
        population: `int16 [n, columns]`.
        path: A JSON-lines file to which every record is appended (with fsync) as soon as it is measured;
            architectures that it holds under the same setting are not measured again. On interruption the
            one being measured is lost.
        repeats: When each is known well enough; None: the defaults of `Repeats`.
        again: Measure also what the file holds already, as one does with the winner of a search; the file's
            probes still say what an undisturbed machine takes.
        resources: Also measure `energy_j` (None where the system exposes no counter) and
            `peak_memory_bytes` of one call.
        seed: Of the order, so that no slow minute falls on one kind of architecture.

    Returns:
        One record for each distinct architecture, in the order given: `architecture`, `latency_ms` and
        `latency_interval_ms` (corrected for drift), `drift` (how much slower the probe was than
        undisturbed), what `time_pairs` and `device_state` tell, `measured_at`, `setting`, `key`.

    Raises:
        InputError: The device is not there, or the runtime does not run such networks.
        RunBusyError: Another process measures into the same file.
        StorageError: The disk refused; the records before are kept.
    """
    check_setting(setting)
    if resources and setting.runtime != TORCH:
        raise InputError(f"energy and memory are measured in torch, not in {setting.runtime}; leave them out.")
    key, described, family = setting.key, setting.describe(), timed_family(setting.space)
    architectures = list(dict.fromkeys(setting.space.architectures(population)))
    with _held(path):
        known = _read_records(Path(path), key) if path is not None else {}
        todo = [item for item in architectures if again or item.key not in known]
        order = np.random.default_rng(seed).permutation(len(todo))
        with track("latency", len(todo), "architectures") as meter, torch_threads(setting.threads):
            probe = family.timed_step(setting, family.timed_network(setting, setting.space.smallest()))
            for done, index in enumerate(order.tolist()):
                architecture = todo[index]
                record = {
                    "format": _FORMAT,
                    "key": key,
                    "architecture_key": architecture.key,
                    "architecture": architecture.to_dict(),
                    **_measure(setting, architecture, probe, repeats or _REPEATS, resources),
                    "measured_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "setting": described,
                }
                if path is not None:
                    _append(Path(path), record)
                known[architecture.key] = record
                meter.update(done + 1, f"{record['measured_ms']:.1f} ms")
    scale = undisturbed_ms(list(known.values())) if known else 0.0
    return [_corrected(known[item.key], scale) for item in architectures]


def measured_latency(space: SearchSpace, records: list[dict[str, Any]]) -> tuple[Population, npt.NDArray[np.float64]]:
    """Records, in the order of measurement, as a population `int16 [n, columns]` and its milliseconds `float64 [n]`.

    That order is what cross-validation needs, whose folds are blocks in time (`fit_candidates`).
    """
    records = sorted(records, key=lambda record: datetime.fromisoformat(record["measured_at"]))
    architectures = [Architecture.from_dict(space, record["architecture"]) for record in records]
    return space.population(architectures), np.array([record["latency_ms"] for record in records], dtype=np.float64)


def random_and_extreme(space: SearchSpace, n: int, seed: int = 0) -> Population:
    """Both extremes of a space and `n - 2` random architectures, `int16 [n, columns]`.

    The same on every machine; a larger `n` only adds to them.
    """
    extremes = space.population([space.smallest(), space.largest()])
    return np.concatenate([extremes, space.canonical(space.sample(n - 2, np.random.default_rng(seed)))])


def drift_summary(records: list[dict[str, Any]]) -> dict[str, float]:
    """How far the machine drifted while these records, as `measure_latency` returns them, were taken.

    Returns:
        `undisturbed_probe_ms`; `median_drift` and `worst_drift`, how much slower the probe was than that,
        0.1 for a tenth; `disturbed_share` of the samples whose probe was more than 10 % slower.
    """
    drift = np.array([record["drift"] for record in records])
    scale = float(np.median([record["probe_ms"] for record in records] / (1 + drift)))
    return {
        "undisturbed_probe_ms": scale,
        "median_drift": float(np.median(drift)),
        "worst_drift": float(drift.max()),
        "disturbed_share": float((drift > _DISTURBED - 1).mean()),
    }


def _measure(
    setting: LatencySetting, architecture: Architecture, probe: Any, repeats: Repeats, resources: bool
) -> dict[str, Any]:
    family = timed_family(setting.space)
    network = family.timed_network(setting, architecture)
    step = family.timed_step(setting, network)
    found: dict[str, Any] = {**time_pairs(setting, step, probe, repeats), **device_state(setting)}
    if resources:
        found["energy_j"] = energy_joules(setting, step)
        found["peak_memory_bytes"] = peak_memory_bytes(setting, network, step)
    return found


def _corrected(record: dict[str, Any], scale: float) -> dict[str, Any]:
    low, high = record["ratio_interval"]
    corrected = {"latency_ms": record["ratio"] * scale, "latency_interval_ms": [low * scale, high * scale]}
    return {**record, **corrected, "drift": record["probe_ms"] / scale - 1}


def _held(path: Path | str | None) -> AbstractContextManager[None]:
    """The file for this process alone: what two processes measure at the same time is of no use."""
    if path is None:
        return nullcontext()
    if Path(path).is_dir():
        raise InputError(f"{path} is a folder; name the file to append measurements to.")
    return lock_file(Path(path))


def _read_records(path: Path, key: str) -> dict[str, dict[str, Any]]:
    rows = read_jsonl(path, repair=True)
    return {row["architecture_key"]: row for row in rows if row.get("key") == key}


def _append(path: Path, record: dict[str, Any]) -> None:
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    with file:
        append_jsonl(file, [record])
