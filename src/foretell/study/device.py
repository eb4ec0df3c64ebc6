"""What a study needs to know of the device: latencies measured once, and the finalists' measured again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from foretell.costs import (
    Constraints,
    CostModel,
    LatencyPredictor,
    LatencySetting,
    Repeats,
    measure_latency,
    measured_latency,
    random_and_extreme,
)
from foretell.costs.latency import check_setting
from foretell.costs.model import LATENCY, cost_name, is_latency
from foretell.errors import InfeasibleError, InputError, IntegrityError, UnknownNameError
from foretell.families.timing import timed_family
from foretell.objectives import claim, store_folder
from foretell.records import read_object, write_json
from foretell.search import SearchResult
from foretell.spaces import Architecture, Population, SearchSpace
from foretell.study.config import LatencySettings
from foretell.study.limits import counted_limits, is_relative, limited_cost

__all__ = [
    "Device",
    "MeasuredStudy",
    "latency_setting",
    "measure_device",
    "measure_each",
    "measure_finalists",
    "quick_check",
    "timed_workload",
]

_SAMPLES = "latency-samples.json"
_MARGIN = 0.5
"""A latency limit below this share of the smallest architecture's measured latency is refused at once."""
_FINALIST = Repeats(most=60, relative_width=0.02, seconds=1.0)
"""Finalists are few: each is measured until its median is known to 2 %."""
_CONFIDENCE = 0.9
"""Of the interval that a finalist's predicted latency is given with."""


class MeasuredStudy(Protocol):
    """What a study says of the device."""

    @property
    def constraints(self) -> Sequence[str]:
        """The limits."""
        ...

    @property
    def latency(self) -> LatencySettings:
        """How it is measured."""
        ...

    @property
    def device(self) -> str:
        """Where."""
        ...


def latency_setting(
    space: SearchSpace, study: MeasuredStudy, vocabulary: int, cost: str = "latency_ms"
) -> LatencySetting:
    """What is timed, and where.

    Args:
        space: Its family says what a latency is of.
        study: The device, and the beam of a translation.
        vocabulary: Pieces of the task's vocabulary.
        cost: Which latency; a number after an `@` is how much of it.

    Raises:
        UnknownNameError: The family times nothing of that name.
        InputError: It times nothing at all, or not in the runtime; or that is not installed.
    """
    from foretell.training import choose_device

    settings = study.latency
    in_torch = settings.runtime == "torch"
    name, sizes = timed_workload(space, cost)
    sizes |= {"beam": settings.beam} if "beam" in sizes else {}
    device = str(choose_device(study.device)) if in_torch else "cpu"
    more: dict[str, Any] = {"precision": settings.precision, "runtime": settings.runtime}
    setting = LatencySetting(space, vocabulary, sizes, name, device=device, **more)
    check_setting(setting)
    return setting


def timed_workload(space: SearchSpace, cost: str) -> tuple[str, dict[str, int]]:
    """What a latency is of: the first name of it, which its other names share measurements with, and its sizes.

    Raises:
        UnknownNameError: The family times nothing of that name.
        InputError: It times nothing at all.
    """
    workloads = timed_family(space).workloads(space)
    name, _, amount = cost_name(cost).partition("@")
    if not workloads:
        raise InputError(
            f"there is a limit on {cost}, but nothing of the space {space.name} is timed; limit its params, memory or "
            "flops instead."
        )
    if name not in workloads:
        raise UnknownNameError("latency", cost, workloads, f"the space {space.name}")
    chosen = workloads[name]
    first = next(each for each, workload in workloads.items() if workload == chosen)
    return first, {**chosen.sizes, **({chosen.at: int(amount)} if amount else {})}


