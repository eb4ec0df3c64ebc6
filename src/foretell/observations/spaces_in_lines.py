"""Which space a record is of: by name where the space comes with foretell, else the whole space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from foretell import spaces
from foretell.errors import InputError
from foretell.spaces import SearchSpace

__all__ = ["check_space_of_line", "space_in_line", "space_of_line"]


def space_in_line(space: SearchSpace) -> dict[str, Any]:
    """What a record says of its space, so that it is understood wherever the file goes, and never misread."""
    known = space.name in spaces.names() and spaces.create(space.name).fingerprint == space.fingerprint
    return {"space": space.name if known else space.to_dict(), "space_fingerprint": space.fingerprint}


def space_of_line(line: Mapping[str, Any]) -> SearchSpace:
    """The space that a record says it is of.

    Raises:
        InputError: It says nothing, or describes a space that makes no sense.
        UnknownNameError: It names a space that does not come with foretell.
    """
    said = line.get("space")
    if isinstance(said, Mapping):
        return _described(json.dumps(said, sort_keys=False))
    if not isinstance(said, str):
        raise InputError("the key 'space' is missing; an observation needs format, space and architecture.")
    return spaces.named(said)


@lru_cache(maxsize=64)
def _described(text: str) -> SearchSpace:
    return spaces.from_dict(json.loads(text), "the observation's space")


def check_space_of_line(space: SearchSpace, line: Mapping[str, Any]) -> None:
    """Refuse a record of another space.

    Raises:
        InputError: It is of another space, or of another version of this one.
    """
    said = line["space"]
    name = said.get("name", "mine") if isinstance(said, Mapping) else said
    if isinstance(said, Mapping):
        made_for = space_of_line(line).fingerprint
    else:
        made_for = str(line.get("space_fingerprint", space.fingerprint))
    if isinstance(said, str) and said != space.name:
        raise InputError(
            f"the observation is of the space {said!r}; expected {space.name!r}: choose that space or another file."
        )
    if made_for != space.fingerprint:
        raise InputError(
            f"the observation is of a space {name!r} with other genes or choices than {space.name!r} has; choose the "
            "space that it was made in."
        )
