"""What is wrong with a study file, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from foretell.errors import InputError, UnknownNameError, spelt
from foretell.tasks import task_kind, task_kinds
from foretell.tasks.registry import FIRST_KIND

__all__ = ["Part", "in_known_case", "validation_sentence"]

_MOST = 4
"""Places of a key that one sentence names."""


class Part(BaseModel):
    """A part of a study: one word stands for a list of one where a list of words is expected."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        fields = cls.model_fields
        lists = [key for key in value if key in fields and get_origin(fields[key].annotation) is tuple]
        return {**value, **{key: (value[key],) for key in lists if isinstance(value[key], str)}}


def in_known_case(written: Any, kind: Any) -> Any:
    """What people wrote, each word that has fixed choices as these are spelt: `Sandwich` is no mistake.

    Args:
        written: A part of a study, or a value in it.
        kind: What is to be made of it: a model, or the annotation of a field.
    """
    if isinstance(written, str):
        return spelt(written, _choices(kind))
    if isinstance(written, list | tuple):
        return [in_known_case(each, kind) for each in written]
    model = _model(kind)
    if not isinstance(written, Mapping) or model is None:
        return written
    kinds: dict[str, Any] = {name: field.annotation for name, field in model.model_fields.items()}
    if kinds.get("corpus") is Any:  # each kind of task has its own
        task = spelt(str(written.get("task", FIRST_KIND)), task_kinds())
        kinds["corpus"] = task_kind(task).corpus if task in task_kinds() else Any
    return {key: in_known_case(value, kinds.get(key, Any)) for key, value in written.items()}


def _choices(kind: Any) -> list[str]:
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return [each for each in inner if isinstance(each, str)]
    return [choice for each in inner for choice in _choices(each)]


def _model(kind: Any) -> type[BaseModel] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for each in get_args(kind) if (found := _model(each)) is not None), None)


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
        if key in fields:  # of the corpus, whose keys are those of a task
            tasks = " or ".join(name for name in task_kinds() if key in task_kind(name).corpus.model_fields)
            return InputError(
                f"{where}: {place} is a key of the task {tasks}, and this study has another task by its space or its "
                "key task; correct one of them."
            )
        known = UnknownNameError("key", key, fields, where)
        elsewhere = [] if parents else sorted(_places_of(model, str(key)))[:_MOST]
        if elsewhere:
            return InputError(f"unknown key {key!r} in {where}; it belongs to a part: {', '.join(elsewhere)}.")
        return known
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return InputError(f"{where}: {place}: {cause}" if place else f"{where}: {cause}")
    if first["type"] == "missing":
        return InputError(f"{where}: {place} is missing; give it.")
    if first["input"] is None:
        return InputError(f"{where}: {place} is null, and something is expected there; give it, or leave {place} out.")
    if first["type"] == "invalid_key":
        return InputError(
            f"{where}: found the key {first['input']!r}, expected a word; write numbers without commas, as 1500."
        )
    if first["type"] in ("tuple_type", "list_type") and isinstance(first["input"], Mapping):
        return InputError(
            f"{where}: {place} holds keys with values, expected a list, each item after a hyphen; correct it."
        )
    if first["type"] in ("tuple_type", "list_type"):
        return InputError(f"{where}: {place} is {first['input']!r}, expected a list; write [{first['input']}].")
    if first["type"] == "string_pattern_mismatch":
        return InputError(
            f"{where}: {place} is {first['input']!r}, expected a name that begins with a letter and has no slash or "
            "other punctuation than hyphens and underscores; correct it."
        )
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


def _places_of(model: type[BaseModel], key: str, before: str = "") -> Iterator[str]:
    """Where the parts of a study have a key, as "search.seed"."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        if field.annotation is Any:  # see `_fields`
            kinds = [task_kind(each).corpus for each in task_kinds()][:1]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                if key in kind.model_fields:
                    yield f"{before}{name}.{key}"
                yield from _places_of(kind, key, f"{before}{name}.")
