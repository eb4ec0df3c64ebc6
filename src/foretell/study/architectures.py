"""Architectures that users hand over: files, and what commands have left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from foretell.errors import InputError, UnknownNameError
from foretell.observations import load
from foretell.observations.reference import shipped_path
from foretell.observations.tables import is_table
from foretell.parsing import read_yaml
from foretell.records import read_json, read_jsonl, write_atomic
from foretell.spaces import Architecture, Population, SearchSpace

__all__ = ["initial_rows", "is_run", "parted_key", "read_architectures", "resolved_source", "write_architecture"]

_RUN = ("result.json", "architecture.yaml")
"""What tells of the one architecture of a run of `foretell search` and of `foretell train`."""


def read_architectures(source: Path | str, space: SearchSpace) -> list[Architecture]:
    """Read the architectures of a file or folder, whatever command wrote it.

    Args:
        source: YAML of one or of a list, JSON lines of several (bare, or observations), observations of any other kind
            (a table, a folder, "reference:en-de"), or a run of `foretell search` or its `result.json`: the winner. With
            `:KEY` behind it only the one whose key begins so is meant.
        space: The space they must be of.

    Raises:
        InputError: No such file, or it does not hold architectures of the space.
        UnknownNameError: A gene that the space does not have, or a key that nothing there has.
    """
    name, key = parted_key(str(source))
    found = list(dict.fromkeys(_read(name, space))) if key else _read(name, space)
    chosen = [item for item in found if item.key.startswith(key)]
    if not found:
        raise InputError(f"{name} holds no architecture; expected gene names with values, a line each.")
    if not chosen:
        raise UnknownNameError("architecture key", key, [item.key for item in found], name)
    return chosen[:1] if key else chosen


def initial_rows(source: str | Sequence[Mapping[str, Any]] | None, space: SearchSpace) -> Population | None:
    """The architectures that a search begins with, `int16 [n, columns]`; None where there are none.

    Args:
        source: As `read_architectures` takes it, or genes written out.
        space: The space they must be of.

    Raises:
        InputError: The file is not there, or holds no architectures of the space.
    """
    if source is None:
        return None
    if isinstance(source, str):
        return space.population(read_architectures(source, space))
    return space.population([Architecture.from_dict(space, each) for each in source])


def resolved_source(source: str, folder: Path) -> str:
    """A path as seen from a study's folder; what comes with foretell has a name and no path."""
    return source if source.startswith(("reference:", "published:")) else str(folder / Path(source).expanduser())


def parted_key(source: str) -> tuple[str, str]:
    """A source and the key behind it: "labels.jsonl" and "1d38f2" of "labels.jsonl:1d38f2"; "" where there is none."""
    name, _, key = source.rpartition(":")
    if not name or name in ("reference", "published") or Path(source).exists():
        return source, ""
    return name, key


def is_run(folder: Path) -> bool:
    """Whether a folder is of one architecture: a finished search's winner, or what was trained there."""
    return any((folder / each).is_file() for each in _RUN)


def _read(name: str, space: SearchSpace) -> list[Architecture]:
    path = Path(name)
    if is_run(path):
        return _read(str(next(path / each for each in _RUN if (path / each).exists())), space)
    if path.is_dir() or shipped_path(name) is not None or is_table(path):
        return [item.architecture for item in load(name, space=space).observations]
    if path.suffix == ".jsonl":
        return [_architecture(row, space, f"{path}, line {n}") for n, row in enumerate(read_jsonl(path), 1)]
    if path.suffix == ".json":
        data = read_json(path)
        return [_architecture(data.get("winner", data) if isinstance(data, dict) else data, space, str(path))]
    data = read_yaml(path, "the architecture")
    if isinstance(data, list):
        return [_architecture(each, space, f"{path}, number {n}") for n, each in enumerate(data, 1)]
    return [_architecture(data, space, str(path))]


def _architecture(data: Any, space: SearchSpace, where: str) -> Architecture:
    values = data.get("architecture", data) if isinstance(data, dict) else data
    if not isinstance(data, dict) or not isinstance(values, dict):
        raise InputError(f"{where} holds no gene names with values; `foretell spaces show` lists them.")
    named = data.get("space", space.name)
    named = named.get("name", space.name) if isinstance(named, dict) else named
    if named != space.name:
        raise InputError(
            f"{where} is of the space {named}; expected {space.name}: choose that space, or other architectures."
        )
    return Architecture.from_dict(space, {name: value for name, value in values.items() if name != "space"})


def write_architecture(path: Path, architecture: Architecture) -> None:
    """Write an architecture as YAML that `read_architectures` and `foretell train` read."""
    values = {"space": architecture.space.name, **architecture.to_dict()}
    write_atomic(path, yaml.safe_dump(values, sort_keys=False))
