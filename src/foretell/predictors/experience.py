"""What other tasks have taught: a prediction for a new task with no label of it, few, or many."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from foretell.multitask import MultitaskFit, TaskLabels, fit_multitask
from foretell.observations import Observation
from foretell.predictors.base import Prediction, Predictor
from foretell.predictors.context import Context
from foretell.predictors.features import feature_matrix, has_features, regression_blocks
from foretell.predictors.labels import Labels, TooFewLabelsError
from foretell.predictors.records import LOSS, Record, loss_at, shipped_records, task_marks
from foretell.predictors.ridge import Regression
from foretell.spaces import Population, SearchSpace

__all__ = ["Experience"]

Vector = npt.NDArray[np.float64]

_GRID = {
    "log-depths": (0.1, 1.0, np.inf),
    "log-params": (1.0, 10.0, np.inf),
    "averages": (1.0, 3.0, 10.0, 30.0, np.inf),
    "log-averages": (1.0, 3.0, 10.0, 30.0, np.inf),
    "per-layer": (3.0, 30.0, np.inf),
}
_SEEN = (0.03, 0.3, 3.0)
"""Strengths of what was looked at of an architecture itself: a loss on the way, scores on record."""
_FOLDS = 8
_ROWS, _FEWEST = 300, 30
"""Labels of other tasks that are learnt from in all; of each task at least so many, if it has them."""
_RANDOM = 1000
_OUTLIER = 3.0
_NOISE = 0.15
"""Of the standard deviation of labels, how much another seed changes one, where no record tells."""
_TINY = 1e-6


class Experience(Predictor):
    """Learns from labels of other tasks what makes an architecture good, and from those of the task how it differs.

    A regression over tasks (`foretell.multitask`): every task has its own level and scale, a common function of the
    architecture and its own departure from it. Without a label of the task the common function orders its architectures
    and other tasks' levels guess the unit; labels move all of it as far as they justify, and tasks that disagree with
    them lose weight. The features are those of `Regression` and logarithms of its averages. Records of the very space
    are preferred; where there are none, those of another space of the family are read by features relative to each
    space's random architectures.

    Partial trainings of the task count, too: the loss on the way is one more feature, whose weight is learnt from the
    learning curves of other tasks. Where those have none, what is seen goes unused.

    Without records of its family it is `regression`.

    Args:
        context: The surroundings. `records` are the other tasks (None: those that come with foretell), less those that
            share a fingerprint with `judged`, or with the labels.
        scores: Scores on record to look at as well, joined by "+", or "all"; they are standardised within each task.
        disjoint: Whether an architecture's own labels on other tasks are left out when it is predicted, as they must be
            where predictions are judged; None: what the context says.

    Attributes:
        records: Names of the records that it learns from, after `fit`.
    """

    name = "experience"
    minimum = 0
    spread = False
    partial = True

    def __init__(
        self, context: Context | None = None, *, scores: str | None = None, disjoint: bool | None = None
    ) -> None:
        super().__init__(context)
        self.disjoint = self.context.disjoint if disjoint is None else disjoint
        self.scores = scores
        self.records: tuple[str, ...] = ()
        self._parts: list[Observation] = []
        self.full: list[Observation] = []
        self._level = True
        # Shared with copies, which a race fits anew after every training: what other tasks teach stays the same.
        self.fits: dict[Hashable, MultitaskFit] = {}
        self._model: _Model | None = None
        self._alone: Regression | None = None

    def fit(self, observations: Sequence[Observation]) -> Self:
        """Learn from full trainings of the task, and from partial ones of what is to be predicted.

        Raises:
            TooFewLabelsError: No record of other tasks, and fewer labels than `regression` needs.
        EqualLabelsError: No record of other tasks, and labels that do not differ.
        """
        self._parts = [item for item in observations if item.fidelity < 1 and not item.failed]
        self.full = [item for item in observations if item.fidelity == 1 or item.failed]
        super().fit(self.full)
        self._observations = tuple(observations)
        return self

    def _learn(self, labels: Labels) -> None:
        own = task_marks(labels.observations) | task_marks(self._parts) | self.context.judged
        others = self.context.records
        known = shipped_records(self.space) if others is None else others
        sources = _sources(self, [record for record in known if not record.marks & own], labels)
        if not sources:
            self._without_records(labels)
            return
        self._alone = None
        self._model = _Model(self, tuple(sources), labels, tuple(self._parts))
        self.records = tuple(dict.fromkeys(source.record.name for source in sources))
        self.why = self._model.told()

    def _without_records(self, labels: Labels) -> None:
        self._model = None
        if len(labels) < Regression.minimum:
            raise TooFewLabelsError(
                f"no other task of the family of {self.space.name} has {self.metric} on record, so {self.name} needs "
                f"{Regression.minimum} labelled architectures, found {len(labels)}: label more of them, or choose a "
                "metric that the records have."
            )
        self._alone = Regression(self.context).fit(self.full)
        self.why = "no record of another task of this family has the metric: regression on the labels alone"

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        if self._alone is not None:
            said = self._alone.predict(population)
            return self._alone.goodness(said), said.std
        assert self._model is not None  # noqa: S101 - predict() refuses before
        return self._model.predict(population, level=self._level)

    def compare(self, population: Population) -> Prediction:
        """As `predict`, but it does not count how little is known of the task's level."""
        self._level = False
        try:
            return self.predict(population)
        finally:
            self._level = True

    def matrices(self, space: SearchSpace, rows: Population) -> list[tuple[str, Vector]]:
        """Blocks of features of canonical rows of a space, `[n, p]` each, with their names."""
        wanted = [name for each in regression_blocks(space) for name in _with_logarithm(each, space)]
        return [(name, feature_matrix(name, space, rows, self.context, self.columns)) for name in wanted]


