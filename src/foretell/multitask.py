"""Regression over several tasks at once: one function of the architecture, and each task's own departure from it.

The model: a label of task t is level_t + scale_t x (f(x) + d_t(x) + noise). The common function f and the departures
d_t are linear in blocks of features whose coefficients are Gaussian; a departure has a share of the common variance. So
it is a Gaussian process over tasks and architectures with linear kernels ("intrinsic coregionalisation"; Bonilla et al.
2008), and the one of `foretell.ridge` where there is one task. Strengths of blocks, the departures' share, the scale of
the task that is asked about and the tasks that are believed at all are not chosen but averaged by their evidence:
strengths and share by that of the other tasks' labels, all of them by what its own labels say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import lgamma

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular

from foretell.machine import blas_threads
from foretell.ridge import standardise

__all__ = ["MultitaskFit", "TaskLabels", "fit_multitask"]

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_DEPARTURES = (0.0, 0.1, 0.3, 1.0)
"""Variances of a task's own departure, as shares of that of the common function."""
_KEPT = 64
"""Models that go on to be averaged; the others' evidence on the other tasks is too small to show."""
_LEVEL = 0.1
"""Variance of other tasks' levels about zero: their labels are standardised, their architectures drawn alike."""
_APART, _WORTH = 9.0, 3
"""Variance of tasks' levels in units of the scale, and how many tasks that is worth beside those that are there: the
next one may be a harder one."""
_FREE_LEVEL = 100.0
"""The same about the own labels' mean, where there are some."""
_BLUR, _UNSEEN_BLUR = 0.35, 0.7
"""The least standard deviation of the logarithm of a task's scale; with a single other task."""
_SCALES = np.linspace(-2.0, 2.0, 9)
# Noise over spread: an inverse gamma of weight two labels, about the share that is noise where training is repeated.
_SHAPE, _RATE = 1.0, 0.15
_RELATED = 0.9
"""Probability, before any label, that another task has to do with this one."""
_SOME = 1e-4
_AT_ONCE = 24
"""Models whose covariances are made at once: as many as a cache holds."""


@dataclass(frozen=True)
class TaskLabels:
    """Labels of one task.

    Attributes:
        blocks: Feature matrices, `[n, p_b]` each; the same blocks in every task.
        values: Labels `[n]`, more is better.
    """

    blocks: Sequence[Array]
    values: Array

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class MultitaskFit:
    """What is believed of the task that was asked about; linear in the features.

    Attributes:
        center: Feature means, `[p]`.
        scale: Feature scales, `[p]`; infinite for features that never varied.
        coefficients: Of standardised features and, last, the level, `[p + 1]`.
        curvature: Their covariance, `[p + 1, p + 1]`.
        noise: Variance of one label about the function.
        trust: How much each other task is believed, `[tasks]`: the weight of the models that use it.
        spread: Standard deviation of labels of this task among random architectures, as far as is known.
    """

    center: Array
    scale: Array
    coefficients: Array
    curvature: Array
    noise: float
    trust: Array
    spread: float

    def predict(self, features: Array, *, level: bool = True) -> tuple[Array, Array]:
        """Mean and standard deviation of new labels, each `[n]`, for features `[n, p]`.

        Args:
            features: Of architectures.
            level: Whether it counts that the level is not known well: not where architectures are compared.
        """
        z = np.hstack([(features - self.center) / self.scale, np.ones((len(features), 1))])
        # A sum along each row, not a matrix product: the same bits whatever else is in the population.
        mean = (z * self.coefficients).sum(axis=1)
        z = z if level else z[:, :-1]
        curvature = self.curvature[: z.shape[1], : z.shape[1]]
        variance = self.noise + np.einsum("np,np->n", z @ curvature, z)
        return mean, np.sqrt(np.maximum(variance, 0.0))


@blas_threads(1)
def fit_multitask(
    others: Sequence[TaskLabels], own: TaskLabels, strengths: Array, chances: Array | None = None
) -> MultitaskFit:
    """Learn a task from its own labels, of which there may be none, and those of others.

    Args:
        others: Other tasks, at least one, each with two labels that differ or more.
        own: The task that is asked about.
        strengths: Ridge strengths of blocks relative to the noise, `[m, blocks]`; infinity switches a block off.
        chances: How probable each of them is before any label, up to a factor, `[m]`; None: all alike.
    """
    problem = _Problem(others, own)
    models = _Models(
        strengths, np.zeros(len(strengths)), np.log(np.ones(len(strengths)) if chances is None else chances)
    )
    chosen = problem.chosen(models)
    average = _Average()
    for believed in problem.believed():
        _add(problem, average, believed, chosen)
    if len(own):
        _add(problem, average, (), problem.alone(models))
    return average.fit(problem)


