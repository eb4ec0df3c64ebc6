"""A power law in size and data, and a Gaussian process on what it leaves: the default of spaces without a family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.gaussian_process import FittedProcess, Part, fit_process
from foretell.metrics import Metric
from foretell.predictors.base import Predictor
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.predictors.sight import Sight
from foretell.spaces import Population

__all__ = ["LogParams", "PowerLaw"]

Array = npt.NDArray[np.float64]
Residual = Literal["gp", "ridge", "none"]
_Kind = Literal["linear", "smooth", "rough"]

_EXPONENTS = (0.0, 0.3)
"""Of size and data; 0 is the logarithm. Published scaling laws lie around 0.3."""

_POWERS = (0.0, -1.0, -2.0)
"""Of the distance to the best there can be."""

_DETAILS = 3.0
"""How many e-folds likelier it is beforehand that genes matter beyond size: ten labels would not say so."""

_MOST_COMPARED = 300
_LIGHT = 1e-3

# Prior variances, in variances of the labels: what tables of the most different kinds agree on (docs/predictors.md).
_BLOCKS: tuple[tuple[str, tuple[tuple[_Kind, float], ...]], ...] = (
    ("law", (("linear", 1.0),)),
    ("main", (("linear", 0.3), ("smooth", 0.1))),
    ("counts", (("linear", 0.1), ("smooth", 0.1))),
    ("globals", (("linear", 1.0), ("smooth", 0.3))),
    ("totals", (("linear", 0.05), ("smooth", 0.05))),
    ("layers", (("linear", 0.03), ("rough", 0.03))),
    ("cells", (("linear", 0.3), ("smooth", 0.3))),
    ("scores", (("linear", 1.0), ("smooth", 0.3))),
)
_SIZE = ("law", "main", "counts")


class PowerLaw(Predictor):
    """A power law in size and data as the mean function, and a Gaussian process or a ridge on the rest.

    Size is the parameters (and FLOPs) in closed form or on record; data are genes that span a factor of thirty, such as
    tokens. The rest are the genes: those that are chosen once, totals and shares of those that are chosen for each
    layer, each layer, paths where they are a cell, and scores on record. Sixteen models are averaged by their evidence:
    labels as they are or as the logarithm or a power of their distance to the best there can be, exponent 0 or 0.3,
    with and without genes.
    It has a posterior, so it says how sure it is, and leave-one-out predictions without a refit.

    Args:
        context: The surroundings.
        residual: "gp", "ridge" (nothing but what is linear in the features) or "none" (the law alone).
        scores: Whether scores on record are used, those in a unit of their own as well.
        costs: Whether costs on record are used.
        exponent: Of the law in size and data; 0 for the logarithm; None: 0 and 0.3, averaged.
    """

    name = "power-law"
    minimum = 3

    def __init__(
        self,
        context: Context | None = None,
        *,
        residual: Residual = "gp",
        scores: bool = True,
        costs: bool = True,
        exponent: float | None = None,
    ) -> None:
        super().__init__(context)
        if residual not in ("gp", "ridge", "none"):
            raise InputError(f"power-law has the residual {residual!r}; expected gp, ridge or none.")
        if exponent is not None and not 0 <= exponent <= 2:
            raise InputError(f"power-law has the exponent {exponent}; expected 0 to 2.")
        self.residual, self.scores, self.costs = residual, scores, costs
        self._exponents = _EXPONENTS if exponent is None else (exponent,)

    def _learn(self, labels: Labels) -> None:
        order = np.lexsort(labels.population.T[::-1])
        rows, values = labels.population[order], labels.values[order]
        columns = self.columns if self.costs else Columns(self.columns.scores, {}, self.columns.own_unit)
        if not self.scores:
            columns = Columns({}, columns.costs, {})
        sight = Sight.of(self.space, columns, self.context, rows)
        if self.residual == "none" and not sight.has_size:
            raise InputError(
                "power-law(residual=none) needs parameters or FLOPs on record, or tokens among the genes; there are "
                f"{', '.join(self.columns.names) or 'none'}."
            )
        self._mixture = self._mixed(sight, rows, values)
        self._blind: _Mixture | None = None
        if sight.needs_record:
            bare = Sight.of(self.space, Columns(), self.context, rows)
            if self.residual != "none" or bare.has_size:
                self._blind = self._mixed(bare, rows, values)
        self.held_out = np.empty(len(values))
        self.held_out[order] = self._mixture.unseen

    def _mixed(self, sight: Sight, rows: Population, values: Array) -> _Mixture:
        return _Mixture.fit(sight, rows, values, self.quality, self.residual, self._exponents)

    def _score(self, population: Population) -> tuple[Array, Array | None]:
        mean, std = self._mixture.predict(population)
        lacking = np.isnan(mean)
        if lacking.any() and self._blind is not None:
            mean[lacking], std[lacking] = self._blind.predict(population[lacking])
        return mean, std


class LogParams(PowerLaw):
    """A line in the logarithm of the parameters (and of data, where there are any): no architecture, only size."""

    name = "log-params"

    def __init__(self, context: Context | None = None) -> None:
        super().__init__(context, residual="none", exponent=0.0)


@dataclass(frozen=True)
class _Warp:
    """Goodness turned so that a process fits it better, and back: Box and Cox's powers of the distance to the best.

    A space's worst architectures lie many times as far from the best as the rest do, and a process would spend itself
    on them: the lower the power, the less room they get.

    Attributes:
        bound: The best that there can be; None: nothing is turned.
        power: Of the distance; 0 for its logarithm.
        worst: The largest distance of a label.
    """

    bound: float | None
    power: float = 0.0
    worst: float = 1.0

    def forth(self, goodness: Array) -> Array:
        if self.bound is None:
            return goodness
        return self._turned(self.bound - goodness)

    def _turned(self, distance: Array) -> Array:
        return -np.log(distance) if self.power == 0 else (1 - distance**self.power) / self.power

    def back(self, turned: Array, std: Array) -> tuple[Array, Array]:
        """Medians and about the standard deviations of goodness."""
        if self.bound is None:
            return turned, std
        if self.power == 0:
            distance = np.exp(-turned)
            return self.bound - distance, distance * std
        end = float(self._turned(np.array(self.worst)))
        distance = np.maximum(1 - self.power * np.maximum(turned, end), 1e-12) ** (1 / self.power)
        slope = distance ** (1 - self.power)
        # Powers below 0 come to an end; whatever lies beyond the worst label is at most twice as far, in its order.
        beyond = np.maximum(end - turned, 0.0) / self.worst**self.power
        return self.bound - distance * (1 + beyond / (1 + beyond)), slope * std

    def density(self, goodness: Array) -> float:
        """Log of how much the turning spreads the labels: what makes evidences comparable."""
        return 0.0 if self.bound is None else float((self.power - 1) * np.log(self.bound - goodness).sum())

    @classmethod
    def choices(cls, metric: Metric, goodness: Array) -> list[_Warp]:
        """None, and powers of the distance to the best value where that is known or can be guessed."""
        bound = _best_possible(metric, goodness)
        if bound is None or not (goodness < bound).all():
            return [cls(None)]
        return [cls(None), *(cls(bound, power, float(bound - goodness.min())) for power in _POWERS)]


def _best_possible(metric: Metric, goodness: Array) -> float | None:
    """In goodness: the metric's own bound; else 0 for what falls, 1 or 100 for what looks like a share."""
    own = metric.high if metric.higher_is_better else -metric.low
    if np.isfinite(own):
        return own
    if goodness.max() < 0:
        return 0.0
    if goodness.min() < 0 or goodness.max() > 100:
        return None
    return 1.0 if goodness.max() <= 1 else 100.0


