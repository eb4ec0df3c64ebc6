"""One line of the table, and the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foretell.errors import UnknownNameError
from foretell.evaluation.discordance import Discordance, discordance
from foretell.evaluation.metrics import Judged

__all__ = ["Evaluation", "Row"]


@dataclass(frozen=True)
class Row:
    """One predictor with one number of demonstrations.

    Attributes:
        predictor: Its name, as it was asked for.
        demonstrations: Labels that it was offered in each split.
        labels: Labels that it used.
        values: Measures averaged over splits (`foretell.evaluation.MEASURES`), NaN where they mean nothing.
        deviations: Their population standard deviation over splits.
        intervals: Their bootstrap 95 % intervals over architectures and splits.
        differences: Measures minus the reference row's, and the paired 95 % interval.
        by_split: Measures of each split, by its name.
        judged: Predictions and truth, one for each split.
        seconds: Of fitting and predicting, per split.
        dollars: Of all splits together; None where unknown.
        abstained: Test architectures without a prediction, over all splits.
        label_noise: Standard deviation of repeated labels, where there are any.
        note: Why it chose what it chose, or why there are no figures.
    """

    predictor: str
    demonstrations: int
    labels: int
    values: dict[str, float]
    deviations: dict[str, float]
    intervals: dict[str, tuple[float, float] | None]
    by_split: dict[str, dict[str, float]]
    judged: tuple[Judged, ...]
    seconds: float
    dollars: float | None
    abstained: int = 0
    label_noise: float | None = None
    note: str = ""
    differences: dict[str, tuple[float, tuple[float, float] | None]] = field(default_factory=dict)

    def discordance(self) -> Discordance | None:
        """Its wrongly ordered pairs by true distance; None without figures."""
        return discordance(self.judged) if self.judged else None


@dataclass(frozen=True)
class Evaluation:
    """A table and how it came about.

    Attributes:
        rows: In the order in which they were asked for, trivial rows that were not asked for first.
        protocol: What was split, averaged and resampled, in words and numbers.
    """

    rows: tuple[Row, ...]
    protocol: dict[str, Any]

    def row(self, predictor: str, demonstrations: int | None = None) -> Row:
        """The row of a predictor (with the most demonstrations, or as many as asked for).

        Raises:
            UnknownNameError: It is not in the table.
        """
        found = [
            row for row in self.rows if row.predictor == predictor and demonstrations in (None, row.demonstrations)
        ]
        if not found:
            raise UnknownNameError("row", predictor, [row.predictor for row in self.rows])
        return found[-1]
