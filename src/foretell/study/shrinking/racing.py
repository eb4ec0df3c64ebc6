"""Choosing among the search's best by healing them: some far, the better ones further, the best to the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from foretell.costs import Constraints
from foretell.metrics import metric_named
from foretell.objectives import Fidelities, Job
from foretell.objectives.executors.inline import InlineExecutor
from foretell.observations import Observation
from foretell.search import Race, run_race
from foretell.search.entrants import Candidates, draw_entrants
from foretell.spaces import Architecture, SearchSpace
from foretell.study.device import Device
from foretell.study.finalist_race import CHANCES, DRAWS, Raced, measured_entrants
from foretell.training.loop import DivergedError
from foretell.training.state import TrainingResult

__all__ = ["race_by_healing"]

_LOSS = "valid_loss"
_SPARE = 2
Heal = Callable[[Architecture, int], TrainingResult]
"""Heals an architecture so many updates, on from where it was."""


class _Healing:
    """See `foretell.search.Runner`: a full training is the whole healing."""

    metrics = (_LOSS,)

    def __init__(self, heal: Heal, updates: int, seed: int) -> None:
        self.heal, self.seed = heal, seed
        self.fidelities = Fidelities(unit="updates", full=updates, continued=True)

    def job(self, architecture: Architecture, share: float, title: str) -> Job:
        return Job(title, self._label, {"architecture": architecture, "share": share})

    def _label(self, architecture: Architecture, share: float) -> dict[str, Any]:
        told: dict[str, Any] = {"provenance": {"seed": self.seed}, "fidelity": self.fidelities.nearest(share)}
        try:
            result = self.heal(architecture, int(self.fidelities.amount(share)))
        except DivergedError as error:
            return Observation(architecture, failed=str(error), **told).to_dict()
        return Observation(architecture, {_LOSS: result.best_loss}, **told).to_dict()


def race_by_healing(
    settings: Race,
    space: SearchSpace,
    found: Candidates,
    heal: Heal,
    updates: int,
    folder: Path,
    limits: Constraints,
    device: Device | None,
    seed: int,
) -> Raced:
    """Race the best of a search, or go on with that.

    Args:
        settings: How many, and how far.
        space: Of the entrants.
        found: What the search saw, all within the limits as they were foretold.
        heal: Heals one.
        updates: Of a whole healing.
        folder: Gets `race.jsonl` and, where latencies are limited, `finalists.jsonl`.
        limits: Which entrants must keep when they are measured.
        device: Where they are measured; None: no latency is limited.
        seed: Of the draws.

    Returns:
        How it ended, and what was measured of the entrants: nothing where no latency is limited.

    Raises:
        InputError: The search saw fewer architectures than there are entrants, or every healing diverged.
        StorageError: A checkpoint cannot be written.
    """
    rng = np.random.default_rng([seed, DRAWS])
    wanted = settings.entrants if device is None else min(_SPARE * settings.entrants, len(found.rows))
    entrants = draw_entrants(space, found, max(wanted, settings.entrants), rng)
    measured: list[dict[str, Any]] = []
    if device is not None:
        path = folder / "finalists.jsonl"
        measured, entrants = measured_entrants(path, device, limits, entrants, settings.entrants)
    with InlineExecutor() as executor:
        result = run_race(
            settings,
            space,
            metric_named(_LOSS),
            _Healing(heal, updates, seed),
            executor,
            folder / "race.jsonl",
            lambda: entrants,
            seed=seed + CHANCES,
        )
    return Raced(result, measured)
