"""From what a program or a function says to a label, or to the reason why there is none."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, SupportsFloat

from foretell.display import one_line, shortened
from foretell.errors import InputError
from foretell.observations import Observation
from foretell.spaces import Architecture

__all__ = ["failure", "observed", "reason"]

_LONGEST = 400  # characters of a reason


def reason(text: str) -> str:
    """A reason as one line of bounded length."""
    return shortened(one_line(text), _LONGEST)


def failure(architecture: Architecture, why: str, fidelity: float, about: Mapping[str, Any]) -> Observation:
    """A label that failed."""
    return Observation(architecture, provenance=about, fidelity=fidelity, failed=reason(why))


def observed(
    architecture: Architecture,
    said: Mapping[str, Any],
    metrics: tuple[str, ...],
    costs: tuple[str, ...],
    fidelity: float,
    about: Mapping[str, Any],
) -> Observation:
    """The label that named values make.

    Args:
        architecture: What was trained.
        said: Values by name. Numbers under other names than the declared ones are taken as further metrics.
        metrics: What must be among them.
        costs: What must be among them too, and is no metric.
        fidelity: How far it was trained.
        about: The label's provenance.

    Returns:
        The label; a failed one where a declared name is missing or its value is no finite number.
    """
    values: dict[str, float] = {}
    for name in (*metrics, *costs):
        if name not in said:
            return failure(architecture, _missing(name, said), fidelity, about)
        number = _number(said[name])
        if number is None:
            why = f"{name} is {said[name]!r}; expected a number."
            return failure(architecture, why, fidelity, about)
        values[name] = number
    try:
        return Observation(
            architecture,
            {name: values[name] for name in metrics} | _others(said, {*metrics, *costs}),
            {name: values[name] for name in costs},
            provenance=about,
            fidelity=fidelity,
        )
    except InputError as error:
        return failure(architecture, str(error), fidelity, about)


def _missing(name: str, said: Mapping[str, Any]) -> str:
    names = [str(each) for each in said]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    found = ", ".join(shortened(each, 40) for each in names[:10]) or "nothing"
    hint = f"call {close[0]!r} so, or declare it" if close else "give it under that name"
    return f"{name} is missing; found {found}: {hint}."


def _number(value: Any) -> float | None:
    """The number that a value is: a whole one, a real one, or an array or tensor of one element."""
    if isinstance(value, (bool, str, bytes)) or not isinstance(value, SupportsFloat):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _others(said: Mapping[str, Any], declared: set[str]) -> dict[str, float]:
    """What else is a number that an observation can hold."""
    found = {}
    for name, value in said.items():
        number = None if name in declared else _number(value)
        if number is not None and abs(number) < 1e30:  # false of NaN too
            found[str(name)] = number
    return found
