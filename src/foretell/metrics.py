"""What a metric is, and which way is better: the only place that knows directions.

Search, regret, ranking and sorting see `Metric.goodness` alone, where more is better; tables, prompts and records
hold values as they were measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from foretell.display import one_line
from foretell.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = [
    "BUILT_IN",
    "FIRST_METRICS",
    "PRIMARY_METRIC",
    "REPORTED",
    "Metric",
    "declared",
    "metric_from",
    "metric_named",
]

PRIMARY_METRIC = "valid_bleu"
"""What is predicted, and what a score means, where no metric is named and nothing tells the task."""

FIRST_METRICS: Mapping[str, str] = {
    "encoder_decoder": PRIMARY_METRIC,
    "decoder": "valid_bits_per_byte",
    "encoder": "valid_accuracy",
}
"""What labels are judged by where nobody says: the first metric of the task that a family's networks learn."""

REPORTED = (PRIMARY_METRIC, "test_bleu")
"""What tables of trained networks show."""

Values = TypeVar("Values", float, "npt.NDArray[np.float64]")

_SPLITS = {"valid": "valid", "val": "valid", "test": "test", "train": "train"}
_DECIMALS = 2
_MOST_DECIMALS = 5
_TRUTHS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
"""Words that a study file may say it in."""
_KEYS = ("name", "higher_is_better", "label", "unit", "bounds", "meaning")


@dataclass(frozen=True)
class Metric:
    """A quality: how it is named, written, bounded, and which way is better.

    Attributes:
        key: The name in observations: "valid_bleu".
        word: What prompts write before the number and tables in their headers: "BLEU".
        higher_is_better: The direction.
        unit: Of the values, empty where they have none: "bits a token".
        meaning: What it measures, in a phrase without its direction.
        low: The smallest value that there can be; may be minus infinity.
        high: The largest value that there can be; may be infinity.
        decimals: Digits after the point.
        split: Which part of the data it is measured on, where the key says so: "valid".
    """

    key: str
    word: str
    higher_is_better: bool = True
    unit: str = ""
    meaning: str = ""
    low: float = -math.inf
    high: float = math.inf
    decimals: int = _DECIMALS
    split: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(
                f"the metric {self.key} has the bounds {self.low:g} and {self.high:g}; expected the smallest value "
                "first and a larger one second."
            )

    @classmethod
    def declare(
        cls,
        name: str,
        *,
        higher_is_better: bool | None = None,
        label: str = "",
        unit: str = "",
        bounds: tuple[float, float] | None = None,
        meaning: str = "",
    ) -> Metric:
        """A metric of the user's; what is left out is as for a built-in metric of that name, else plain.

        Args:
            name: The key in observations.
            higher_is_better: The direction; None: that of the built-in metric of this name, else True.
            label: As people write it.
            unit: Of the values.
            bounds: Smallest and largest value.
            meaning: What it measures, in a phrase.

        Raises:
            InputError: A name that is none, bounds that are none, or a built-in metric turned around.
        """
        if not name.strip():
            raise InputError("a metric without a name was declared; expected one such as val_loss: give it one.")
        known = _built_in(name)
        if known is not None and higher_is_better not in (None, known.higher_is_better):
            raise InputError(
                f"the metric {name} is declared with {_way(not known.higher_is_better)}, but it is {known.word}, of "
                f"which {_way(known.higher_is_better)}; leave the direction out, or choose another name."
            )
        base = known or _plain(name, True if higher_is_better is None else higher_is_better)
        low, high = bounds or (base.low, base.high)
        return replace(
            base,
            word=one_line(label) or base.word,
            unit=one_line(unit) or base.unit,
            meaning=one_line(meaning) or (one_line(label) if known is None and label else base.meaning),
            low=low,
            high=high,
        )

    @property
    def label(self) -> str:
        """As tables and axes call it: "valid BLEU"."""
        return f"{self.split} {self.word}".strip()

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest value that there can be."""
        return self.low, self.high

    @property
    def title(self) -> str:
        """The label with unit and direction, for headers: "valid loss (bits a token, lower is better)"."""
        return f"{self.label} ({', '.join(filter(None, (self.unit, self.direction)))})"

    @property
    def direction(self) -> str:
        """In words: "higher is better"."""
        return _way(self.higher_is_better)

    @property
    def sentence(self) -> str:
        """The meaning with the direction, as prompts say it."""
        return f"{self.meaning or self.word}, {self.direction}"

    def goodness(self, values: Values) -> Values:
        """Values turned so that more is better; exact, and its own inverse."""
        return values if self.higher_is_better else -values

    def from_goodness(self, goodness: Values) -> Values:
        """The values of a goodness."""
        return goodness if self.higher_is_better else -goodness

    def worst(self, values: Sequence[float] | npt.NDArray[np.float64]) -> float:
        """The worst of some values, at least one."""
        return float(min(values) if self.higher_is_better else max(values))

    def best(self, values: Sequence[float] | npt.NDArray[np.float64]) -> float:
        """The best of some values, at least one."""
        return float(max(values) if self.higher_is_better else min(values))

    def format(self, value: float) -> str:
        """A value with the metric's decimals; zero has no sign."""
        text = f"{value:.{self.decimals}f}"
        return text.removeprefix("-") if float(text) == 0 else text

    def to_dict(self) -> dict[str, Any]:
        """As a study declares it; `metric_from` reads it back."""
        bounds = [each if math.isfinite(each) else None for each in (self.low, self.high)]
        return {
            "name": self.key,
            "higher_is_better": self.higher_is_better,
            "label": self.word,
            "unit": self.unit,
            "bounds": bounds,
            "meaning": self.meaning,
        }

    def for_labels(self, labels: Sequence[float]) -> Metric:
        """With as many decimals as labels below ten need, so that the third digit of their range can be read."""
        if not labels or max(map(abs, labels)) >= 10:
            return self
        spread = max(labels) - min(labels) or 0.1 * abs(labels[0]) or 1.0
        decimals = max(_DECIMALS, min(_MOST_DECIMALS, 2 - math.floor(math.log10(spread))))
        return replace(self, decimals=decimals)

    def plausible(self, labels: Sequence[float]) -> tuple[float, float]:
        """Where values of a job with these labels can be expected: their range, widened on both sides.

        The margin is twice their range, at least 15 % of their mean; the metric's bounds hold anyway.
        """
        if not labels:
            return self.low, self.high
        least, most = min(labels), max(labels)
        margin = max(2 * (most - least), 0.15 * abs(sum(labels) / len(labels)))
        return max(self.low, least - margin), min(self.high, most + margin)


