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
from foretell.spaces import Population, SearchSpace, TransformerShape

if TYPE_CHECKING:
    from foretell.nn import Seq2SeqTransformer
    from foretell.tasks import Batch

__all__ = ["SupernetPredictor"]


class SupernetPredictor:
    """Scores architectures by minus the supernet's label-smoothed validation loss (REFERENCE 5.1).

    The unit is bits a target token, so the scores rank but are no BLEU: `calibrated` is false. An
    architecture's score depends on nothing but the architecture: neither on the rest of the population nor
    on the number of threads. Architectures with the same encoder genes share one run of the encoder.

    Args:
        space: The supernet's space.
        network: The trained supernet.
        batches: The validation set, built once.
        smoothing: Label smoothing of the loss.
        name: The name in tables and schedules.
        threads: Architectures scored at the same time; None: one a core.
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
    ) -> None:
        self.space, self.network, self.batches, self.smoothing = space, network.eval(), batches, smoothing
        self.name = name
        self.threads = threads or os.cpu_count() or 1
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
        canonical = self.space.canonical(population)
        rows, inverse = np.unique(canonical, axis=0, return_inverse=True)
        scores = np.empty(len(rows))
        groups = self._by_encoder(rows)
        with ThreadPoolExecutor(self.threads) as pool:
            for members, found in zip(groups, pool.map(lambda m: self._score(rows[m]), groups), strict=True):
                scores[members] = found
                if self._report is not None:
                    self._report(rows[members], found)
        self.spent.seconds += time.perf_counter() - start
        self.spent.evaluations += len(rows)
        return Prediction(scores[inverse.reshape(-1)])

    def _by_encoder(self, rows: Population) -> list[npt.NDArray[np.intp]]:
        """Indices of rows that share all encoder genes."""
        columns = [self.space.columns(gene.name) for gene in self.space.genes if gene.name.startswith("encoder")]
        encoders = np.concatenate([rows[:, c] for c in columns], axis=1)
        if not len(rows):
            return []
        _, group = np.unique(encoders, axis=0, return_inverse=True)
        group = group.reshape(-1)
        order = np.argsort(group, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)

    def _score(self, rows: Population) -> npt.NDArray[np.float64]:
        """Scores of architectures with one encoder."""
        import torch

        torch.set_num_threads(1)
        shapes = [TransformerShape.of(architecture) for architecture in self.space.architectures(rows)]
        reach = max(max(shape.attended) for shape in shapes)
        losses = np.zeros(len(rows))
        tokens = 0
        with torch.inference_mode():
            for batch in self.batches:
                encoded = self.network.encode(batch.source, shapes[0], layers=reach)
                for index, shape in enumerate(shapes):
                    loss, _, count = self.network.decoder_loss(
                        encoded, batch.target_in, batch.target_out, self.smoothing, shape
                    )
                    losses[index] += float(loss)
                tokens += int(count)
        return -losses / tokens / math.log(2)