def quick_check(space: SearchSpace, study: MeasuredStudy, vocabulary: int) -> None:
    """Refuse limits that clearly nothing keeps, within seconds and before anything is fetched or trained.

    Raises:
        InputError: A limit cannot be read.
        InfeasibleError: The message names what can be reached.
    """
    if study.latency.runtime != "torch":
        latency_setting(space, study, vocabulary)  # refuses what cannot be measured
    absolute = Constraints.parse(text for text in study.constraints if not is_relative(text))
    costs = CostModel(space, vocabulary=vocabulary)
    counted = counted_limits(study.constraints, costs)
    if len(counted):
        counted.check_feasible(costs, np.random.default_rng(0))
    for item in absolute:
        if is_latency(item.cost) and item.is_upper:
            rows = space.population([space.smallest()])
            setting = latency_setting(space, study, vocabulary, item.cost)
            fastest = measure_latency(setting, rows)[0]["latency_ms"]
            if item.limit < _MARGIN * fastest:
                raise InfeasibleError(
                    f"no architecture of {space.name} keeps {item}: the fastest reachable latency on this device is "
                    f"about {item.format(fastest)} (the smallest architecture, measured just now); raise the limit."
                )


@dataclass(frozen=True)
class Timed:
    """One latency on a measured device.

    Attributes:
        setting: What was timed.
        undisturbed_ms: Time of the probe, the smallest architecture, while nothing disturbed it: the scale on
            which all latencies are given, whatever the clock does at the moment.
        predictor: From architectures to milliseconds.
    """

    setting: LatencySetting
    undisturbed_ms: float
    predictor: LatencyPredictor


@dataclass(frozen=True)
class Device:
    """A measured device.

    Attributes:
        costs: The space's costs on it.
        latency: What `costs` calls `latency_ms`.
        others: Further latencies that limits name, by cost.
    """

    costs: CostModel
    latency: Timed
    others: Mapping[str, Timed] = field(default_factory=dict)

    @property
    def predictor(self) -> LatencyPredictor:
        """What `costs` predicts latency with."""
        return self.latency.predictor


def measure_device(
    space: SearchSpace,
    study: MeasuredStudy,
    vocabulary: int,
    folder: Path,
    classes: int | None = None,
    first: str = LATENCY,
) -> Device:
    """Measure architectures of the space on this device, once, and fit a latency predictor.

    Measurements are kept in the user's store and shared by all runs of the same space on the same device. Other
    runs add to them, and every probe that joins moves the scale; so the samples that this run takes, and their
    scale, are written into its folder, and a resumed run reads them there.

    Args:
        space: What is measured.
        study: How many samples, with which beam, where.
        vocabulary: Pieces of the task's vocabulary.
        folder: The run's; gets `latency-samples.json`, and one file more for each further latency that limits name.
        classes: That the task tells apart, for costs that are counted; times are of the space's nominal number.
        first: The latency that is meant where none is named.

    Raises:
        IntegrityError: The samples in the folder are damaged.
    """
    main = _timed(space, study, latency_setting(space, study, vocabulary, first), folder / _SAMPLES)
    others: dict[str, Timed] = {}
    for cost in dict.fromkeys(filter(is_latency, map(limited_cost, study.constraints))):
        setting = latency_setting(space, study, vocabulary, cost)
        if setting.key == main.setting.key:
            others |= {} if cost == LATENCY else {cost: main}
        else:
            others[cost] = _timed(space, study, setting, folder / f"latency-samples-{cost}.json")
    models = {cost: timed.predictor for cost, timed in others.items()}
    costs = CostModel(space, vocabulary=vocabulary, classes=classes, latency=main.predictor, latencies=models)
    return Device(costs, main, others)


