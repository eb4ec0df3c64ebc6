"""Published spaces bring their published recipes: a study of one need not spell them out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell import spaces
from foretell.errors import spelt
from foretell.published.recipes import PUBLISHED
from foretell.search import HS_NAS
from foretell.study.classifiers import CLASSIFIERS
from foretell.study.language_models import LANGUAGE_MODELS
from foretell.tasks import task_kinds

__all__ = ["with_published"]

_TRAINED: Mapping[str, Mapping[str, Any]] = {
    **{name: space.study() for name, space in LANGUAGE_MODELS.items()},
    **{name: space.study() for name, space in CLASSIFIERS.items()},
}
"""What studies of spaces say where their files do not, the task among it."""


def with_published(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a study says; of HAT's spaces with HAT's recipes, beam and length penalty and the paper's schedule.

    Args:
        data: A study as read; not changed. A recipe given in part is completed from the published one.
    """
    named = {"space": spaces.names(), "task": task_kinds()}
    words = {key: data[key] for key in named if isinstance(data.get(key), str)}
    data = {**data, **{key: spelt(word, named[key]) for key, word in words.items()}}
    space = str(data.get("space"))
    if space in _TRAINED:
        known = _TRAINED[space]
        if data.get("task", known["task"]) != known["task"]:
            return dict(data)  # which is refused where the task and the space are compared
        return _completed(known, data)
    published = PUBLISHED.get(space)
    if published is None:
        return dict(data)
    parts = {
        "search": {"schedule": HS_NAS},
        "supernet": {"recipe": published.supernet.model_dump(mode="json")},
        "train": {
            "recipe": published.scratch.model_dump(mode="json"),
            "beam": published.beam,
            "length_penalty": published.length_penalty,
        },
    }
    return _completed(parts, data)


def _completed(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`given`, and of `defaults` what it lacks, at every depth."""
    both = {**defaults, **given}
    for name, value in defaults.items():
        if isinstance(value, Mapping) and isinstance(given.get(name), Mapping):
            both[name] = _completed(value, given[name])
    return both
