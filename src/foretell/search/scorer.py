"""Asking a predictor for scores, each architecture at most once."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from foretell.predictors.base import Piecewise, Predictor
from foretell.search.journal import ScoreJournal
from foretell.spaces import Population

__all__ = ["Scorer"]


class Scorer:
    """A predictor behind a cache keyed by canonical architecture, and by everything the predictor depends on.

    Args:
        predictor: Gives the scores.
        key: Names the predictor with all that its scores depend on (weights, validation set).
        journal: Keeps the scores on disk and knows those of an earlier sitting.
        cache: Without it every row is scored, as in the published search; for comparisons.

    Attributes:
        asked: Rows that were asked for.
        run: Rows that the predictor really scored, in this sitting.
        seconds: Time spent in the predictor, in this sitting.
    """

    def __init__(
        self, predictor: Predictor, key: str, journal: ScoreJournal | None = None, *, cache: bool = True
    ) -> None:
        self.predictor, self.key, self.journal, self.cache = predictor, key, journal, cache
        self.known: dict[bytes, float] = dict(journal.scores.get(key, {})) if journal is not None else {}
        self.used: set[bytes] = set()
        self.asked = self.run = 0
        self.seconds = 0.0

    @property
    def distinct(self) -> int:
        """Different architectures asked for: what the search needed to know, over all sittings."""
        return len(self.used)

    def scores(self, population: Population) -> npt.NDArray[np.float64]:
        """Scores of canonical rows, `float64 [n]`, higher is better; -inf where the predictor abstains."""
        keys = [row.tobytes() for row in population]
        self.asked += len(keys)
        self.used.update(keys)
        if not self.cache:
            return _worst_for_nan(self._predict(population))
        fresh: dict[bytes, int] = {}
        for index, key in enumerate(keys):
            if key not in self.known:
                fresh.setdefault(key, index)
        if fresh:
            self._learn(population[list(fresh.values())])
        return _worst_for_nan(np.array([self.known[key] for key in keys], dtype=np.float64))

    def _learn(self, rows: Population) -> None:
        """Score new rows; each piece is on the disk before the next is begun."""
        if isinstance(self.predictor, Piecewise):
            with self.predictor.reporting(self._record):
                self._predict(rows)
        else:
            self._record(rows, self._predict(rows))

    def _record(self, rows: Population, scores: npt.NDArray[np.float64]) -> None:
        if self.journal is not None:
            self.journal.append(self.key, rows, scores)
        self.known.update((row.tobytes(), float(score)) for row, score in zip(rows, scores, strict=True))

    def _predict(self, population: Population) -> npt.NDArray[np.float64]:
        start = time.perf_counter()
        mean = self.predictor.predict(population).mean
        self.seconds += time.perf_counter() - start
        self.run += len(population)
        return mean


def _worst_for_nan(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isnan(scores), -np.inf, scores)
