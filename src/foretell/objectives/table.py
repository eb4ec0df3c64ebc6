"""Labels on record: published ones, or those of an earlier study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from foretell.errors import InputError
from foretell.objectives.base import Fidelities
from foretell.observations import Observation, ObservationSet, load
from foretell.records import fingerprint
from foretell.spaces import Architecture

__all__ = ["TableObjective", "said_by_table"]


def said_by_table(source: str) -> dict[str, Any]:
    """The keys `space` and `metric` of a study on observations, for a study that does not say them.

    Raises:
        InputError: There are no observations.
    """
    known = load(source)
    return {"space": known.space.to_dict(), "metric": known.quality().to_dict()}


class TableObjective:
    """Looks labels up.

    Args:
        observations: Of one space; several of an architecture are told apart by `provenance["seed"]` and fidelity.
        metrics: What labels have; None: what all recorded ones have.

    Raises:
        InputError: No label is recorded, or not all have the metrics.
    """

    def __init__(
        self, observations: ObservationSet | Iterable[Observation], metrics: tuple[str, ...] | None = None
    ) -> None:
        if isinstance(observations, ObservationSet):
            observations = observations.observations
        self._recorded = tuple(observations)
        labelled = [item for item in self._recorded if not item.failed]
        shared = _shared([item.metrics for item in labelled])
        missing = [name for name in metrics or () if name not in shared]
        if not shared or missing:
            what = f"not every label has {missing[0]}" if missing else "no metric is in all of them"
            raise InputError(f"{what} ({len(labelled)} labels on record); give other observations or metrics.")
        self.metrics = shared if metrics is None else tuple(metrics)
        self._costs = _shared([item.costs for item in labelled])
        self._rows: dict[tuple[Architecture, float], list[Observation]] = {}
        for item in self._recorded:
            self._rows.setdefault((item.architecture, item.fidelity), []).append(item)
        self._architectures = len({item.architecture for item in self._recorded})
        several = any(item.fidelity != 1 for item in self._recorded)
        # What is on record costs nothing, so that a part of a training goes on to a larger one at no cost either.
        self.fidelities = Fidelities(unit="share", continued=True) if several else Fidelities()

    @property
    def architectures(self) -> list[Architecture]:
        """All that have labels, each once, in the order of the records."""
        return list(dict.fromkeys(item.architecture for item in self._recorded))

    @cached_property
    def fingerprint(self) -> str:
        """Names the labels."""
        return fingerprint([self.metrics, [item.to_dict() for item in self._recorded]])

    def label(self, architecture: Architecture, *, seed: int, fidelity: float, folder: Path) -> Observation:
        """The label of that seed, or the mean over seeds where that one is not on record; the folder is not used.

        Raises:
            InputError: The architecture is not on record, or not at this fidelity.
        """
        self.fidelities.amount(fidelity)
        found = self._rows.get((architecture, fidelity))
        if found is None:
            if any(row == architecture for row, _ in self._rows):
                there = ", ".join(f"{share:g}" for row, share in self._rows if row == architecture)
                raise InputError(f"{architecture.key} is on record at fidelity {there}, not {fidelity:g}; ask for one.")
            raise InputError(
                f"{architecture.key} is not among the {self._architectures} architectures on record; ask for one that "
                "is, or take an objective that trains."
            )
        own = [item for item in found if item.provenance.get("seed") == seed]
        if own:
            return own[0]
        labelled = [item for item in found if not item.failed]
        if not labelled:
            return found[0]
        about = {"seed": seed, "seeds": [item.provenance.get("seed") for item in labelled]}
        return Observation(
            architecture,
            {name: float(np.mean([item.metrics[name] for item in labelled])) for name in self.metrics},
            {name: float(np.mean([item.costs[name] for item in labelled])) for name in self._costs},
            provenance=labelled[0].provenance if len(labelled) == 1 else about,
            fidelity=fidelity,
        )


def _shared(rows: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """The names that all rows have, in the order of the first."""
    return tuple(name for name in rows[0] if all(name in row for row in rows)) if rows else ()