def _with_logarithm(name: str, space: SearchSpace) -> tuple[str, ...]:
    both = name == "averages" and has_features("log-averages", space)
    return (name, "log-averages") if both else (name,)


@dataclass(frozen=True)
class _Source:
    """A task that is learnt from.

    Attributes:
        record: Whence.
        population: Of its architectures, in its own space, `[n, columns]`.
        values: Goodness, `[n]`.
        blocks: Features, comparable with those of the task that is predicted, `[n, p_b]` each.
        scores: Scores on record, standardised, `[n, s]`.
        noise: Standard deviation from training to training; None where nothing repeats.
    """

    record: Record
    population: Population
    values: Vector
    blocks: list[Vector]
    scores: Vector
    noise: float | None

    def take(self, kept: npt.NDArray[np.bool_]) -> _Source:
        blocks = [block[kept] for block in self.blocks]
        return replace(
            self,
            population=self.population[kept],
            values=self.values[kept],
            blocks=blocks,
            scores=self.scores[kept],
        )

    def labels(self, values: Vector, seen: Sequence[Vector] = ()) -> TaskLabels:
        """Labels with further blocks, those alone of which everything is known."""
        further = [self.scores] if self.scores.shape[1] else []
        blocks = [*self.blocks, *further, *seen]
        known = np.isfinite(values) & np.all([np.isfinite(block).all(axis=1) for block in blocks], axis=0)
        return TaskLabels([block[known] for block in blocks], values[known])


