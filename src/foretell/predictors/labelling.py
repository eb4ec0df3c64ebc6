"""A teacher's labels for thousands of architectures: each on the disk soon after it exists, resumed by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foretell.errors import InputError
from foretell.observations import OWN_UNIT, Observation, ObservationWriter
from foretell.predictors.base import Predictor
from foretell.spaces import Population, SearchSpace

__all__ = ["Labelled", "draw_architectures", "label_architectures"]

_PIECE = 256  # rows handed at once to a predictor that does not report pieces
_FLUSH = 0.5  # seconds that labels may wait for the next write; what was paid for is in the ledger anyway
_BARREN = 50  # draws in a row without a new architecture


@dataclass(frozen=True)
class Labelled:
    """What came of labelling.

    Attributes:
        labels: Lines in the file.
        new: Of them, written by this run.
        abstained: Architectures without a label, and why, by row of the population.
    """

    labels: int
    new: int
    abstained: Mapping[int, str]


def draw_architectures(
    space: SearchSpace, n: int, seed: int, *, uniform_over: Literal["genes", "architectures"] = "genes"
) -> Population:
    """Distinct architectures for a distillation set, canonical, `int16 [n, columns]`.

    The same seed draws the same ones, and a larger n only adds to them.

    Args:
        space: The space.
        n: How many.
        seed: Of the draw.
        uniform_over: "genes" draws all depths equally often, "architectures" each network.

    Raises:
        InputError: The space has hardly as many.
    """
    rng = np.random.default_rng(seed)
    found: dict[bytes, Any] = {}
    barren = 0
    while len(found) < n and barren < _BARREN:
        before = len(found)
        for row in space.canonical(space.sample(256, rng, uniform_over=uniform_over)):
            found.setdefault(row.tobytes(), row)
        barren = barren + 1 if len(found) == before else 0
    if len(found) < n:
        raise InputError(f"the space {space.name} gave {len(found)} distinct architectures; ask for no more with --n.")
    return np.array(list(found.values())[:n], dtype=np.int16)


def label_architectures(
    predictor: Predictor,
    population: Population,
    path: Path,
    *,
    name: str,
    metric: str,
    provenance: Mapping[str, Any],
) -> Labelled:
    """Ask a fitted predictor about a population and append its scores to a file as they come.

    Interrupted at any moment, the same call goes on: architectures that the file has are not asked about
    again. An architecture without a score is left out, and asked about again by the next call.

    Args:
        predictor: Fitted.
        population: Canonical, distinct rows, `int16 [n, columns]`.
        path: JSON lines of observations with `scores`.
        name: What the score is recorded under.
        metric: What it estimates; scores that only rank are recorded in their own unit.
        provenance: Recorded with each label; its "key" must be that of every label in the file.

    Raises:
        InputError: The file holds labels of another teacher, space or demonstrations.
        RunBusyError: Another process labels into the same file.
        BudgetReachedError: A limit was reached; what came before is in the file.
        StorageError: The disk refused.
    """
    with ObservationWriter(path) as writer:
        known = _known(writer, predictor.space, str(provenance["key"]))
        missing = population[[row.tobytes() not in known for row in population]]
        sink = _Sink(writer, predictor.space, name, metric if predictor.calibrated else OWN_UNIT, provenance)
        reasons: dict[bytes, str] = {}
        try:
            step = max(1, len(missing)) if predictor.piecewise else _PIECE
            for start in range(0, len(missing), step):
                reasons |= _ask(predictor, missing[start : start + step], sink)
        finally:
            sink.flush()
    index = {row.tobytes(): number for number, row in enumerate(population)}
    abstained = {index[row]: reason for row, reason in reasons.items()}
    return Labelled(len(known) + sink.written, sink.written, abstained)


def _ask(predictor: Predictor, piece: Population, sink: _Sink) -> dict[bytes, str]:
    """Label some rows; the reasons of those without a label."""
    with predictor.reporting(sink.take):
        prediction = predictor.predict(piece)
    return {
        piece[row].tobytes(): prediction.reasons.get(int(row), "") for row in np.flatnonzero(np.isnan(prediction.mean))
    }


class _Sink:
    """Collects scores and writes them together, at most half a second late."""

    def __init__(
        self, writer: ObservationWriter, space: SearchSpace, name: str, metric: str, provenance: Mapping[str, Any]
    ) -> None:
        self.writer, self.space, self.name, self.metric = writer, space, name, metric
        self.provenance = provenance
        self.waiting: list[Observation] = []
        self.written = 0
        self._last = time.monotonic()

    def take(self, rows: Population, scores: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]]) -> None:
        for row, score in zip(rows, scores, strict=True):
            if np.isfinite(score):
                said = {self.name: {self.metric: float(score)}}
                self.waiting.append(Observation(self.space.architecture(row), scores=said, provenance=self.provenance))
        if time.monotonic() - self._last >= _FLUSH:
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            self.writer.write(*self.waiting)
            self.written += len(self.waiting)
            self.waiting = []
        self._last = time.monotonic()


def _known(writer: ObservationWriter, space: SearchSpace, key: str) -> set[bytes]:
    """Rows that the file has labels for."""
    found = writer.written(space)
    if any(item.provenance.get("key") != key for item in found):
        raise InputError(
            f"{writer.path} holds labels of another teacher, space or demonstrations; choose another file with "
            "--out, or remove it."
        )
    return {item.architecture.row.tobytes() for item in found}
