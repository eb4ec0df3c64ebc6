"""What is wrong with a study file, in one sentence."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from foretell.errors import InputError, UnknownNameError
from foretell.tasks import task_kind, task_kinds

__all__ = ["validation_sentence"]


def validation_sentence(error: ValidationError, where: str, model: type[BaseModel]) -> InputError:
    """The first of pydantic's complaints, as foretell says it; an unknown key names the nearest.

    Args:
        error: What pydantic found.
        where: The file.
        model: What was to be made of it.
    """
    # A key that is not known explains the one that is missing.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        *parents, key = first["loc"]
        fields = _fields(model, [str(parent) for parent in parents])
        return UnknownNameError("key", key, fields, where)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return InputError(f"{where}: {place}: {cause}" if place else f"{where}: {cause}")
    if first["type"] == "missing":
        return InputError(f"{where}: {place} is missing; give it.")
    remedy = "put it in quotes" if first["type"] == "string_type" else "correct it"
    return InputError(f"{where}: {place} is {first['input']!r}: {_began_small(first['msg'])}; {remedy}.")


def _began_small(text: str) -> str:
    """A sentence of pydantic's inside one of ours: the names and patterns in it keep their case."""
    return text[:1].lower() + text[1:]


def _fields(model: type[BaseModel], parents: list[str]) -> list[str]:
    """The keys that a part of a study has; of a part that may be left out, those that it has where it is there."""
    part: Any = model
    for parent in parents:
        kind = part.model_fields[parent].annotation
        if kind is Any:  # the corpus, of which kinds of tasks know different keys
            return list(dict.fromkeys(key for name in task_kinds() for key in task_kind(name).corpus.model_fields))
        part = next((each for each in get_args(kind) if hasattr(each, "model_fields")), kind)
    return list(part.model_fields)