def _sources(predictor: Experience, records: Sequence[Record], labels: Labels) -> list[_Source]:
    """What can be learnt from records: those of the very space, else of the same shape, else of the family."""
    space, quality = predictor.space, predictor.quality
    names, widths = zip(*((n, m.shape[1]) for n, m in predictor.matrices(space, _random(space)[:2])), strict=True)
    found: dict[int, list[_Source]] = {0: [], 1: [], 2: []}
    for record in records:
        if space.family is None or record.space.family is not space.family:
            continue
        of = record.labels(quality)
        if of is None:
            continue
        blocks, same = _comparable(predictor, record.space, of.population, names, widths)
        scores = _scores(predictor, of.population, record)
        source = _Source(record, of.population, np.asarray(quality.goodness(of.values)), blocks, scores, of.noise)
        found[0 if record.space.fingerprint == space.fingerprint else 1 if same else 2].append(source)
    nearest = next((each for each in found.values() if each), [])
    most = max(_FEWEST, _ROWS // max(len(nearest), 1))
    return [
        source if len(source.values) <= most else source.take(_some(len(source.values), most)) for source in nearest
    ]


def _some(n: int, most: int) -> npt.NDArray[np.bool_]:
    kept = np.zeros(n, dtype=bool)
    kept[np.random.default_rng(0).permutation(n)[:most]] = True
    return kept


def _comparable(
    predictor: Experience, space: SearchSpace, rows: Population, names: Sequence[str], widths: Sequence[int]
) -> tuple[list[Vector], bool]:
    """Features of another space's rows as they would be in this one, and whether its networks have the same genes.

    Blocks that the other space has in another width say nothing, and are at the means.
    """
    own, theirs = predictor.space, dict(predictor.matrices(space, rows))
    blocks, same = [], True
    if space.fingerprint == own.fingerprint:
        return [theirs[name] for name in names], True
    here = dict(predictor.matrices(own, _random(own)))
    there = dict(predictor.matrices(space, _random(space)))
    for name, width in zip(names, widths, strict=True):
        if name not in theirs or theirs[name].shape[1] != width:
            same = False
            blocks.append(np.repeat(here[name].mean(axis=0)[None], len(rows), axis=0))
            continue
        spread = there[name].std(axis=0)
        relative = (theirs[name] - there[name].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        blocks.append(here[name].mean(axis=0) + relative * here[name].std(axis=0))
    return blocks, same


def _random(space: SearchSpace) -> Population:
    return space.canonical(space.sample(_RANDOM, np.random.default_rng(0)))


def _scores(predictor: Experience, rows: Population, record: Record | None) -> Vector:
    """Scores on record of a task, standardised over what is known of it, `[n, s]`."""
    if predictor.scores is None:
        return np.empty((len(rows), 0))
    columns = predictor.columns
    if record is not None:
        columns = type(columns).of(record.observations, predictor.metric)
    wanted = list(predictor.columns.scores) if predictor.scores == "all" else predictor.scores.split("+")
    found = []
    for name in wanted:
        everything = np.array(list(columns.scores.get(name, {}).values()) or [np.nan], dtype=np.float64)
        spread = float(everything.std()) or 1.0
        values = columns.lookup(name, rows) if name in columns.scores else np.full(len(rows), np.nan)
        found.append(predictor.quality.goodness((values - everything.mean()) / spread))
    return np.stack(found, axis=1) if found else np.empty((len(rows), 0))


@dataclass(frozen=True)
class _Model:
    """A fitted experience: regressions over tasks, one for each state of knowledge that is asked for."""

    predictor: Experience
    sources: tuple[_Source, ...]
    labels: Labels
    parts: tuple[Observation, ...]

    # ---- what is known of the task itself

    @cached_property
    def blocks(self) -> list[Vector]:
        return self.features(self.labels.population)

    def features(self, rows: Population) -> list[Vector]:
        """Of rows of the task's own space, scores on record included."""
        blocks = [matrix for _, matrix in self.predictor.matrices(self.predictor.space, rows)]
        scores = _scores(self.predictor, rows, None)
        return [*blocks, scores] if scores.shape[1] else blocks

    def strengths(self, seen: int = 0) -> Vector:
        names = [name for name, _ in self.predictor.matrices(self.predictor.space, self.labels.population[:0])]
        grids: list[Sequence[float]] = [_GRID[name] for name in names]
        if self.sources[0].scores.shape[1]:
            grids.append(_SEEN)
        grids += [_SEEN] * seen
        return np.array(list(itertools.product(*grids)), dtype=np.float64)

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """How far partial trainings went, in order, as far as other tasks' curves tell the loss there."""
        return tuple(
            share
            for share in sorted({item.fidelity for item in self.parts if LOSS in item.metrics})
            if any(np.isfinite(s.record.losses(s.population, share)).sum() > 2 for s in self.sources)
        )

    # ---- fits

    def _fitted(self, others: Sequence[TaskLabels], own: TaskLabels, seen: int) -> MultitaskFit:
        """The regression on these labels, from the shelf if it was asked for before."""
        parts = (part for each in (*others, own) for part in (*each.blocks, each.values))
        key = tuple(np.ascontiguousarray(part).tobytes() for part in parts)
        if key not in self.predictor.fits:
            self.predictor.fits[key] = fit_multitask(others, own, self.strengths(seen))
        return self.predictor.fits[key]

    def _without(self, fold: int | None) -> list[_Source]:
        """Sources without the architectures of a fold."""
        if fold is None:
            return list(self.sources)
        kept = [source.take(np.array([_fold(row) != fold for row in source.population])) for source in self.sources]
        return [each for each in kept if len(each.values) > 1 and float(np.ptp(each.values)) > 0]

    def fit(self, share: float | None, fold: int | None) -> MultitaskFit:
        """The regression that looks at the loss after a share of the training, or at none.

        Args:
            share: Which; None: none.
            fold: Whose architectures' labels on other tasks are left out; None: nobody's.
        """
        sources, values = self._without(fold), self.labels.values
        if share is None:
            return self._fitted([s.labels(s.values) for s in sources], TaskLabels(self.blocks, values), 0)
        others = [s.labels(s.values, [_standard_losses(s, share)]) for s in sources]
        losses = np.array([self.seen[share].get(row.tobytes(), np.nan) for row in self.labels.population])
        known = np.isfinite(losses)
        own = TaskLabels([*(b[known] for b in self.blocks), losses[known, None]], values[known])
        return self._fitted([each for each in others if len(each) > 2], own, 1)

    @cached_property
    def seen(self) -> dict[float, dict[bytes, float]]:
        """By share, losses of the task's trainings after it, more is better, on the scale of random architectures.

        Offset and scale are set so that the losses lie and spread as is expected of these very architectures: those
        that are still racing are better than random ones, and alike.
        """
        found: dict[float, dict[bytes, float]] = {}
        before: float | None = None
        for share in self.shares:
            found[share] = self._seen(share, before, found.get(before or 0.0, {}))
            before = share
        return found

    def _seen(self, share: float, before: float | None, earlier: dict[bytes, float]) -> dict[bytes, float]:
        losses: dict[bytes, list[float]] = {}
        for item in (*self.parts, *self.predictor.full):
            if (loss := loss_at(item, share)) is not None:
                losses.setdefault(item.architecture.row.tobytes(), []).append(-loss)
        rows = np.stack([np.frombuffer(key, dtype=self.labels.population.dtype) for key in losses])
        values = _without_outliers(np.array([np.mean(each) for each in losses.values()]))
        known = np.array([earlier.get(key, np.nan) for key in losses])
        mean, variance = np.empty(len(rows)), np.empty(len(rows))
        folds = self._folds(rows)
        for fold in sorted(set(folds), key=_order):
            at = np.array([each == fold for each in folds])
            mean[at], variance[at] = self._expected(share, before, rows[at], known[at], fold)
        found = float(values.std())
        if len(values) > 1 and found > 0:
            spread = float(np.sqrt(mean.var() + variance.mean()))
            mean = mean.mean() + (values - values.mean()) * spread / found
        return dict(zip(losses, mean.tolist(), strict=True))

    def _expected(
        self, share: float, before: float | None, rows: Population, earlier: Vector, fold: int | None
    ) -> tuple[Vector, Vector]:
        """What other tasks make one expect of losses, each `[n]`: by what was seen of them before, where it was."""
        first = before if before is not None and bool(np.isfinite(earlier).all()) else None
        others = []
        for source in self._without(fold):
            further = [] if first is None else [_standard_losses(source, first)]
            labels = source.labels(_standard_losses(source, share)[:, 0], further)
            if len(labels) > 2 and float(np.ptp(labels.values)) > 0:
                others.append(labels)
        nothing = TaskLabels([block[:0] for block in others[0].blocks], np.empty(0))
        features = [*self.features(rows), *([] if first is None else [earlier[:, None]])]
        fitted = self._fitted(others, nothing, int(first is not None))
        mean, std = fitted.predict(np.hstack(features), level=False)
        return mean, std**2

    # ---- predictions

    def predict(self, rows: Population, *, level: bool = True) -> tuple[Vector, Vector]:
        """Goodness and its standard deviation, each `[n]`; with or without what is not known of the task's level."""
        mean, std = np.empty(len(rows)), np.empty(len(rows))
        features, keys = self.features(rows), [row.tobytes() for row in rows]
        folds, reach = self._folds(rows), self._reach(keys)
        for fold, share in sorted(set(zip(folds, reach, strict=True)), key=lambda each: (_order(each[0]), each[1])):
            at = np.array([each == (fold, share) for each in zip(folds, reach, strict=True)])
            blocks = [block[at] for block in features]
            if share:
                blocks.append(np.array([[self.seen[share][key]] for key, yes in zip(keys, at, strict=True) if yes]))
            mean[at], std[at] = self.fit(share or None, fold).predict(np.hstack(blocks), level=level)
        return self._with_labels(keys, mean, std)

    def _folds(self, rows: Population) -> list[int | None]:
        """Of each row, what is left out: the fold that it is in, where other tasks know it and that may not count."""
        if not self.predictor.disjoint:
            return [None] * len(rows)
        told = {row.tobytes() for source in self.sources for row in source.population}
        return [_fold(row) if row.tobytes() in told else None for row in rows]

    def _reach(self, keys: Sequence[bytes]) -> list[float]:
        """How far each architecture's loss is known, `[n]`; 0 where it is not."""
        return [max((share for share in self.shares if key in self.seen[share]), default=0.0) for key in keys]

    def _with_labels(self, keys: Sequence[bytes], mean: Vector, std: Vector) -> tuple[Vector, Vector]:
        """Architectures that have a label are, beyond their features, partly what it says."""
        own = {row.tobytes(): value for row, value in zip(self.labels.population, self.labels.values, strict=True)}
        for at, key in enumerate(keys):
            if key in own and std[at] > 0:
                share = max(1 - self._noise**2 / std[at] ** 2, 0.0)
                mean[at] += share * (own[key] - mean[at])
                std[at] = np.sqrt(max(share, _TINY)) * self._noise
        return mean, std

    @cached_property
    def _noise(self) -> float:
        """How much a label varies from training to training: as labels tell or, by their spread, other tasks."""
        if self.labels.noise is not None:
            return self.labels.noise
        told = [s.noise / float(s.values.std(ddof=1)) for s in self.sources if s.noise is not None]
        return (float(np.mean(told)) if told else _NOISE) * self.fit(None, None).spread

    def told(self) -> str:
        """What it learnt from, and how much it believes each."""
        fitted = self.fit(None, None)
        names = [source.record.name for source in self.sources]
        parts = [f"{name} ({trust:.0%})" for name, trust in zip(names, fitted.trust, strict=True)]
        return f"learnt from {', '.join(parts)}"


def _standard_losses(source: _Source, share: float) -> Vector:
    """Losses after a share of the training, more is better, standardised within the task, `[n, 1]`; NaN: unknown."""
    losses = -source.record.losses(source.population, share)
    known = losses[np.isfinite(losses)]
    if len(known) < 3 or float(known.std()) == 0:
        return np.full((len(losses), 1), np.nan)
    return ((losses - known.mean()) / known.std(ddof=1))[:, None]


def _without_outliers(values: Vector) -> Vector:
    """Values no further from their median than three robust deviations: one that diverges must not hide the others."""
    middle = np.median(values)
    reach = _OUTLIER * 1.4826 * float(np.median(np.abs(values - middle)))
    return np.clip(values, middle - reach, middle + reach) if reach > 0 else values


def _order(fold: int | None) -> int:
    return -1 if fold is None else fold


def _fold(row: npt.NDArray[Any]) -> int:
    """Which part of all architectures one belongs to, whatever else is there."""
    return zlib.crc32(np.ascontiguousarray(row).tobytes()) % _FOLDS
