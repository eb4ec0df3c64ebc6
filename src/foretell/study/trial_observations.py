"""What was told of the trials of a study, on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from foretell.costs import CostModel
from foretell.observations import Observation, ObservationWriter
from foretell.records import file_size

__all__ = ["TrialObservations"]


class TrialObservations:
    """The observations of a study's trials, and their file.

    Args:
        path: JSON lines; what stands there is read.
        costs: What the genes alone tell of an architecture.

    Attributes:
        by_number: Observations by the number of their trial.
        sync: Whether even a power failure must not lose one; what was looked up in a table may be looked up again.

    Raises:
        InputError: The file holds another study's observations.
        IntegrityError: It is damaged.
    """

    def __init__(self, path: Path, costs: CostModel) -> None:
        self.path, self.costs, self.sync = path, costs, True
        self._stack: ExitStack | None = None
        self._writer: ObservationWriter | None = None
        self.read()

    def read(self) -> None:
        """Take in what stands in the file, which somebody else may have gone on with."""
        found: list[Observation] = []
        if self.path.exists():
            with ObservationWriter(self.path) as writer:
                found = writer.written(self.costs.space)
        self.by_number: dict[int, Observation] = {int(item.provenance["trial"]): item for item in found}
        self._size = file_size(self.path)

    @property
    def changed(self) -> bool:
        """Whether the file is not as it was last read or written here: others wrote, or a write was interrupted."""
        return file_size(self.path) != self._size

    def keep(self, number: int, observation: Observation) -> Observation:
        """Write down what came out of a trial, with the costs that its genes tell; it is on the disk then."""
        row = self.costs.space.population([observation.architecture])
        counted = {name: float(values[0]) for name, values in self.costs.costs(row).items()}
        provenance = {**observation.provenance, "trial": number}
        kept = replace(observation, costs={**counted, **observation.costs}, provenance=provenance)
        if self._stack is not None and self._writer is None:
            self._writer = self._stack.enter_context(ObservationWriter(self.path))
        with ExitStack() as briefly:
            writer = self._writer or briefly.enter_context(ObservationWriter(self.path))
            writer.write(kept, sync=self.sync)
        self.by_number[number] = kept
        self._size = file_size(self.path)
        return kept

    @contextmanager
    def opened(self, *, sync: bool) -> Iterator[None]:
        """Inside the block the file is opened once, with the first that is kept."""
        before, self.sync = self.sync, sync
        try:
            with ExitStack() as self._stack:
                yield
        finally:
            self._stack = self._writer = None
            self.sync = before
