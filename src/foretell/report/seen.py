"""The architectures that a search scored: one table for every plot, hover label and copy button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretell.costs import CostModel
from foretell.errors import InputError, IntegrityError
from foretell.records import read_jsonl
from foretell.search.dominance import non_dominated
from foretell.search.halving import PART
from foretell.search.keys import from_keys, row_keys
from foretell.spaces import Architecture, Population, SearchSpace

__all__ = ["Seen", "read_seen"]

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """Every architecture of a search, once, in the order in which they were first scored.

    Attributes:
        space: Their space.
        population: Canonical rows, `int16 [n, columns]`.
        costs: By full name, `float64 [n]`.
        scores: By predictor, `float64 [n]`, higher is better; NaN where it was not asked or abstained.
    """

    space: SearchSpace
    population: Population
    costs: Mapping[str, Vector]
    scores: Mapping[str, Vector]

    def __len__(self) -> int:
        return len(self.population)

    @property
    def abscissa(self) -> str:
        """The cost that scores are drawn over: latency, or FLOPs where no latency is on record."""
        return "latency_ms" if "latency_ms" in self.costs else "flops"

    def scored(self, predictor: str) -> npt.NDArray[np.intp]:
        """The rows that a predictor scored."""
        return np.flatnonzero(np.isfinite(self.scores[predictor]))

    def front(self, predictor: str) -> npt.NDArray[np.intp]:
        """The rows that no other beats in both the predictor's score and the cost, cheapest first."""
        rows = self.scored(predictor)
        cost = self.costs[self.abscissa][rows]
        best = rows[non_dominated(np.column_stack([cost, -self.scores[predictor][rows]]))]
        order: npt.NDArray[np.intp] = best[np.argsort(self.costs[self.abscissa][best], kind="stable")]
        return order

    def row(self, architecture: Architecture) -> int | None:
        """Where an architecture stands; None if the search never scored it."""
        found = np.flatnonzero((self.population == architecture.row).all(axis=1))
        return int(found[0]) if len(found) else None

    def score(self, predictor: str, architecture: Architecture) -> float | None:
        """What a predictor said of an architecture; None if it was not asked."""
        row = self.row(architecture)
        value = float("nan") if row is None or predictor not in self.scores else float(self.scores[predictor][row])
        return value if np.isfinite(value) else None


def read_seen(path: Path, predictors: Sequence[str], costs: CostModel) -> Seen:
    """Read a search's journal, without changing it.

    Args:
        path: `search/scores.jsonl`; a missing file is a search that scored nothing.
        predictors: The schedule's, by first use: the order in which their keys first stand in the journal.
        costs: The space and its costs.

    Raises:
        IntegrityError: The journal is of another space or damaged.
    """
    space = costs.space
    by_key = _read(path, space) if path.exists() else {}
    keys = list(dict.fromkeys(key for known in by_key.values() for key in known))
    population = from_keys(keys, space.width)
    space.validate(population)
    values = list(by_key.values()) + [{}] * len(predictors)
    scores = {
        name: np.array([known.get(key, float("nan")) for key in keys], dtype=np.float64)
        for name, known in zip(predictors, values, strict=False)
    }
    return Seen(space, population, costs.costs(population), scores)


def _read(path: Path, space: SearchSpace) -> dict[str, dict[bytes, float]]:
    """Scores by predictor and row, both in the order in which they first stand in the file."""
    lines = read_jsonl(path)
    if lines and lines[0].get("space") != space.fingerprint:
        raise IntegrityError(f"{path} was written for another space than the run's study names; restore the folder.")
    by_key: dict[str, dict[bytes, float]] = {}
    for number, line in enumerate(lines[1:], 2):
        try:
            if PART in (name := str(line["predictor"])):
                continue  # successive halving: the scores of all parts together stand under the name without
            known = by_key.setdefault(name, {})
            rows = space.read(line["rows"])
            for key, score in zip(row_keys(rows), line["scores"], strict=True):
                known[key] = float("nan") if score is None else float(score)
        except (InputError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise IntegrityError(
                f"{path}, line {number} does not hold scores of {space.name} ({type(error).__name__}); restore it."
            ) from None
    return by_key
