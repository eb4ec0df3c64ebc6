"""Latencies on disk as arrays: this device's measurements, and imported ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell import spaces
from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.records import read_jsonl
from foretell.spaces import Architecture, SearchSpace

__all__ = ["LatencySamples", "read_samples", "samples_of_records", "undisturbed_ms"]

_LARGEST = 1e9
_TRUSTED_WIDTH = 0.05
"""A sample whose interval has this relative width has half the say of one that is known exactly."""


@dataclass(frozen=True)
class LatencySamples:
    """Latencies of one space on one device under one setting.

    Attributes:
        inputs: The architectures, in the order of measurement.
        ms: Their latencies: corrected by the probe where there was one, else as recorded, `[n]`.
        weights: How far each is trusted, `[n]`, at most 1.
        rows: Their places in the order of measurement, 0-based, `[n]`.
        probed: Whether a probe was measured along with each.
        setting: What was measured where.
    """

    inputs: LatencyInputs
    ms: Floats
    weights: Floats
    rows: npt.NDArray[np.int64]
    probed: bool
    setting: dict[str, Any]

    def __len__(self) -> int:
        return len(self.ms)

    def take(self, chosen: npt.NDArray[Any]) -> LatencySamples:
        """Some of the samples, by index or mask."""
        arrays = {name: getattr(self, name)[chosen] for name in ("ms", "weights", "rows")}
        return replace(self, inputs=self.inputs.take(chosen), **arrays)


def read_samples(path: Path | str, space: SearchSpace | None = None) -> LatencySamples:
    """Read what `foretell latency measure` or `foretell import hat-latency` wrote.

    Args:
        path: The JSON-lines file.
        space: The space that it must be of; None: the known space that it names.

    Raises:
        InputError: No such file, no line in it, lines of several settings, or another space.
        IntegrityError: A line is not a latency sample.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected a file of `foretell latency measure` or of an import.")
    records = read_jsonl(path)
    if not records:
        raise InputError(f"{path} holds no latency; measure some with `foretell latency measure`.")
    keys = list(dict.fromkeys(str(record.get("key")) for record in records))
    if len(keys) > 1:
        raise InputError(
            f"{path} holds latencies of {len(keys)} settings, which must not be mixed; measure each into its own file."
        )
    try:
        setting = dict(records[0]["setting"])
        space = _checked_space(path, setting, space)
        samples = samples_of_records(space, records)
        if not (samples.ms > 0).all():
            raise ValueError("a latency that is not positive")
        return samples
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, ForetellError):
            raise
        raise IntegrityError(f"{path} does not hold latency samples ({error!r}); see docs/formats.md.") from error


def samples_of_records(space: SearchSpace, records: list[dict[str, Any]]) -> LatencySamples:
    """Records of one setting as arrays; of an architecture measured twice the later one counts."""
    setting = dict(records[0]["setting"])
    if "averages" in records[0]:
        names = [gene.name for gene in space.genes]
        averages = np.stack([_column([record["averages"] for record in records], name) for name in names], axis=1)
        ms = _column(records, "latency_ms")
        rows = np.array([int(record["row"]) for record in records], dtype=np.int64)
        return LatencySamples(LatencyInputs(space, averages), ms, np.ones(len(ms)), rows, False, setting)
    numbered = {str(record["architecture_key"]): (row, record) for row, record in enumerate(records)}
    rows, kept = np.array([row for row, _ in numbered.values()]), [record for _, record in numbered.values()]
    population = space.population([Architecture.from_dict(space, record["architecture"]) for record in kept])
    ms = _column(kept, "ratio") * undisturbed_ms(kept)
    widths = _column(kept, "relative_width")
    order = np.argsort(rows)
    samples = LatencySamples(
        LatencyInputs.of(space, population), ms, 1 / (1 + (widths / _TRUSTED_WIDTH) ** 2), rows, True, setting
    )
    return samples.take(order)


def undisturbed_ms(records: list[dict[str, Any]]) -> float:
    """What the probe takes while nothing disturbs the machine: the fastest tenth of all probes."""
    return float(np.quantile(_column(records, "probe_ms"), 0.1))


def _column(records: list[dict[str, Any]], name: str) -> Floats:
    """Numbers of a file, `[n]`, checked before anything is computed of them."""
    values = np.array([float(record[name]) for record in records])
    if not ((values >= 0) & (values < _LARGEST)).all():
        raise ValueError(f"{name} that is not between 0 and {_LARGEST:g}")
    return values


def _checked_space(path: Path, setting: dict[str, Any], space: SearchSpace | None) -> SearchSpace:
    found = spaces.named(setting["space"]) if space is None else space
    if setting["space_fingerprint"] != found.fingerprint:
        raise InputError(
            f"{path} was measured on the space {setting['space']}; {found.name} is another: choose the space it was "
            "measured on with --space, or measure again."
        )
    return found
