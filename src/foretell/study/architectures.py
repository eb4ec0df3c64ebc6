"""Architectures that users hand over in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from foretell.errors import InputError
from foretell.parsing import read_yaml
from foretell.records import read_jsonl, write_atomic
from foretell.spaces import Architecture, SearchSpace

__all__ = ["read_architectures", "write_architecture"]


def read_architectures(path: Path, space: SearchSpace) -> list[Architecture]:
    """Read one architecture from YAML, or several from JSON lines (bare, or observations).

    Raises:
        InputError: No such file, or it does not hold architectures of the space.
        UnknownNameError: A gene that the space does not have.
    """
    if path.suffix == ".jsonl":
        return [_architecture(row, space, f"{path}, line {n}") for n, row in enumerate(read_jsonl(path), 1)]
    return [_architecture(read_yaml(path, "the architecture"), space, str(path))]


def _architecture(data: Any, space: SearchSpace, where: str) -> Architecture:
    if not isinstance(data, dict):
        raise InputError(f"{where} holds {type(data).__name__}; expected gene names and values.")
    values = data.get("architecture", data)
    named = data.get("space", space.name)
    if named != space.name:
        raise InputError(f"{where} is of the space {named}; expected {space.name}: give --space {named}.")
    return Architecture.from_dict(space, {name: value for name, value in values.items() if name != "space"})


def write_architecture(path: Path, architecture: Architecture) -> None:
    """Write an architecture as YAML that `read_architectures` and `foretell train` read."""
    values = {"space": architecture.space.name, **architecture.to_dict()}
    write_atomic(path, yaml.safe_dump(values, sort_keys=False))
