"""A supernet as a predictor: the validation loss of an architecture's slice of the shared weights."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from foretell.observations import Observation
from foretell.predictors.base import Prediction, Report, Spent
from foretell.predictors.threads import one_thread
from foretell.spaces import Population, SearchSpace, TransformerShape

if TYPE_CHECKING:
    from foretell.nn import Seq2SeqTransformer
    from foretell.tasks import Batch

__all__ = ["SupernetPredictor"]

_PIECE = 64
"""Architectures scored between two reports: some seconds of work at the most."""


class SupernetPredictor:
    """Scores architectures by minus the supernet's label-smoothed validation loss (REFERENCE 5.1).

    The unit is bits a target token, so the scores rank but are no BLEU: `calibrated` is false. An
    architecture's score depends on nothing but the architecture: neither on the rest of the population nor
    on the number of threads. Architectures share every layer up to which they are the same.

    Args:
        space: The supernet's space.
        network: The trained supernet.
        batches: The validation set, built once.
        smoothing: Label smoothing of the loss.
        name: The name in tables and schedules.
        threads: Batches scored at the same time; None: one a core.
        share: Without it architectures are scored one by one, as the published search does.
    """

    metric = "valid_loss"
    calibrated = False
    labels = 0

    def __init__(
        self,
        space: SearchSpace,
        network: Seq2SeqTransformer,
        batches: Sequence[Batch],
        *,
        smoothing: float = 0.1,
        name: str = "supernet",
        threads: int | None = None,
        share: bool = True,
    ) -> None:
        self.space, self.network, self.batches, self.smoothing = space, network.eval(), batches, smoothing
        self.name = name
        self.threads = (threads or os.cpu_count() or 1) if share else 1
        self.share = share
        self._report: Report | None = None
        self.spent = Spent()

    def fit(self, observations: Sequence[Observation]) -> Self:
        """Nothing to learn: the supernet was trained without labels. Calibrate it to get a metric's unit."""
        return self

    @contextmanager
    def reporting(self, report: Report) -> Iterator[None]:
        """Inside the block `predict` hands over the scores of each group as soon as it is done."""
        self._report = report
        try:
            yield
        finally:
            self._report = None

    def predict(self, population: Population) -> Prediction:
        """Minus the validation loss of each row, `[n]`, in bits a token; each distinct architecture runs once."""
        start = time.perf_counter()
        rows, inverse = np.unique(self.space.canonical(population), axis=0, return_inverse=True)
        scores = np.empty(len(rows))
        # One thread an operation and several batches at a time: faster for small networks than the other way
        # round, and the sums do not depend on the number of cores.
        with one_thread(), ThreadPoolExecutor(self.threads) as pool:
            for piece in self._pieces(rows):
                scores[piece] = self._score(rows[piece], pool)
                if self._report is not None:
                    self._report(rows[piece], scores[piece])
        self.spent.seconds += time.perf_counter() - start
        self.spent.evaluations += len(rows)
        return Prediction(scores[inverse.reshape(-1)])

    def _pieces(self, rows: Population) -> list[npt.NDArray[np.intp]]:
        """Indices of rows in pieces of architectures that share as many layers as can be.

        The rows are sorted by their genes, which begin with the encoder's.
        """
        piece = _PIECE if self.share else 1
        return np.array_split(np.arange(len(rows)), math.ceil(len(rows) / piece)) if len(rows) else []

    def _score(self, rows: Population, pool: ThreadPoolExecutor) -> npt.NDArray[np.float64]:
        from foretell.nn import population_losses

        shapes = [TransformerShape.of(architecture) for architecture in self.space.architectures(rows)]

        def losses(batch: Batch) -> npt.NDArray[np.float64]:
            found = population_losses(
                self.network, shapes, batch.source, batch.target_in, batch.target_out, self.smoothing
            )
            return found.numpy()

        total = sum(pool.map(losses, self.batches), np.zeros(len(rows)))
        return -total / sum(batch.tokens for batch in self.batches) / math.log(2)