def _way(higher: bool) -> str:
    return "higher is better" if higher else "lower is better"


BUILT_IN: Mapping[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("bleu", "BLEU", True, "", "BLEU of the translations, 0 to 100", 0.0, 100.0),
        Metric("chrf", "chrF", True, "", "character F-score of the translations, 0 to 100", 0.0, 100.0),
        Metric("ter", "TER", False, "", "edits a hundred words that the translations need", 0.0),
        Metric("comet", "COMET", True, "", "COMET score of the translations", -2.0, 2.0),
        Metric("loss", "loss", False, "", "loss"),
        Metric("perplexity", "perplexity", False, "", "perplexity of the references", 1.0),
        Metric("bits_per_byte", "bits a byte", False, "", "bits that a byte of the text takes", 0.0),
        Metric("accuracy", "accuracy", True, "", "share of correct answers", 0.0, 100.0),
        Metric("macro_f1", "macro-F1", True, "", "mean of the F1 of all classes", 0.0, 100.0),
        Metric("f1", "F1", True, "", "harmonic mean of precision and recall", 0.0, 100.0),
        Metric("error", "error", False, "", "share of wrong answers", 0.0, 100.0),
    )
}
"""By key; each is known with a prefix for the part of the data as well: "valid_bleu", "test_ter", "val_loss"."""
_OWN_LOSS = Metric("loss", "loss", False, "bits a token", "loss on the references", 0.0)
_OWN_LOSSES = ("valid_loss", "test_loss")
"""What foretell's own trainings write; a loss by another name is in the user's unit, and may be below 0."""


