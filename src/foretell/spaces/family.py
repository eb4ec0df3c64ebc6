"""Families of networks: what only one kind of network knows of its genes, found by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.spaces.gene import Gene, Scalar

if TYPE_CHECKING:
    from foretell.spaces.space import Population, SearchSpace

__all__ = ["ENTRY_POINTS", "Family", "Features", "RuledFamily", "constants_of", "family", "family_names"]

_Constants = TypeVar("_Constants")

ENTRY_POINTS = "foretell.families"
"""The entry-point group in which other packages register theirs: name to a `Family`."""

_BUILT_IN: Mapping[str, str] = {
    "encoder_decoder": "foretell.families.encoder_decoder:FAMILY",
    "decoder": "foretell.families.decoder:FAMILY",
    "encoder": "foretell.families.encoder:FAMILY",
    "pruned": "foretell.families.pruned:FAMILY",
    "bert": "foretell.families.encoder.bert.family:FAMILY",
}


class Features(Protocol):
    """One encoding of architectures as numbers that only a family knows."""

    def __call__(self, space: SearchSpace, population: Population) -> npt.NDArray[np.float64]:
        """Features `float64 [n, p]` of canonical rows `int16 [n, columns]`."""
        ...

    def names(self, space: SearchSpace) -> list[str]:
        """The name of each feature, `[p]`."""
        ...


class Family(Protocol):
    """A kind of network: its genes and constants, what its members cost, how they are encoded.

    What needs torch (building, timing, pictures) a family offers through the protocols of the rooms that use it;
    this one is all that a search space knows.

    Attributes:
        name: The name that space files give.
        about: What it is, in a phrase: "the Transformer encoder-decoder".
        costs: The costs that it counts in closed form, by full name, and what exactly each counts.
        features: Encodings of its own, by name.
    """

    name: str
    about: str
    costs: Mapping[str, str]
    features: Mapping[str, Features]

    def constants(self, values: Mapping[str, Any], where: str) -> Any:
        """What all members of a space share, checked.

        Args:
            values: As written in a space file.
            where: The file, for messages.

        Raises:
            InputError: A value is missing or makes no sense.
            UnknownNameError: A key that is not known.
        """
        ...

    def described(self, constants: Any) -> dict[str, Any]:
        """The constants as JSON values that `constants` reads; part of a space's fingerprint."""
        ...

    def genes(self, choices: Mapping[str, Sequence[Scalar]], constants: Any) -> list[Gene]:
        """The family's genes, in order, with the choices of one space.

        Raises:
            UnknownNameError: A name that is no gene of the family.
            InputError: A gene without choices, or choices that the constants do not allow.
        """
        ...

    def count(
        self, space: SearchSpace, population: Population, names: Sequence[str], sizes: Mapping[str, Any]
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Closed-form costs, each `float64 [n]`.

        Args:
            space: A space of the family.
            population: `int16 [n, columns]`, canonical or not.
            names: Of `costs`.
            sizes: What the task decides, where it is known: `vocabulary`, `length`.
        """
        ...


@runtime_checkable
class RuledFamily(Protocol):
    """A family in which rows can mean the same network for reasons of its own, such as layers that do nothing."""

    def canonical(self, space: SearchSpace, population: Population) -> Population:
        """One spelling of each network, `int16 [n, columns]`, members of the space.

        Args:
            space: A space of the family.
            population: `int16 [n, columns]`, inactive layers already at their first choices; not changed.
        """
        ...

    def size(self, space: SearchSpace) -> int:
        """The number of distinct networks, exactly."""
        ...


@cache
def _targets() -> dict[str, str]:
    found = dict(_BUILT_IN)
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, point.value)
    return found


def family_names() -> list[str]:
    """The families that space files may name."""
    return list(_targets())


@cache
def family(name: str) -> Family:
    """The family of that name; its module is imported when it is first asked for.

    Raises:
        UnknownNameError: There is none; the message names the nearest.
    """
    if name not in _targets():
        raise UnknownNameError("family", name, _targets())
    module, _, attribute = _targets()[name].partition(":")
    found: Family = getattr(import_module(module), attribute)
    return found


def constants_of(space: SearchSpace, kind: type[_Constants], name: str) -> _Constants:
    """What the architectures of a space have in common, in the form of the family of that name.

    Raises:
        InputError: The space is not of this family.
    """
    if not isinstance(space.constants, kind):
        raise InputError(f"the space {space.name} is of the family {space.family_name or '(none)'}; expected {name}.")
    return space.constants
