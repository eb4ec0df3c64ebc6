"""Which study a folder belongs to: it is bound to one when something in it was paid for, and not before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from foretell.errors import InputError
from foretell.parsing import read_yaml

__all__ = ["check_binding", "differences", "refuse_another"]

_WHERE = "executor"
"""What is free to change: it says where a study runs, not what comes of it."""
_MOST = 4
"""Differences that one sentence names."""
_NOTHING = object()


def check_binding(file: Path, study: BaseModel, *, resume: bool, again: str, what: str = "a run") -> None:
    """Refuse to begin a study in a folder that something was paid for in, or to go on with another one there.

    Args:
        file: The study that the folder is bound to.
        study: The study that is to run there.
        resume: Go on with what is there.
        again: How the caller says so.
        what: What the folder holds.

    Raises:
        InputError: Likewise; what differs is named key by key.
    """
    if not resume:
        raise InputError(f"{file.parent} holds {what} already; go on with it by {again}, or choose another folder.")
    written = read_yaml(file, "the study")
    before = written if isinstance(written, dict) else {}
    with suppress(ValidationError):  # what an older version did not know has its default there
        before = type(study).model_validate(before).model_dump(mode="json")
    refuse_another(file.parent, before, study.model_dump(mode="json"), what)


def refuse_another(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any], what: str = "a run") -> None:
    """Refuse a study that is not the folder's.

    Raises:
        InputError: The two differ; the message names where.
    """
    different = differences(*({key: each for key, each in study.items() if key != _WHERE} for study in (before, now)))
    if different:
        more = f"; and {len(different) - _MOST} more" if len(different) > _MOST else ""
        raise InputError(
            f"{folder} holds {what} of another study, where {'; '.join(different[:_MOST])}{more}: change that back, or "
            "choose another folder."
        )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two studies, key by key, as "search.seed is 2, not 1"."""
    old, new = dict(_flat(before)), dict(_flat(now))
    return [
        f"{key} is {_shown(old, key)}, not {_shown(new, key)}"
        for key in dict.fromkeys([*old, *new])
        if not _same(old.get(key, _NOTHING), new.get(key, _NOTHING))
    ]


def _same(old: Any, new: Any) -> bool:
    """Whether two values are equal; an earlier version kept paths as seen from where it was called."""
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return all(map(_same, old, new))
    both = isinstance(old, str) and isinstance(new, str)
    return bool(old == new or (both and Path(new).is_absolute() and str(Path(old).absolute()) == new))


def _flat(value: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        name = f"{place}{key}"
        if isinstance(each, Mapping) and each:
            yield from _flat(each, f"{name}.")
        else:
            yield name, each


def _shown(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return "left out"
    value = values[key]
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