@dataclass(frozen=True)
class _Models:
    """Strengths `[m, blocks]`, departures `[m]` and the logarithms of what is thought of them before `[m]`."""

    strengths: Array
    departures: Array
    prior: Array

    def take(self, which: Rows) -> _Models:
        return _Models(self.strengths[which], self.departures[which], self.prior[which])


class _Problem:
    """Everybody's labels on one scale, and the kernels of their features."""

    def __init__(self, others: Sequence[TaskLabels], own: TaskLabels) -> None:
        self.tasks, self.own = len(others), own.values
        everybody = [*others, own]
        self.owner = np.repeat(np.arange(len(own.blocks)), [block.shape[1] for block in own.blocks])
        features = np.vstack([np.hstack(list(each.blocks)) for each in everybody])
        self.z, self.center, self.scale = standardise(features)
        self.task = np.repeat(np.arange(len(everybody)), [len(each) for each in everybody])
        levels = np.array([each.values.mean() for each in others])
        spreads = np.array([each.values.std(ddof=1) for each in others])
        self.values = np.concatenate([(e.values - m) / s for e, m, s in zip(others, levels, spreads, strict=True)])
        several = len(others) > 1
        # A label lies where its task lies, however far that is from all other tasks: no coefficient has to explain it.
        self.level = float(own.values.mean() if len(own) else levels.mean())
        self.spread = float(np.exp(np.log(spreads).mean()))
        self.blur = max(_BLUR, float(np.log(spreads).std(ddof=1))) if several else _UNSEEN_BLUR
        apart = float(levels.var(ddof=1)) / self.spread**2 if several else 0.0
        more = len(others) - 1
        self.own_level = _FREE_LEVEL if len(own) else (_WORTH * _APART + more * apart) / (_WORTH + more)

    @cached_property
    def kernels(self) -> Array:
        """Products of rows by block, `[blocks, n, n]`."""
        blocks = range(int(self.owner.max()) + 1)
        return np.stack([self.z[:, self.owner == b] @ self.z[:, self.owner == b].T for b in blocks])

    @cached_property
    def levels(self) -> Array:
        """Variances of levels, `[tasks + 1]`."""
        return np.append(np.full(self.tasks, _LEVEL), self.own_level)

    def rows(self, tasks: Sequence[int]) -> Rows:
        return np.flatnonzero(np.isin(self.task, tasks))

    def covariance(self, models: _Models, rows: Rows) -> Array:
        """Of labels over the noise, `[m, n, n]`."""
        task = self.task[rows]
        same = (task[:, None] == task[None, :]).astype(np.float64)
        common = np.tensordot(1 / models.strengths, self.kernels[:, rows][:, :, rows], axes=1)
        shared: Array = common * (1 + models.departures[:, None, None] * same)
        return shared + same * self.levels[task] + np.eye(len(rows))

    def chosen(self, models: _Models) -> _Models:
        """The models of most evidence on the other tasks' labels, with every departure."""
        count, times = len(models.departures), len(_DEPARTURES)
        departures = np.repeat(_DEPARTURES, count)
        everything = _Models(np.tile(models.strengths, (times, 1)), departures, np.tile(models.prior, times))
        rows = self.rows(range(self.tasks))
        every = np.arange(len(everything.departures))
        parts = [everything.take(every[at : at + _AT_ONCE]) for at in range(0, len(every), _AT_ONCE)]
        evidence = np.concatenate([_evidence(self.covariance(each, rows), self.values[None])[:, 0] for each in parts])
        return everything.take(np.argsort(-evidence - everything.prior, kind="stable")[:_KEPT])

    def alone(self, models: _Models) -> _Models:
        """The models of most evidence on the own labels alone."""
        evidence = _evidence(self.covariance(models, self.rows([self.tasks])), self.scaled(0.0)[None])[:, 0]
        return models.take(np.argsort(-evidence - models.prior, kind="stable")[:_KEPT])

    def believed(self) -> list[tuple[int, ...]]:
        """Sets of other tasks that may be believed: all, and all but one."""
        everybody = tuple(range(self.tasks))
        if len(self.own) == 0 or self.tasks == 1:
            return [everybody]
        return [everybody, *(tuple(each for each in everybody if each != left) for left in everybody)]

    def scaled(self, step: float) -> Array:
        """The own labels, if their spread is so many standard deviations from the others' in its logarithm."""
        scaled: Array = (self.own - self.level) / (self.spread * np.exp(self.blur * step))
        return scaled


