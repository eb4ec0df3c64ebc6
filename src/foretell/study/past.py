"""What a run may learn from other tasks: what comes with foretell, and what the user had trained by then."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from foretell.errors import ForetellError
from foretell.observations import Observation, read_observations, write_observations
from foretell.predictors.records import Record, merged_records, records_of, shipped_records
from foretell.records import read_object
from foretell.spaces import SearchSpace
from foretell.tasks.translation import cache_folder

__all__ = ["past_records"]

RECORDS = "records.jsonl"
"""In a run's folder: the user's own trainings on other tasks, as they were when the run first asked."""


def past_records(folder: Path, space: SearchSpace, task: str) -> tuple[Record, ...]:
    """Labels of other tasks, the same in every continuation of a run.

    Args:
        folder: The run's.
        space: What is searched; trainings of the same space count.
        task: Fingerprint of the task that is searched for, whose trainings do not.
    """
    path = folder / RECORDS
    if not path.exists():
        write_observations(path, _trained(space, task))
    own = [] if path.stat().st_size == 0 else list(read_observations(path, space))
    return tuple(merged_records([*shipped_records(space), *records_of("your own trainings", own)]))


def _trained(space: SearchSpace, task: str) -> list[Observation]:
    found = []
    for path in sorted((cache_folder() / "trained").glob("*/observation.json")):
        # What is damaged, or of another version of the space, teaches nothing; its own run will say so.
        with suppress(ForetellError, KeyError):
            item = Observation.from_dict(space, read_object(path)["observation"])
            if item.provenance.get("task") != task:
                found.append(item)
    return found
