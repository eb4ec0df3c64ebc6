"""Asking a predictor for scores, each architecture at most once."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from foretell.predictors.base import Prediction, Predictor
from foretell.search.journal import ScoreJournal
from foretell.search.keys import row_keys
from foretell.spaces import Population

__all__ = ["Scorer"]


class Scorer:
    """A predictor's goodness behind a cache, keyed by canonical architecture and by all that the predictor depends on.

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

    def scores(self, population: Population, *, survivors: int | None = None) -> npt.NDArray[np.float64]:
        """Scores of canonical rows.

        Args:
            population: `int16 [n, columns]`.
            survivors: How many of the best the caller will go on with; only halving makes use of it.

        Returns:
            Goodness, `float64 [n]`: higher is better; -inf where the predictor abstains.
        """
        keys = row_keys(population)
        self.asked += len(keys)
        self.used.update(keys)
        if not self.cache:
            scores = self._predict(population)
            self.known.update(zip(keys, scores.tolist(), strict=True))
            return _worst_for_nan(scores)
        return self._of(keys, population)

    def recall(self, population: Population) -> npt.NDArray[np.float64]:
        """As `scores`, but nothing that was ever scored is scored again, with or without the cache."""
        keys = row_keys(population)
        self.asked += len(keys)
        self.used.update(keys)
        return self._of(keys, population)

    def best(self, count: int) -> list[bytes]:
        """Keys of the best architectures ever asked for, best first; the key itself breaks ties."""
        keys = [key for key in self.used if key in self.known]
        values = _worst_for_nan(np.array([self.known[key] for key in keys], dtype=np.float64))
        if len(keys) > count:
            threshold = np.partition(values, len(keys) - count)[len(keys) - count]
            near = np.flatnonzero(values >= threshold)
        else:
            near = np.arange(len(keys))
        ranked = sorted((-values[i], keys[i]) for i in near if values[i] > -np.inf)
        return [key for _, key in ranked[:count]]

    def _of(self, keys: list[bytes], population: Population) -> npt.NDArray[np.float64]:
        known = self.known
        fresh = {key: index for index, key in enumerate(keys) if key not in known}
        lent = {} if self.journal is None else self.journal.lent.get(self.key, {})
        if borrowed := [key for key in fresh if key in lent]:
            # Written down here too: the journal tells all that this search knew.
            self._record(population[[fresh.pop(key) for key in borrowed]], np.array([lent[key] for key in borrowed]))
        if fresh:
            self._learn(population[list(fresh.values())])
        return _worst_for_nan(np.array([known[key] for key in keys], dtype=np.float64))

    def _learn(self, rows: Population) -> None:
        """Score new rows; each piece is on the disk before the next is begun."""
        if not self.predictor.piecewise:
            self._record(rows, self._predict(rows))
            return
        with self.predictor.reporting(lambda some, said: self._record(some, self.predictor.goodness(Prediction(said)))):
            self._predict(rows)

    def _record(self, rows: Population, scores: npt.NDArray[np.float64]) -> None:
        if self.journal is not None:
            self.journal.append(self.key, rows, scores)
        self.known.update(zip(row_keys(rows), scores.tolist(), strict=True))

    def _predict(self, population: Population) -> npt.NDArray[np.float64]:
        start = time.perf_counter()
        scores = self.predictor.goodness(self.predictor.predict(population))
        self.seconds += time.perf_counter() - start
        self.run += len(population)
        return scores


def _worst_for_nan(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isnan(scores), -np.inf, scores)
