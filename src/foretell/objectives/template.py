"""Placeholders in the words of a command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from string import Formatter
from typing import Any

from foretell.errors import InputError, UnknownNameError
from foretell.spaces import SearchSpace

__all__ = ["RESERVED", "Template", "check_placeholders", "spelled"]

RESERVED = ("seed", "fidelity", "folder", "device", "architecture", "python")
"""Placeholders that are no genes."""


class Template:
    """One word, or one variable's value, with placeholders.

    Args:
        text: `{name}` is a placeholder, `{{` and `}}` are braces.

    Raises:
        InputError: A brace without its partner, or more than a name between two.
    """

    def __init__(self, text: str) -> None:
        try:
            self._pieces = [(before, name, f"{spec or ''}{how or ''}") for before, name, spec, how in _parse(text)]
        except ValueError as error:
            raise InputError(
                f"{text!r} in the command: {error}; write {{{{ and }}}} for braces that are no placeholder."
            ) from None
        for _, name, more in self._pieces:
            if more or name == "":
                raise InputError(
                    f"{text!r} in the command has a placeholder that is not just a name; write {{gene}}, or {{{{ and "
                    "}} for braces."
                )

    @property
    def names(self) -> set[str]:
        """Its placeholders."""
        return {name for _, name, _ in self._pieces if name is not None}

    def fill(self, values: Mapping[str, str], quote: Callable[[str], str] = str) -> str:
        """The text with values in the places of names, each passed through `quote`."""
        return "".join(before + ("" if name is None else quote(values[name])) for before, name, _ in self._pieces)


def _parse(text: str) -> Iterable[tuple[str, str | None, str | None, str | None]]:
    return list(Formatter().parse(text))


def spelled(value: Any) -> str:
    """A gene's value as a program reads it: words as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def check_placeholders(named: set[str], space: SearchSpace, *, fidelity: bool) -> None:
    """Refuse a command that asks for what there is not, or does not hear what it must.

    Args:
        named: The placeholders of the whole command.
        space: Its genes.
        fidelity: Whether several fidelities are declared.

    Raises:
        UnknownNameError: A placeholder that is no gene; the message names the nearest.
        InputError: A gene is never mentioned, or called like a placeholder.
    """
    genes = [gene.name for gene in space.genes]
    for name in genes:
        if name in RESERVED:
            raise InputError(f"the gene {name!r} is called like a placeholder of commands; give it another name.")
    for name in sorted(named):
        if name not in genes and name not in RESERVED:
            raise UnknownNameError("placeholder", name, [*genes, *RESERVED], "the command")
    unheard = [name for name in genes if name not in named]
    if unheard and "architecture" not in named:
        raise InputError(
            f"the command never hears of the gene {unheard[0]!r}: whatever its value, the label would be the same; add "
            f"{{{unheard[0]}}}, or {{architecture}}, a JSON file of all genes."
        )
    if fidelity != ("fidelity" in named):
        what = "is declared but the command never hears of it; add {fidelity}"
        other = "is asked for but not declared; add fidelity: {unit: epochs, full: 10}, for example"
        raise InputError(f"the fidelity {what if fidelity else other}.")
