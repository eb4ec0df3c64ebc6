"""One door to observations on disk, whatever their layout."""

from __future__ import annotations

from pathlib import Path

from foretell.errors import InputError
from foretell.observations.collection import OBSERVATIONS_FILE, ObservationSet
from foretell.observations.files import numbered_lines, read_observations
from foretell.observations.llmas import TASK_SPACES, find_llmas_tasks, read_llmas, read_llmas_file
from foretell.observations.reference import REFERENCE_PREFIX, reference_path
from foretell.spaces import SearchSpace

__all__ = ["load"]


def load(path: Path | str, task: str | None = None, space: SearchSpace | None = None) -> ObservationSet:
    """Read observations from a file or folder, whichever layout it has.

    Args:
        path: "reference:en-de" for the observations that come with foretell; a file in our format; a folder
            with `observations.jsonl`; or published data of LLM-PP: the folder `train-test_seedarchs`, a parent
            or a part of it, or one of its files.
        task: Which task, where the source holds several.
        space: The space they must be of; None: the one the source names.

    Returns:
        The observations and, where the source has them, its stored splits.

    Raises:
        InputError: Nothing of the kind there, or a line makes no sense; one sentence says which.
    """
    path = reference_path(str(path)) if str(path).startswith(REFERENCE_PREFIX) else Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist; check the path.")
    collection = _read_folder(path, task, space) if path.is_dir() else _read_file(path, task, space)
    if space is not None and collection.space.fingerprint != space.fingerprint:
        raise InputError(
            f"{path} holds observations of the space {collection.space.name}; expected {space.name}: "
            "choose that space or other observations."
        )
    if task is not None and collection.task and collection.task != task:
        raise InputError(f"{path} holds the task {collection.task}; {task} was asked for: choose one of the two.")
    return collection


def _read_folder(path: Path, task: str | None, space: SearchSpace | None) -> ObservationSet:
    if (path / OBSERVATIONS_FILE).exists():
        return ObservationSet.read(path, space)
    if find_llmas_tasks(path):
        return read_llmas(path, task)
    raise InputError(
        f"{path} holds no observations; expected {OBSERVATIONS_FILE} or the published folders {{seed}}/{{task}}."
    )


def _read_file(path: Path, task: str | None, space: SearchSpace | None) -> ObservationSet:
    lines = numbered_lines(path)
    if lines and "scratch" in lines[0][1]:
        name = task or _task_in_path(path)
        published = read_llmas_file(path, name)
        return ObservationSet(published[0].architecture.space, tuple(published), task=name)
    observations = tuple(read_observations(path, space))
    return ObservationSet(observations[0].architecture.space, observations)


def _task_in_path(path: Path) -> str:
    """The task that a published file's name or folder names, as in `wmt14ende/test.jsonl`."""
    for task in TASK_SPACES:
        if path.resolve().parent.name == task or path.name.startswith(task):
            return task
    raise InputError(f"{path} is published data of an unknown task; name it with --task ({', '.join(TASK_SPACES)}).")