def _timed(space: SearchSpace, study: MeasuredStudy, setting: LatencySetting, path: Path) -> Timed:
    """The samples that a run's file keeps, or new ones; and what predicts from them."""
    kept = read_object(path, "key", "undisturbed_ms", "samples") if path.exists() else {}
    if kept.get("key") != setting.key:  # a first sitting, or one on another machine
        records = _measured(space, study, setting)
        scale = records[0]["latency_ms"] / records[0]["ratio"]
        kept = {"format": 1, "key": setting.key, "undisturbed_ms": scale, "samples": records}
        write_json(path, kept)
    try:
        measured, scale = measured_latency(space, kept["samples"]), float(kept["undisturbed_ms"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(
            f"{path} does not hold latency samples ({error!r}); delete it, and the device is measured again."
        ) from error
    return Timed(setting, scale, LatencyPredictor.fit(space, *measured, setting.describe()))


def _measured(space: SearchSpace, study: MeasuredStudy, setting: LatencySetting) -> list[dict[str, Any]]:
    """The study's samples, of which the user's store may hold some already."""
    path = store_folder("latency", setting.key) / "samples.jsonl"
    with claim(path.parent):
        return measure_latency(setting, random_and_extreme(space, study.latency.samples), path)


def measure_finalists(
    path: Path, count: int, device: Device, limits: Constraints, found: SearchResult
) -> tuple[Architecture, dict[str, Any]]:
    """Measure the best architectures again, best first, and take the first that really keeps the limits.

    Args:
        path: JSON lines to which each measurement is appended.
        count: How many to measure; more only while none of them keeps the limits.
        device: Where.
        limits: What must be kept, by the measured latency where latency is limited.
        found: The search's finalists.

    Returns:
        The winner, and `latency_ms`, `interval_ms`, `others` (further latencies by cost), `kept`, and `finalists`
        with a row for each that was measured. If none keeps the limits, the winner is the fastest of them and
        `kept` is false.
    """
    space = device.costs.space
    rows: list[dict[str, Any]] = []
    for entry in measure_each(path, device, limits, found.finalists, found.scores.tolist()):
        rows.append(entry)
        if len(rows) >= count and any(r["kept"] for r in rows):
            break
    chosen = next((r for r in rows if r["kept"]), min(rows, key=lambda r: r["latency_ms"]))
    winner = Architecture.from_dict(space, chosen["architecture"])
    told = {key: chosen[key] for key in ("latency_ms", "interval_ms", "kept")}
    return winner, {**told, "others": chosen.get("latencies_ms", {}), "finalists": rows}


def measure_each(
    path: Path, device: Device, limits: Constraints, population: Population, scores: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """Measure architectures, one at a time as they are asked for.

    Args:
        path: JSON lines to which each measurement is appended; what stands there is not measured again.
        device: Where.
        limits: What must be kept, by the measured latency where latency is limited.
        population: `int16 [n, columns]`.
        scores: What the search said of them, [n].

    Yields:
        Of each, `architecture`, `score`, predicted and measured latency with intervals, and whether it `kept` the
        limits.
    """
    space = device.costs.space
    for architecture, score in zip(space.architectures(population), scores, strict=True):
        row = space.population([architecture])
        record = measure_latency(device.latency.setting, row, path, repeats=_FINALIST)[0]
        latency = record["ratio"] * device.latency.undisturbed_ms
        interval = [end * device.latency.undisturbed_ms for end in record["ratio_interval"]]
        others = {cost: latency for cost, timed in device.others.items() if timed is device.latency}
        for cost, timed in device.others.items():
            if cost not in others:
                beside = path.with_name(f"finalists-{cost}.jsonl")
                again = measure_latency(timed.setting, row, beside, repeats=_FINALIST)[0]
                others[cost] = again["ratio"] * timed.undisturbed_ms
        yield {
            "architecture": architecture.to_dict(),
            "score": float(score),
            "predicted_latency_ms": float(device.costs.cost(row, "latency_ms")[0]),
            "predicted_interval_ms": [float(end[0]) for end in device.predictor.interval(row, _CONFIDENCE)],
            "latency_ms": latency,
            "interval_ms": interval,
            "kept": _kept(limits, device.costs, row, {LATENCY: latency, **others}),
            **({"latencies_ms": others} if others else {}),
        }


def _kept(limits: Constraints, costs: CostModel, row: Population, measured: Mapping[str, float]) -> bool:
    """Whether the limits hold when measured latencies stand for the predicted ones."""
    for item in limits:
        value = np.array([measured[item.cost]]) if item.cost in measured else item.values(costs, row)
        if not item.holds(value).all():
            return False
    return True