@dataclass(frozen=True)
class _Mixture:
    """Processes on the same labels, weighted by their evidence."""

    sight: Sight
    members: tuple[tuple[float, _Warp, FittedProcess, float, tuple[str, ...]], ...]
    unseen: Array

    @classmethod
    def fit(
        cls,
        sight: Sight,
        rows: Population,
        values: Array,
        metric: Metric,
        residual: Residual,
        exponents: tuple[float, ...],
    ) -> _Mixture:
        """Compare the models on at most a few hundred labels, and fit those that count to all of them."""
        some = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_COMPARED)).astype(np.intp)
        exponents = exponents if sight.has_size else (0.0,)
        blocks = sight.blocks(rows, exponents)
        tried: list[_Tried] = []
        warps = _Warp.choices(metric, values)
        for exponent, names in product(exponents, reversed(_models(sight, residual))):
            found = [_tried(blocks[exponent], names, residual, exponent, warp, values, some) for warp in warps]
            if not tried:
                # Enough labels tell at once how they are best turned; the other models need not be asked again.
                best = max(each.evidence for each in found)
                warps = [each.warp for each in found if each.evidence > best + np.log(_LIGHT)]
            tried += found
        best = max(each.evidence for each in tried)
        raw = [float(np.exp(each.evidence - best)) for each in tried]
        # With so many labels all agree; one is enough, and costs one factorisation.
        least = 1.0 if len(some) < len(rows) else _LIGHT
        kept = [(w, each) for w, each in zip(raw, tried, strict=True) if w >= least]
        total = sum(weight for weight, _ in kept)
        members, unseen = [], np.zeros(len(rows))
        for weight, each in kept:
            fitted = each.fitted.on(each.x, each.turned) if len(some) < len(rows) else each.fitted
            members.append((weight / total, each.warp, fitted, each.exponent, each.names))
            unseen += weight / total * each.warp.back(fitted.unseen, fitted.unseen)[0]
        return cls(sight, tuple(members), unseen)

    def predict(self, rows: Population) -> tuple[Array, Array]:
        """Mean and standard deviation of goodness, each `[n]`; NaN where something is not on record."""
        means, variances, weights = [], [], []
        blocks = self.sight.blocks(rows, {each[3] for each in self.members})
        for weight, warp, fitted, exponent, names in self.members:
            x, _ = _features(blocks[exponent], names, "gp")
            known = ~np.isnan(x).any(axis=1)
            mean, std = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
            if known.any():
                mean[known], std[known] = warp.back(*fitted.predict(x[known]))
            weights.append(weight)
            means.append(mean)
            variances.append(std**2)
        together = np.average(means, axis=0, weights=weights)
        spread = np.average(np.array(variances) + (np.array(means) - together) ** 2, axis=0, weights=weights)
        return together, np.sqrt(spread)