class _Average:
    """Models with the logarithms of their weights."""

    def __init__(self) -> None:
        self.weights: list[float] = []
        self.models: list[tuple[Array, float, Array, float]] = []
        self.sets: list[tuple[int, ...]] = []

    def add(self, weight: float, mean: Array, noise: float, cover: Array, scale: float, tasks: tuple[int, ...]) -> None:
        self.weights.append(weight)
        self.models.append((scale * mean, scale**2 * noise, cover, scale))
        self.sets.append(tasks)

    def fit(self, problem: _Problem) -> MultitaskFit:
        weights = np.exp(np.array(self.weights) - max(self.weights))
        weights /= weights.sum()
        heavy = [at for at in np.argsort(-weights) if weights[at] > _SOME * weights.max()]
        mean = np.sum([w * each[0] for w, each in zip(weights, self.models, strict=True)], axis=0)
        noise = float(np.sum([w * each[1] for w, each in zip(weights, self.models, strict=True)]))
        curvature = np.zeros((len(mean), len(mean)))
        for at in heavy:
            own, variance, cover, _ = self.models[at]
            curvature += weights[at] * (variance * cover + np.outer(own - mean, own - mean))
        spread = float(np.exp(np.sum([w * np.log(each[3]) for w, each in zip(weights, self.models, strict=True)])))
        trust = np.array(
            [sum(w for w, s in zip(weights, self.sets, strict=True) if t in s) for t in range(problem.tasks)]
        )
        mean = mean.copy()
        mean[-1] += problem.level
        return MultitaskFit(problem.center, problem.scale, mean, curvature, noise, trust, spread)


def _add(problem: _Problem, average: _Average, believed: tuple[int, ...], models: _Models) -> None:
    """Average the models of a set of other tasks, weighted by their evidence and by what the own labels say to them."""
    others, own = problem.rows(believed), problem.rows([problem.tasks])
    rows = np.concatenate([others, own])
    steps = _SCALES if len(own) else np.zeros(1)
    scales = problem.spread * np.exp(problem.blur * steps)
    known = problem.values[others]
    labels = np.stack([np.concatenate([known, problem.scaled(step)]) for step in steps])
    covariance = problem.covariance(models, rows)
    before = _evidence(covariance[:, : len(others), : len(others)], known[None])[:, 0]
    # The level is as free in any scale.
    after = _evidence(covariance, labels) - (len(own) - 1) * np.log(scales) - steps**2 / 2
    left = problem.tasks - len(believed)
    told = before + models.prior
    prior = told - np.logaddexp.reduce(told) + len(believed) * np.log(_RELATED) + left * np.log(1 - _RELATED)
    weight = prior[:, None] + after - before[:, None] - np.log(np.exp(-(steps**2) / 2).sum())
    inverse = np.linalg.inv(covariance)
    mine = (problem.task[rows] == problem.tasks).astype(np.float64)
    for at in range(len(models.departures)):
        variances = 1 / models.strengths[at][problem.owner]
        seen = (variances[:, None] * problem.z[rows].T) * (1 + models.departures[at] * mine)
        seen = np.vstack([seen, problem.own_level * mine])
        prior_cover = np.diag(np.append(variances * (1 + models.departures[at]), problem.own_level))
        gain = seen @ inverse[at]
        cover = prior_cover - gain @ seen.T
        for column, scale in enumerate(scales):
            misfit = float(labels[column] @ inverse[at] @ labels[column])
            noise = (_RATE + misfit / 2) / (_SHAPE + len(rows) / 2)
            if len(own) == 0:  # nothing else depends on the level, whose variance does not go with the noise
                cover[-1, -1] = problem.own_level / noise
            average.add(float(weight[at, column]), gain @ labels[column], noise, cover, float(scale), believed)


def _evidence(covariance: Array, labels: Array) -> Array:
    """Logarithm of the probability of each row of labels `[k, n]` under covariances over the noise, `[m, k]`."""
    n = labels.shape[1]
    if n == 0:
        return np.zeros((len(covariance), len(labels)))
    lower = np.linalg.cholesky(covariance)
    white = np.stack([solve_triangular(each, labels.T, lower=True, check_finite=False) for each in lower])
    determinant = 2 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    shape = _SHAPE + n / 2
    constant = lgamma(shape) - lgamma(_SHAPE) + _SHAPE * np.log(_RATE) - n / 2 * np.log(2 * np.pi)
    evidence: Array = constant - determinant[:, None] / 2 - shape * np.log(_RATE + (white**2).sum(axis=1) / 2)
    return evidence
