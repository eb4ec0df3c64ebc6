"""Whatever is available, compared on the labels alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.predictors.base import Predictor
from foretell.predictors.blend import Blend
from foretell.predictors.calibrated import Calibrated
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.predictors.leave_one_out import fit_held_out, fresh, held_out
from foretell.predictors.power_law import PowerLaw
from foretell.predictors.ridge import Regression
from foretell.predictors.trivial import Column, Constant
from foretell.spaces import Population

__all__ = ["Auto", "Candidate"]

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """One way to predict, as judged on the labels.

    Attributes:
        name: The predictor.
        price: What one score costs, see `Predictor.price`.
        error: Leave-one-out root mean squared error in the metric's unit.
        excess: How much larger its mean squared error is than the best one's, in standard errors of that
            difference.
        sources: How many independent sources it joins.
    """

    name: str
    price: int
    error: float
    excess: float
    sources: int


class Auto(Predictor):
    """Tries what is there and keeps the cheapest that the labels cannot tell from the best.

    The sources: the regression on the genes (in a space without a family the power law with a Gaussian process,
    which published tables prefer, docs/predictors.md; it sees scores in a unit of their own as well); the consensus
    (median) of all recorded scores, each calibrated; and every predictor handed in. Scores in a unit of their own
    (zero-cost proxies, supernets) are none of them: most are worth nothing, and so is a median over them; hand in
    the one that you trust. The candidates: each source, the mean of all of them, and the constant. Each is refitted
    without one label at a time. Of those whose squared error is within one standard error of the best one's, the
    cheapest to ask stays; among equally cheap ones the mean of all sources, because sources that ten labels cannot
    tell apart still err independently; then the smaller error.

    A source needs one label more than it takes to fit it, or nothing can be said of it. With so few labels that no
    source can be judged, one that needs no regression is taken on trust, and where there is none the constant.

    Args:
        inner: Further sources, such as a supernet; they are calibrated first.
        context: The surroundings.
        scores: Whether recorded scores may be used.

    Attributes:
        candidates: All that were tried, after `fit`.
        chosen: The name of the one that stayed; `why` says for what reason.
    """

    name = "auto"
    minimum = 2

    def __init__(self, inner: Sequence[Predictor] = (), context: Context | None = None, *, scores: bool = True) -> None:
        super().__init__(context)
        self.inner, self.scores = list(inner), scores
        self.price = max((each.price for each in inner), default=0)
        self.candidates: tuple[Candidate, ...] = ()
        self.chosen = ""

    def _sources(self, labels: Labels) -> list[Predictor]:
        sources: list[Predictor] = [self._basic()]
        complete = [
            Calibrated(Column(name, self.context), self.context)
            for name in (self.columns.scores if self.scores else ())
            if not np.isnan(self.columns.lookup(name, labels.population)).any()
        ]
        if len(complete) > 1:
            consensus = Blend(complete, self.context, how="median")
            consensus.name = f"the consensus of {len(complete)} recorded scores"
            sources.append(consensus)
        else:
            sources += complete
        return sources + [Calibrated(each, self.context) for each in self.inner]

    def _basic(self) -> Predictor:
        """What looks at genes and costs alone, or at what is on record in a space that nobody knows more of."""
        return Regression(self.context) if self.space.family else PowerLaw(self.context, scores=self.scores)

    def _learn(self, labels: Labels) -> None:
        everything, n = self._sources(labels), len(labels)
        sources = [each for each in everything if each.minimum < n]
        if not sources:
            self._fallback = self._alone(n).fit(labels.observations)
            self._trust(everything, labels)
            return
        left_out = [each.name for each in everything if each not in sources]
        judged = [_unseen(each, labels) for each in sources]
        sources, held = [each for each, _ in judged], [unseen for _, unseen in judged]
        self._fallback = sources[0] if isinstance(sources[0], PowerLaw) else self._alone(n).fit(labels.observations)
        tried = [([each], scores) for each, scores in zip(sources, held, strict=True)]
        if len(sources) > 1:
            tried.append((sources, np.mean(held, axis=0)))
        others = (labels.values.sum() - labels.values) / (n - 1)
        tried.append(([Constant(self.context)], others))
        self.candidates = tuple(_judge(tried, labels.values))
        index = self._choose()
        self._members = [
            each if isinstance(each, PowerLaw) else fresh(each).fit(labels.observations) for each in tried[index][0]
        ]
        if left_out:
            self.why += f" {n} labels are too few to judge {', '.join(left_out)}."
        self._std = self.candidates[index].error * float(np.sqrt((n - 1) / max(n - 3, 1)))

    def _alone(self, labels: int) -> Predictor:
        """What has an opinion of every architecture, recorded score or not."""
        basic = self._basic()
        return basic if labels >= basic.minimum else Constant(self.context)

    def _trust(self, sources: Sequence[Predictor], labels: Labels) -> None:
        """Take what so few labels can be fitted to, as none of it can be judged on them."""
        able = [each for each in sources if each.minimum <= len(labels)] or [Constant(self.context)]
        self._members = [able[0].fit(labels.observations)]
        self.candidates, self.chosen = (), able[0].name
        self._std = float(labels.values.std(ddof=1)) * float(np.sqrt(1 + 1 / len(labels)))
        self.why = f"{self.chosen} is taken on trust: {len(labels)} labels are too few to compare anything."

    def _choose(self) -> int:
        """Index of the candidate that stays; sets `chosen` and `why`."""
        best = min(self.candidates, key=lambda each: each.error)
        near = [each for each in self.candidates if each.excess <= 1.0]
        stays = min(near, key=lambda each: (each.price, -each.sources, each.error))
        self.chosen = stays.name
        found = f"leave-one-out error {stays.error:.3f} on {self.labels} labels"
        if stays is best:
            self.why = f"{stays.name} has the smallest {found}."
        else:
            reason = "cheaper" if stays.price < best.price else "a mean of more sources"
            self.why = (
                f"{stays.name} ({found}) is within one standard error of {best.name} ({best.error:.3f}) and {reason}."
            )
        return self.candidates.index(stays)

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        said = [each.predict(population) for each in self._members]
        mean = np.mean([each.goodness(one) for each, one in zip(self._members, said, strict=True)], axis=0)
        std = np.full(len(population), self._std)
        own = said[0].std
        if isinstance(self._members[0], PowerLaw) and len(said) == 1 and own is not None:
            std = np.where(np.isnan(own), std, own)  # a posterior knows where it is sure
        lacking = np.isnan(mean)
        if lacking.any():
            # No recorded score: the regression still has an opinion, and its own, wider, interval.
            alone = self._fallback.predict(population[lacking])
            mean[lacking] = self._fallback.goodness(alone)
            if alone.std is not None:
                std[lacking] = alone.std
        return mean, std


def _unseen(source: Predictor, labels: Labels) -> tuple[Predictor, Vector]:
    """A source, fitted where that is all it takes, and what it says of each label without having seen it, `[n]`."""
    if isinstance(source, PowerLaw):
        return fit_held_out(source, labels.observations)
    return source, held_out(source, labels.observations)


def _judge(tried: Sequence[tuple[list[Predictor], Vector]], values: Vector) -> list[Candidate]:
    squares = np.stack([(values - scores) ** 2 for _, scores in tried])
    means = squares.mean(axis=1)
    apart = squares - squares[means.argmin()]
    standard_error = apart.std(axis=1, ddof=1) / np.sqrt(len(values))
    excess = apart.mean(axis=1) / np.maximum(standard_error, 1e-12)
    return [
        Candidate(
            " + ".join(each.name for each in members),
            max(each.price for each in members),
            float(np.sqrt(mean)),
            float(over),
            len(members),
        )
        for (members, _), mean, over in zip(tried, means, excess, strict=True)
    ]
