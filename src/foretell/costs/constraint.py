"""Limits on costs, as people write them, evaluated on whole populations."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from foretell.costs.model import CostModel, cost_name, is_latency, plain_name
from foretell.errors import InfeasibleError, InputError, UnknownNameError
from foretell.spaces import Population

if TYPE_CHECKING:
    from foretell.costs.feasibility import Feasibility

__all__ = ["Constraint", "Constraints"]

Operator = Literal["<=", "<", ">=", ">"]

_COMPARE = {"<=": np.less_equal, "<": np.less, ">=": np.greater_equal, ">": np.greater}
_ALSO = {"=<": "<=", "≤": "<=", "=>": ">=", "≥": ">="}
_MILLISECONDS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3}
_COUNTS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
_BYTES = {
    "B": 1.0,
    **{f"{k}B": 1e3**n for n, k in enumerate("kMG", 1)},
    **{f"{k}iB": 1024.0**n for n, k in enumerate("KMG", 1)},
}
_PATTERN = re.compile(
    r"(?P<cost>[^\W\d]\w*(?:@[0-9]{1,9})?)\s*(?P<operator><=|>=|=<|=>|≤|≥|<|>)\s*(?P<number>[0-9.eE+-]*[0-9.])\s*(?P<unit>[^\d\s@]*)"
    r"\s*(?:@\s*(?P<confidence>[0-9.]+)\s*%)?"
)


@dataclass(frozen=True)
class Constraint:
    """One limit on one cost.

    Attributes:
        cost: The cost's full name (`foretell.costs.counted_costs`, or "latency_ms").
        operator: How the cost must compare with the limit.
        limit: In milliseconds for latency, else a plain count.
        text: As it was written.
        confidence: For latency: the share of latencies that must keep the limit, such as 0.95; None
            compares the best guess.
    """

    cost: str
    operator: Operator
    limit: float
    text: str
    confidence: float | None = None

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read "latency<=100ms", "flops<3G", "params<=60M", "latency<=100ms@95%".

        `params` counts everything stored and `flops` the whole pass; write `params_without_embeddings` or
        `flops_without_output_layer` for the others. Latency needs a unit (us, ms, s); counts may have one
        (K, M, G or B, T).

        What follows an `@` before the sign is how much is meant: "prefill_latency@512<=80ms" is that of a prompt of
        512 tokens. Memory is bytes, with any of their units ("memory<=200MB") or those of counts: a cost of
        that name that a user declares may count anything.

        Raises:
            InputError: It is not of that form, or the number or unit makes no sense. Whether a space has such a
                cost is known when the limit meets its costs.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise InputError(
                f"the constraint {text!r} cannot be read; expected a cost, one of <= < >= >, a number and its "
                'unit, such as "latency<=100ms", "flops<=3G" or "params<=60M".'
            )
        cost = cost_name(match["cost"])
        limit = _number(match["number"], text) * _scale(match["unit"], cost, text)
        confidence = _confidence(match["confidence"], cost, text)
        operator = _ALSO.get(match["operator"], match["operator"])
        return cls(cost, operator, limit, text.strip(), confidence)  # type: ignore[arg-type]

    @property
    def is_upper(self) -> bool:
        """Whether the limit is one from above."""
        return self.operator.startswith("<")

    def values(self, costs: CostModel, population: Population) -> npt.NDArray[np.float64]:
        """The constrained cost of each row, `float64 [n]`."""
        return costs.cost(population, self.cost, confidence=self.confidence)

    def holds(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which of these costs keep the limit, `bool [n]`."""
        kept: npt.NDArray[np.bool_] = _COMPARE[self.operator](values, self.limit)
        return kept

    def format(self, value: float) -> str:
        """A cost as a message names it: "12.3 ms", or a count in full, so that it can be used as a limit."""
        if is_latency(self.cost):
            return f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.4g} s"
        return f"{value:,.0f}"


