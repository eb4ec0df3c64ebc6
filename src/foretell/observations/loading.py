"""One door to observations on disk, whatever their layout."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from foretell.errors import InputError
from foretell.observations.collection import OBSERVATIONS_FILE, ObservationSet
from foretell.observations.files import numbered_lines, read_observations
from foretell.observations.reference import shipped_path
from foretell.observations.tables import is_table, read_table
from foretell.spaces import SearchSpace

__all__ = ["Layout", "load", "tasks_in"]

_LAYOUTS = ("foretell.published.llmas:LAYOUT",)
"""Layouts of others' records, each read by the room that knows it; imported when observations are loaded."""


_SHEETS = (".csv", ".tsv")


class Layout(Protocol):
    """A layout of records that is not ours."""

    def tasks(self, folder: Path) -> list[str]:
        """The tasks that a folder holds in this layout; none where it is another."""
        ...

    def read(self, folder: Path, task: str | None) -> ObservationSet:
        """A folder of this layout."""
        ...

    def owns(self, line: Mapping[str, Any]) -> bool:
        """Whether a line is of this layout."""
        ...

    def read_file(self, path: Path, task: str | None) -> ObservationSet:
        """One file of this layout."""
        ...


def _layouts() -> list[Layout]:
    found = []
    for target in _LAYOUTS:
        module, _, attribute = target.partition(":")
        layout: Layout = getattr(import_module(module), attribute)
        found.append(layout)
    return found


def tasks_in(folder: Path) -> list[str]:
    """The tasks that a folder of others' records holds; none where it is no such folder."""
    return [task for layout in _layouts() for task in layout.tasks(folder)]


def load(path: Path | str, task: str | None = None, space: SearchSpace | None = None) -> ObservationSet:
    """Read observations from a file or folder, whichever layout it has.

    Args:
        path: "reference:en-de" or "published:nas-bench-201" for those that come with foretell; a file in our format
            or a table; a folder with `observations.jsonl`; or published data of LLM-PP: the folder
            `train-test_seedarchs`, a parent or a part of it, or one of its files.
        task: Which task, where the source holds several.
        space: The space they must be of; None: the one the source names.

    Returns:
        The observations and, where the source has them, its stored splits.

    Raises:
        InputError: Nothing of the kind there, or a line makes no sense; one sentence says which.
    """
    path = shipped_path(str(path)) or Path(path)
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
    for layout in _layouts():
        if layout.tasks(path):
            return layout.read(path, task)
    raise InputError(
        f"{path} holds no observations; expected {OBSERVATIONS_FILE} or the published folders {{seed}}/{{task}}."
    )


def _read_file(path: Path, task: str | None, space: SearchSpace | None) -> ObservationSet:
    if is_table(path):
        return read_table(path).observations()
    if path.suffix.lower() in _SHEETS:
        raise InputError(
            f"{path} is a sheet of columns; expected observations: `foretell import csv {path} --metric NAME:max` "
            "makes them of it."
        )
    lines = numbered_lines(path)
    for layout in _layouts():
        if lines and layout.owns(lines[0][1]):
            return layout.read_file(path, task)
    observations = tuple(read_observations(path, space))
    return ObservationSet(observations[0].architecture.space, observations)
