"""Kinds of tasks by name; the module of one is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from foretell.errors import known_name

if TYPE_CHECKING:
    from foretell.tasks.task import TaskKind

__all__ = ["FIRST_KIND", "task_kind", "task_kinds"]

FIRST_KIND = "translation"
"""The kind of studies and files that name none: there was one."""

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "translation": "foretell.tasks.translation.kind:KIND",
        "language_model": "foretell.tasks.language_model.kind:KIND",
        "classification": "foretell.tasks.classification.kind:KIND",
    }
)


def task_kinds() -> list[str]:
    """The names that `task_kind` knows."""
    return list(_KINDS)


@cache
def task_kind(name: str) -> TaskKind:
    """The kind of that name.

    Raises:
        UnknownNameError: There is none; the message names the nearest.
    """
    module, _, attribute = _KINDS[known_name("task", name, _KINDS)].partition(":")
    found: TaskKind = getattr(import_module(module), attribute)
    return found
