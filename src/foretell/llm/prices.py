"""What tokens cost: a small table with a date, and files of the user's own. Unknown is unknown, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from foretell.errors import InputError
from foretell.llm.model import Usage
from foretell.parsing import read_yaml

__all__ = ["BATCH_SHARE", "PRICES", "PRICES_DATE", "Price", "price_of", "read_prices"]

PRICES_DATE = "2026-11"
"""When the table was last checked, against stored copies of the provider's model pages (gpt-5-mini, gpt-5-nano,
gpt-4.1-nano, gpt-4-turbo) and, for the others, at least two third parties that quote its price page in 2026.

Providers change prices, so give your own with --prices where it matters.
"""

BATCH_SHARE = 0.5
"""What the Batch API takes of the price."""


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens.

    Attributes:
        prompt: Tokens read.
        completion: Tokens written.
        cached: Tokens read from the provider's prefix cache; None: as `prompt`.
    """

    prompt: float
    completion: float
    cached: float | None = None

    def dollars(self, usage: Usage) -> float:
        """The cost of a call."""
        cached = self.prompt if self.cached is None else self.cached
        total = (usage.prompt - usage.cached) * self.prompt + usage.cached * cached
        return (total + usage.completion * self.completion) / 1e6


FREE = Price(0.0, 0.0)
"""A model in this process: it costs time, which is reported beside."""

PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "gpt-5.4": Price(2.5, 15.0, 0.25),
        "gpt-5.2": Price(1.75, 14.0, 0.175),
        "gpt-5": Price(1.25, 10.0, 0.125),
        "gpt-5-mini": Price(0.25, 2.0, 0.025),
        "gpt-5-nano": Price(0.05, 0.4, 0.005),
        "gpt-4.1": Price(2.0, 8.0, 0.5),
        "gpt-4.1-mini": Price(0.4, 1.6, 0.1),
        "gpt-4.1-nano": Price(0.1, 0.4, 0.025),
        "gpt-4o": Price(2.5, 10.0, 1.25),
        "gpt-4o-mini": Price(0.15, 0.6, 0.075),
        "o4-mini": Price(1.1, 4.4, 0.275),
        "gpt-4-turbo": Price(10.0, 30.0),
        "gpt-4": Price(30.0, 60.0),
        "gpt-3.5-turbo": Price(0.5, 1.5),
    }
)
"""List prices of models by the names that their provider uses."""


def price_of(model: str, endpoint: str, own: Mapping[str, Price] | None = None) -> Price | None:
    """The price of a model, or None where nobody has said.

    Args:
        model: Its name; a dated version such as "gpt-4o-mini-2024-07-18" has the price of its family.
        endpoint: "local" costs nothing.
        own: The user's prices, which come first.
    """
    if endpoint == "local":
        return FREE
    for table in (own or {}, PRICES):
        for name in sorted(table, key=len, reverse=True):
            if model == name or (model.startswith(f"{name}-") and model[len(name) + 1 :][:2] == "20"):
                return table[name]
    return None


def read_prices(path: Path) -> dict[str, Price]:
    """Prices of a YAML file: model names, each with `prompt`, `completion` and perhaps `cached`.

    Raises:
        InputError: No such file, or it does not hold prices.
    """
    data = read_yaml(path, "the price file")
    if not isinstance(data, dict) or not data:
        raise InputError(f"{path} holds no prices; expected 'model: {{prompt: 0.15, completion: 0.6}}' lines.")
    return {str(name): _price(str(name), value, path) for name, value in data.items()}


def _price(name: str, value: Any, path: Path) -> Price:
    known = {"prompt", "completion", "cached"}
    if not isinstance(value, dict) or not {"prompt", "completion"} <= set(value) <= known:
        raise InputError(f"{path}: {name} needs prompt and completion (and may have cached), in dollars a million.")
    for number in value.values():
        if not isinstance(number, (int, float)) or isinstance(number, bool) or number < 0:
            raise InputError(f"{path}: {name} has the price {number!r}; expected a number that is not negative.")
    return Price(**{key: float(number) for key, number in value.items()})
