"""What other tasks' labels and learning curves, and those of the task at hand, make one believe of architectures."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.multitask import MultitaskFit, TaskLabels, fit_multitask
from foretell.observations import Observation
from foretell.outliers import clip_outliers
from foretell.predictors.experience_sources import SHAPE, Source, View, scores_of
from foretell.predictors.labels import Labels
from foretell.predictors.records import LOSS, loss_at
from foretell.spaces import Population

__all__ = ["ExperienceModel"]

Vector = npt.NDArray[np.float64]

_GRID = {
    "log-depths": (0.1, 1.0, np.inf),
    "log-params": (1.0, 10.0, np.inf),
    "averages": (1.0, 3.0, 10.0, 30.0, np.inf),
    "log-averages": (3.0, 30.0, np.inf),
    "per-layer": (3.0, 30.0, np.inf),
    "shape-products": (3.0, 10.0, np.inf),
}
_TOGETHER = 0.1
"""Chance that sizes have to go together, before any label: few labels may seem to need a block of many features."""
_SEEN = (0.03, 0.3, 3.0)
"""Strengths of what was looked at of an architecture itself: a loss on the way, scores on record."""
_FOLDS = 8
_NOISE = 0.15
"""Of the standard deviation of labels, how much another seed changes one, where no record tells."""
_TINY = 1e-6


@dataclass(frozen=True)
class ExperienceModel:
    """Regressions over tasks, one for each state of knowledge that is asked for.

    Attributes:
        view: What is looked at of architectures.
        sources: Other tasks.
        labels: Of the task, in goodness.
        full: Its full trainings.
        parts: Its partial trainings.
        disjoint: Whether an architecture's own labels on other tasks are left out when it is predicted.
        shelf: Fits that were made before, by what they were made of; a race asks for the same ones again and again.
    """

    view: View
    sources: tuple[Source, ...]
    labels: Labels
    full: tuple[Observation, ...]
    parts: tuple[Observation, ...]
    disjoint: bool
    shelf: dict[Hashable, MultitaskFit]

    # ---- what is known of the task itself

    @cached_property
    def blocks(self) -> list[Vector]:
        """Features of the labelled architectures, `[n, p_b]` each."""
        return self.features(self.labels.population)

    def features(self, rows: Population) -> list[Vector]:
        """Of rows of the task's own space, scores on record included."""
        blocks = [matrix for _, matrix in self.view.matrices(self.view.space, rows)]
        scores = scores_of(self.view, rows, None)
        return [*blocks, scores] if scores.shape[1] else blocks

    def strengths(self, seen: int = 0) -> Vector:
        """Every combination of strengths, `[m, blocks]`, with so many blocks of losses at the end."""
        names = [name for name, _ in self.view.matrices(self.view.space, self.labels.population[:0])]
        grids: list[Sequence[float]] = [_GRID[name] for name in names]
        if self.sources[0].scores.shape[1]:
            grids.append(_SEEN)
        grids += [_SEEN] * seen
        return np.array(list(itertools.product(*grids)), dtype=np.float64)

    def chances(self, strengths: Vector) -> Vector:
        """How probable each combination is before any label, up to a factor, `[m]`."""
        names = [name for name, _ in self.view.matrices(self.view.space, self.labels.population[:0])]
        on = [np.isfinite(strengths[:, at]) for at, name in enumerate(names) if name == SHAPE]
        return np.prod([np.where(each, _TOGETHER, 1 - _TOGETHER) for each in on], axis=0) * np.ones(len(strengths))

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
        if key not in self.shelf:
            strengths = self.strengths(seen)
            self.shelf[key] = fit_multitask(others, own, strengths, self.chances(strengths))
        return self.shelf[key]

    def _without(self, fold: int | None) -> list[Source]:
        """Sources without the architectures of a fold."""
        if fold is None:
            return list(self.sources)
        kept = [source.take(np.array([_fold(row) != fold for row in source.population])) for source in self.sources]
        return [each for each in kept if len(each.values) > 1 and float(np.ptp(each.values)) > 0]

    def fit(self, share: float | None, fold: int | None) -> MultitaskFit | None:
        """The regression that looks at the loss after a share of the training, or at none; None: nothing to learn from.

        Args:
            share: Which; None: none.
            fold: Whose architectures' labels on other tasks are left out; None: nobody's.
        """
        sources, values = self._without(fold), self.labels.values
        if share is None:
            others = [s.labels(s.values) for s in sources]
            return self._fitted(others, TaskLabels(self.blocks, values), 0) if others else None
        others = [s.labels(s.values, [_standard_losses(s, share)]) for s in sources]
        others = [each for each in others if _teaches(each)]
        if not others:
            return None
        losses = np.array([self.seen[share].get(row.tobytes(), np.nan) for row in self.labels.population])
        known = np.isfinite(losses)
        own = TaskLabels([*(b[known] for b in self.blocks), losses[known, None]], values[known])
        return self._fitted(others, own, 1)

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
        for item in (*self.parts, *self.full):
            if (loss := loss_at(item, share)) is not None:
                losses.setdefault(item.architecture.row.tobytes(), []).append(-loss)
        rows = np.stack([np.frombuffer(key, dtype=self.labels.population.dtype) for key in losses])
        values = clip_outliers(np.array([np.mean(each) for each in losses.values()]))
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
            if _teaches(labels):
                others.append(labels)
        if not others:
            return np.zeros(len(rows)), np.ones(len(rows))
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
            fitted = self.fit(share, fold) if share else None
            if fitted is not None:
                blocks.append(np.array([[self.seen[share][key]] for key, yes in zip(keys, at, strict=True) if yes]))
            fitted = fitted or self.fit(None, fold)
            if fitted is None:
                mean[at] = std[at] = np.nan
            else:
                mean[at], std[at] = fitted.predict(np.hstack(blocks), level=level)
        return self._with_labels(keys, mean, std)

    def _folds(self, rows: Population) -> list[int | None]:
        """Of each row, what is left out: the fold that it is in, where other tasks know it and that may not count."""
        if not self.disjoint:
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
        return (float(np.mean(told)) if told else _NOISE) * self._whole.spread

    @cached_property
    def _whole(self) -> MultitaskFit:
        """Without a loss, from everything that there is."""
        fitted = self.fit(None, None)
        assert fitted is not None  # noqa: S101 - there is a source
        return fitted

    def told(self) -> str:
        """What it learnt from, and how much it believes each."""
        names = [source.record.name for source in self.sources]
        parts = [f"{name} ({trust:.0%})" for name, trust in zip(names, self._whole.trust, strict=True)]
        return f"learnt from {', '.join(parts)}"


def _standard_losses(source: Source, share: float) -> Vector:
    """Losses after a share of the training, more is better, standardised within the task, `[n, 1]`; NaN: unknown."""
    losses = -source.record.losses(source.population, share)
    known = losses[np.isfinite(losses)]
    if len(known) < 3 or float(known.std()) == 0:
        return np.full((len(losses), 1), np.nan)
    return ((losses - known.mean()) / known.std(ddof=1))[:, None]


def _teaches(labels: TaskLabels) -> bool:
    """Whether there are a few labels, and not all alike."""
    return len(labels) > 2 and float(np.ptp(labels.values)) > 0


def _order(fold: int | None) -> int:
    return -1 if fold is None else fold


def _fold(row: npt.NDArray[Any]) -> int:
    """Which part of all architectures one belongs to, whatever else is there."""
    return zlib.crc32(np.ascontiguousarray(row).tobytes()) % _FOLDS
