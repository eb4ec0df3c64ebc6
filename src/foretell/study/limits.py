"""A study's limits in absolute numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from foretell.costs import Constraint, Constraints, CostModel
from foretell.costs.model import cost_name, counted_costs, is_latency, plain_name
from foretell.errors import InputError, UnknownNameError
from foretell.spaces import SearchSpace

__all__ = ["check_limits", "counted_limits", "is_relative", "limited_cost", "limited_costs", "resolve_limits"]

_RELATIVE = re.compile(
    r"^(?P<cost>[^\W\d]\w*(?:@[0-9]+)?)\s*(?P<operator><=|>=|=<|=>|≤|≥|<|>)\s*(?P<percent>[0-9.]+)\s*%$"
)
_WHOLE = 100_000  # from here on digits behind the point say nothing


def check_limits(texts: Sequence[str]) -> None:
    """Refuse limits of a study that cannot be read, or of which two allow nothing whatever things cost.

    Raises:
        InputError: One of them cannot be read.
        InfeasibleError: Two of them contradict each other; the message names them.
    """
    Constraints.parse(text for text in texts if not is_relative(text))
    # Shares of the same cost compare as their numbers do.
    shares = [match for text in texts if is_relative(text) and (match := _RELATIVE.match(text.strip()))]
    Constraints(
        tuple(replace(_limit(match, 1.0), limit=float(match["percent"]), text=match[0]) for match in shares)
    ).check_together()


def is_relative(text: str) -> bool:
    """Whether a limit is a share of the largest architecture's cost, as "latency<=50%" is.

    Raises:
        InputError: It is one of nothing, or of more than there is.
    """
    match = _RELATIVE.match(text.strip())
    if match is None:
        return False
    if not 0 < _number(match["percent"]) <= 100:
        raise InputError(f"the limit {text!r} is not between 0 and 100 % of the largest architecture; correct it.")
    return True


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def limited_cost(text: str) -> str:
    """The full name of the cost that a limit of a study is on, relative or not.

    Raises:
        InputError: It cannot be read.
    """
    match = _RELATIVE.match(text.strip())
    return cost_name(match["cost"]) if match is not None else Constraint.parse(text).cost


def limited_costs(limits: Constraints, space: SearchSpace, told: tuple[str, ...]) -> tuple[Constraints, Constraints]:
    """Limits on what the genes decide, and limits on what only the objective tells.

    Raises:
        UnknownNameError: A cost that neither knows; the message names the nearest.
    """
    counted, declared = counted_costs(space), {cost_name(name) for name in told}
    limits = limits.spelled(dict.fromkeys([*counted, *declared]))
    for item in limits:
        if item.cost not in counted and item.cost not in declared:
            raise UnknownNameError("cost", item.cost, [*counted, *told], f"the limit {item}")
    by_genes: list[Constraint] = [item for item in limits if item.cost in counted]
    by_label = Constraints(tuple(item for item in limits if item.cost not in counted))
    return Constraints(tuple(by_genes)), by_label.told_as(told)


def resolve_limits(texts: tuple[str, ...], costs: CostModel) -> Constraints:
    """Read limits, of which some may be relative: "latency<=50%" is half of the largest architecture's.

    Args:
        texts: As in the study file.
        costs: The space's costs; latency must have been measured if it is limited.

    Raises:
        InputError: A limit cannot be read.
    """
    return Constraints.parse(_absolute(text, costs) for text in texts).spelled(counted_costs(costs.space))


def counted_limits(texts: Iterable[str], costs: CostModel) -> Constraints:
    """Those of a study's limits that are not on latency, in absolute numbers: what is known without a measurement.

    Raises:
        InputError: A limit cannot be read, or is on a cost that the space does not have.
        InfeasibleError: Two of them allow nothing.
    """
    return resolve_limits(tuple(text for text in texts if not is_latency(limited_cost(text))), costs)


def _absolute(text: str, costs: CostModel) -> str:
    match = _RELATIVE.match(text.strip())
    if match is None:
        return text
    is_relative(text)  # refuses shares that make no sense
    share = float(match["percent"]) / 100
    largest = costs.space.population([costs.space.largest()])
    return _limit(match, float(costs.cost(largest, match["cost"])[0]) * share).text


def _limit(match: re.Match[str], value: float) -> Constraint:
    """A relative limit with a number in its percentage's place."""
    unit = "ms" if is_latency(match["cost"]) else "B" if plain_name(match["cost"]) == "memory_bytes" else ""
    # A user's own cost may be a fraction.
    rounded = f"{value:.3g}" if unit == "ms" else f"{value:.0f}" if value >= _WHOLE else f"{value:.6g}"
    return Constraint.parse(f"{match['cost']}{match['operator']}{rounded}{unit}")