@dataclass(frozen=True)
class _Tried:
    """One model, fitted to at most a few hundred labels."""

    evidence: float
    warp: _Warp
    fitted: FittedProcess
    exponent: float
    names: tuple[str, ...]
    x: Array
    turned: Array


def _tried(
    blocks: dict[str, Array],
    names: tuple[str, ...],
    residual: Residual,
    exponent: float,
    warp: _Warp,
    values: Array,
    some: npt.NDArray[np.intp],
) -> _Tried:
    x, parts = _features(blocks, names, residual)
    turned = warp.forth(values)
    fitted = fit_process(parts, x[some], turned[some])
    evidence = fitted.evidence - len(some) * np.log(fitted.scale) + warp.density(values[some])
    evidence += _DETAILS if set(names) - set(_SIZE) else 0.0
    return _Tried(evidence, warp, fitted, exponent, names, x, turned)


def _models(sight: Sight, residual: Residual) -> list[tuple[str, ...]]:
    """Which blocks each model looks at."""
    everything = tuple(name for name, _ in _BLOCKS)
    if residual == "none":
        return [("law",)]
    return [_SIZE, everything] if sight.has_size else [everything]


def _features(blocks: dict[str, Array], names: Sequence[str], residual: Residual) -> tuple[Array, list[Part]]:
    parts: list[Part] = []
    place = 0
    for name, shapes in _BLOCKS:
        if name not in names:
            continue
        columns = slice(place, place + blocks[name].shape[1])
        place = columns.stop
        parts += [Part(kind, columns, size) for kind, size in shapes if residual == "gp" or kind == "linear"]
    return np.hstack([blocks[name] for name, _ in _BLOCKS if name in names]), parts