@dataclass(frozen=True)
class Constraints:
    """Any number of limits that must all hold; none at all always hold."""

    items: tuple[Constraint, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Constraints:
        """Read several constraints; see `Constraint.parse`.

        Raises:
            InputError: One of them cannot be read.
            InfeasibleError: Two of them allow nothing.
        """
        found = cls(tuple(Constraint.parse(text) for text in texts))
        found.check_together()
        return found

    def check_together(self) -> None:
        """Refuse limits of which one asks for more than another allows, whatever is limited.

        Raises:
            InfeasibleError: There are two such; the message names them.
        """
        least = [item for item in self.items if not item.is_upper and item.confidence is None]
        most = [item for item in self.items if item.is_upper and item.confidence is None]
        for low, high in itertools.product(least, most):
            strict = low.operator == ">" or high.operator == "<"
            if low.cost == high.cost and (low.limit > high.limit or (strict and low.limit == high.limit)):
                raise InfeasibleError(f"nothing keeps both {low} and {high}; correct one of them.")

    def spelled(self, names: Iterable[str]) -> Constraints:
        """The same limits, on those of these costs that their names are but for the case of letters."""
        any_case: dict[str, list[str]] = {}
        for name in names:
            any_case.setdefault(name.lower(), []).append(name)
        found = [any_case.get(item.cost.lower(), []) for item in self.items]
        return Constraints(
            tuple(
                replace(item, cost=there[0]) if len(there) == 1 else item
                for item, there in zip(self.items, found, strict=True)
            )
        )

    def told_as(self, names: Iterable[str]) -> Constraints:
        """The same limits, on the costs of these names as they are spelled where an objective tells them.

        A cost that the user calls `memory` or `params` is told under that name, not under the one that it is short for.
        """
        told = {cost_name(name): name for name in names}
        return Constraints(tuple(replace(item, cost=told.get(item.cost, item.cost)) for item in self.items))

    def __iter__(self) -> Iterator[Constraint]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __str__(self) -> str:
        return ", ".join(map(str, self.items)) or "none"

    @property
    def cost_names(self) -> tuple[str, ...]:
        """The full names of the constrained costs, each once."""
        return tuple(dict.fromkeys(item.cost for item in self.items))

    def values(self, costs: CostModel, population: Population) -> list[npt.NDArray[np.float64]]:
        """The constrained cost for each constraint, each `float64 [n]`; computed together."""
        plain = [item.cost for item in self.items if item.confidence is None]
        shared = costs.costs(population, plain) if plain else {}
        return [shared[item.cost] if item.confidence is None else item.values(costs, population) for item in self.items]

    def satisfied(self, costs: CostModel, population: Population) -> npt.NDArray[np.bool_]:
        """Which rows keep all limits, `bool [n]`."""
        kept = np.ones(len(population), dtype=bool)
        for item, values in zip(self.items, self.values(costs, population), strict=True):
            kept &= item.holds(values)
        return kept

    def excess(self, costs: CostModel, population: Population) -> npt.NDArray[np.float64]:
        """How far each row is beyond each limit, relative to it, `float64 [n, limits]`: 0 or less where it keeps it."""
        columns = []
        for item, values in zip(self.items, self.values(costs, population), strict=True):
            beyond = (values - item.limit) / item.limit * (1 if item.is_upper else -1)
            # A strict limit that is met with equality is missed by the least amount there is.
            columns.append(np.where(item.holds(values), np.minimum(beyond, 0.0), np.maximum(beyond, 1e-12)))
        return np.stack(columns, axis=1) if columns else np.zeros((len(population), 0))

    def check_feasible(self, costs: CostModel, rng: np.random.Generator) -> Feasibility:
        """Find architectures that keep all limits, before anything is spent on a search.

        Raises:
            InfeasibleError: None was found; the message names the limit and what can be reached.
        """
        from foretell.costs.feasibility import check_feasible

        return check_feasible(self, costs, rng)


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise InputError(f"the limit {text!r} in the constraint {whole!r} is not a positive number; correct it.")
    return value


def _scale(unit: str, cost: str, whole: str) -> float:
    latency, memory = is_latency(cost), plain_name(cost) == "memory_bytes"
    scales = _MILLISECONDS if latency else _COUNTS | _BYTES if memory else _COUNTS
    if unit in scales:
        return scales[unit]
    # Times and bytes have no unit that differs from another in its case alone; of counts, m may be thousandths.
    small = {each.lower(): scale for each, scale in (scales if latency else _BYTES if memory else {}).items()}
    if unit.lower() in small:
        return small[unit.lower()]
    if unit in _MILLISECONDS and difflib.get_close_matches(cost, ["latency"]):
        raise UnknownNameError("cost with a time", cost, ("latency",), whole)
    found = f"has the unit {unit!r}" if unit else "has no unit"
    expected = "us, ms or s" if latency else "kB, MB, GB, KiB, MiB or GiB" if memory else "K, M, G, T or none"
    raise InputError(f"the constraint {whole!r} {found}; {cost} takes {expected}.")


def _confidence(text: str | None, cost: str, whole: str) -> float | None:
    if text is None:
        return None
    try:
        value = float(text) / 100
    except ValueError:
        value = -1.0
    if not is_latency(cost) or not 0 < value < 1:
        raise InputError(f"the constraint {whole!r} cannot be read; only latency takes a share such as @95%.")
    return value
