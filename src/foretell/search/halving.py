"""Successive halving over validation sentences: candidates meet growing parts of them, and the hopeless leave early."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from foretell.errors import InputError
from foretell.predictors.base import Predictor
from foretell.search.journal import ScoreJournal
from foretell.search.keys import from_keys, row_keys
from foretell.search.scorer import Scorer
from foretell.spaces import Population

__all__ = ["PART", "Halving", "HalvingReport", "HalvingScorer"]

Scores = npt.NDArray[np.float64]

PART = "/"
"""Stands in a journal between a scorer's name and the number of a part of what it judges by."""


class Halving(BaseModel):
    """How the candidates of a generation are halved before they are scored in full.

    Attributes:
        shares: Of the validation set: each stage's part; after each but the last some candidates leave.
        keep: Share of the candidates that stay after a stage.
        margin: At least so many times the parents stay, so that a near miss is not final.
        audit: Every so many generations those that left are scored to the end after all, to count how many
            parents it exchanged; 0 never does, 1 always (and saves nothing).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    shares: tuple[float, ...] = (0.25, 0.25, 0.5)
    keep: float = Field(default=0.5, gt=0, le=1)
    margin: float = Field(default=1.5, ge=1)
    audit: int = Field(default=10, ge=0)

    @model_validator(mode="after")
    def _is_whole(self) -> Halving:
        if len(self.shares) < 2 or min(self.shares) <= 0 or not math.isclose(sum(self.shares), 1):
            raise InputError(f"halving has the shares {list(self.shares)}; expected two or more that sum to 1.")
        return self


@dataclass
class HalvingReport:
    """What halving did to a search.

    Attributes:
        generations: Generations halved.
        left: Candidates that left early, over all of them.
        audited: Generations in which those that had left were scored to the end as well.
        changed: Audited generations with other parents than without halving.
        exchanged: Parents exchanged in them, of `audited` times the number of parents.
    """

    generations: int = 0
    left: int = 0
    audited: int = 0
    changed: int = 0
    exchanged: int = 0


class HalvingScorer(Scorer):
    """A scorer that halves the candidates of a generation on growing parts of what its predictor judges by.

    Who stays to the end has the score that it has without halving, up to rounding; who leaves has none (minus
    infinity). Scores of parts are cached and kept in the journal like any others.

    Args:
        predictor: Gives the scores; one whose `parts` are only itself is not halved.
        key: Names the predictor with all that its scores depend on.
        journal: Keeps the scores on disk.
        halving: How.

    Attributes:
        report: What it did so far.
    """

    def __init__(
        self, predictor: Predictor, key: str, journal: ScoreJournal | None = None, *, halving: Halving
    ) -> None:
        # A name of its own: full scores are sums of the parts', and may differ from others in the last digit.
        super().__init__(predictor, f"{key}+{'+'.join(map(str, halving.shares))}", journal)
        parts = predictor.parts(halving.shares)
        self.halving, self.report = halving, HalvingReport()
        self._parts = [Scorer(part, f"{self.key}{PART}{i}", journal) for i, (part, _) in enumerate(parts)]
        self._weights = np.array([weight for _, weight in parts], dtype=np.float64)

    def scores(self, population: Population, *, survivors: int | None = None) -> Scores:
        """See `Scorer.scores`; rows that left early have -inf."""
        keys = row_keys(population)
        self.asked += len(keys)
        self.used.update(keys)
        distinct = from_keys(dict.fromkeys(keys), population.shape[1])
        if survivors is None or len(distinct) <= survivors:
            return self._of(keys, population)
        stayed = self._run(distinct, survivors)
        whole = dict(
            zip(row_keys(distinct[stayed]), self._of(row_keys(distinct[stayed]), distinct[stayed]), strict=True)
        )
        scores = np.array([whole.get(key, -np.inf) for key in keys])
        self._audit(distinct, stayed, survivors)
        return scores

    def _run(self, rows: Population, survivors: int) -> npt.NDArray[np.intp]:
        """Indices of the rows that stay to the end, in their order."""
        self.report.generations += 1
        alive, sums = np.arange(len(rows)), np.zeros(len(rows))
        for part, weight in zip(self._parts[:-1], self._weights, strict=False):
            sums[alive] += weight * part.scores(rows[alive])
            stay = max(math.ceil(self.halving.keep * len(alive)), math.ceil(self.halving.margin * survivors))
            alive = np.sort(alive[np.argsort(-sums[alive], kind="stable")[:stay]])
        self.report.left += len(rows) - len(alive)
        return alive

    def _audit(self, rows: Population, stayed: npt.NDArray[np.intp], survivors: int) -> None:
        if not self.halving.audit or self.report.generations % self.halving.audit:
            return
        scores = self._of(row_keys(rows), rows)
        truth = set(np.argsort(-scores, kind="stable")[:survivors].tolist())
        chosen = set(stayed[np.argsort(-scores[stayed], kind="stable")[:survivors]].tolist())
        exchanged = len(truth - chosen)
        self.report.audited += 1
        self.report.changed += exchanged > 0
        self.report.exchanged += exchanged

    def _learn(self, rows: Population) -> None:
        """Score rows to the end: the weighted mean of all parts."""
        parts = np.stack([part.scores(rows) for part in self._parts])
        scores = (self._weights @ np.where(np.isfinite(parts), parts, np.nan)) / self._weights.sum()
        self._record(rows, scores)
        self.run += len(rows)
        self._count()

    def _count(self) -> None:
        self.seconds = sum(part.seconds for part in self._parts)