_declared: ContextVar[Mapping[str, Metric]] = ContextVar("declared metrics", default={})  # noqa: B039 - never changed


@contextmanager
def declared(*metrics: Metric) -> Iterator[None]:
    """Inside the block, in this thread, `metric_named` knows these metrics: for the time of a run.

    Threads and processes that are started inside do not know them; hand them the `Metric`.

    Raises:
        InputError: A metric is declared in two directions.
    """
    known = dict(_declared.get())
    for metric in metrics:
        before = known.get(metric.key) or _built_in(metric.key)
        if before is not None and before.higher_is_better != metric.higher_is_better:
            raise InputError(
                f"the metric {metric.key} is declared in two directions, {before.direction} and {metric.direction}; "
                "keep one of them."
            )
        known[metric.key] = metric
    token = _declared.set(known)
    try:
        yield
    finally:
        _declared.reset(token)


def metric_named(name: str) -> Metric:
    """The metric of an observation key: declared, built in, or a plain one of which higher is better.

    Args:
        name: Such as "valid_bleu" or "test_comet".
    """
    return _declared.get().get(name) or _built_in(name) or _plain(name, True)


def metric_from(value: str | Metric | Mapping[str, Any]) -> Metric:
    """A metric as a study names or declares it: `val_loss`, or `{name: val_loss, higher_is_better: false}`.

    On a command line, where there is no room to declare it, `y:min` is the metric `y` of which lower is better, and
    `y:max` one of which higher is.

    Raises:
        InputError: No name, a direction that is not true or false, or a built-in metric turned around.
        UnknownNameError: A key that a declaration does not have.
    """
    if isinstance(value, Metric):
        return value
    if isinstance(value, str):
        name, _, way = value.rpartition(":")
        if name and way in ("min", "max"):
            return Metric.declare(name, higher_is_better=way == "max")
        return metric_named(value)
    for key in value:
        if key not in _KEYS:
            raise UnknownNameError("key", str(key), _KEYS, "a metric")
    for key in ("name", "label", "unit", "meaning"):
        if not isinstance(value.get(key, ""), str):
            raise InputError(f"the metric's {key} is {value[key]!r}; expected a text: correct it.")
    higher = value.get("higher_is_better")
    higher = _TRUTHS.get(higher.lower(), higher) if isinstance(higher, str) else higher
    if higher is not None and not isinstance(higher, bool):
        raise InputError(f"the metric's higher_is_better is {higher!r}; expected true or false: correct it.")
    return Metric.declare(
        value.get("name", ""),
        higher_is_better=higher,
        label=value.get("label", ""),
        unit=value.get("unit", ""),
        bounds=_bounds(value.get("bounds")),
        meaning=value.get("meaning", ""),
    )


def _bounds(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    pair = list(value) if isinstance(value, (list, tuple)) else []
    if len(pair) != 2 or not all(
        each is None or (isinstance(each, (int, float)) and not math.isnan(each)) for each in pair
    ):
        raise InputError(
            f"the metric's bounds are {value!r}; expected two numbers such as [0, 100], or null for none: correct them."
        )
    low, high = pair
    return -math.inf if low is None else float(low), math.inf if high is None else float(high)


def _parted(name: str) -> tuple[str, str]:
    """The split that a key names, and the rest: "valid" and "bleu"."""
    prefix, _, rest = name.partition("_")
    return (_SPLITS[prefix], rest) if prefix in _SPLITS and rest else ("", name)


def _built_in(name: str) -> Metric | None:
    split, base = _parted(name)
    found = BUILT_IN.get(base.lower())
    if name in _OWN_LOSSES:
        return replace(_OWN_LOSS, key=name, split=split)
    return None if found is None else replace(found, key=name, split=split)


def _plain(name: str, higher: bool) -> Metric:
    split, base = _parted(name)
    word = one_line(base.replace("_", " "))
    return Metric(name, word, higher, meaning=word, split=split)
