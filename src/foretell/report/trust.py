"""How far predictions can be trusted: cheap predictors judged on the labels that the study learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.evaluation import Evaluation, Row, SplitPlan, comparable_set, evaluate
from foretell.metrics import PRIMARY_METRIC, metric_named
from foretell.observations import Observation, ObservationSet, Split
from foretell.predictors import Context, Labels
from foretell.spaces import Architecture

__all__ = ["CHEAP", "LEVEL", "HeldOut", "Trust", "judge"]

CHEAP = ("regression", "auto")
"""Predictors that fit in a moment; the trivial rows stand beside them."""

LEVEL = 0.9
"""Of the intervals around predictions."""

_DIVISIONS = 10
_SHOWN = (5, 10)
"""At least so many labels, for `auto` needs them, and at most as many as the paper shows."""
_FEWEST = 8

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A predictor's opinion of architectures that it had not seen, averaged over the splits that hold them out.

    Attributes:
        architectures: Which, `n` of them.
        truth: Their labels, `[n]`.
        mean: Predicted, `[n]`.
        low: Lower ends of the 90 % intervals, `[n]`; the predictions themselves where it gives none.
        high: Upper ends, `[n]`.
    """

    architectures: tuple[Architecture, ...]
    truth: Vector
    mean: Vector
    low: Vector
    high: Vector


@dataclass(frozen=True, eq=False)
class Trust:
    """Predictors judged on one set of labels.

    Attributes:
        source: Where the labels are, such as "reference:en-de".
        task: Its task, empty where it does not tell.
        labels: Labelled architectures.
        shown: How many of them each predictor learnt from, in each split.
        metric: What was predicted, such as "valid_bleu".
        evaluation: The table.
        held_out: By predictor; those whose predictions are not in the labels' unit are left out.
    """

    source: str
    task: str
    labels: int
    shown: int
    metric: str
    evaluation: Evaluation
    held_out: dict[str, HeldOut]

    @property
    def label(self) -> str:
        """What was predicted as people write it: "valid BLEU"."""
        return metric_named(self.metric).label

    @property
    def axis(self) -> str:
        """The same with unit and direction."""
        return metric_named(self.metric).title


def judge(
    found: ObservationSet,
    source: str,
    predictors: Sequence[str] = CHEAP,
    *,
    metric: str = PRIMARY_METRIC,
    context: Context | None = None,
    trivial: bool = True,
) -> Trust:
    """Judge predictors by splits: the stored ones, or ten random ones.

    Random splits show half of the labels, but at least five and at most ten.

    Args:
        found: Labelled architectures.
        source: What the page calls them.
        predictors: Names.
        metric: What is predicted.
        context: Vocabulary and seed.
        trivial: Whether the trivial rows are added.

    Raises:
        InputError: Too few labels, or labels that cannot be used.
    """
    found = comparable_set(found)
    labels = _architectures(found.observations)
    if labels < _FEWEST:
        raise InputError(f"{source} holds {labels} labelled architectures; {_FEWEST} are needed to judge predictors.")
    plan = SplitPlan() if found.splits else SplitPlan(f"random:{_DIVISIONS}")
    least, most = _SHOWN
    shortest = min((_architectures(split.train) for split in found.splits), default=max(least, labels // 2))
    shown = min(most, shortest)
    splits = tuple(plan.make(found, [shown]))
    divided = replace(found, splits=splits)
    stored = SplitPlan("stored", tuple(split.name for split in splits))
    table = evaluate(
        divided, predictors, metric=metric, demonstrations=[shown], plan=stored, trivial=trivial, context=context
    )
    held_out = {row.predictor: _held_out(row, splits, found, metric) for row in table.rows if _in_unit(row)}
    return Trust(source, found.task, labels, shown, metric, table, held_out)


def _architectures(observations: Sequence[Observation]) -> int:
    return len({item.architecture for item in observations})


def _in_unit(row: Row) -> bool:
    return bool(row.judged) and all(each.calibrated for each in row.judged)


def _held_out(row: Row, splits: Sequence[Split], found: ObservationSet, metric: str) -> HeldOut:
    quantile = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    opinions: dict[Architecture, list[tuple[float, float, float]]] = {}
    for split, judged in zip(splits, row.judged, strict=True):
        succeeded = [item for item in split.test if not item.failed]
        tested = [item.architecture for item in Labels.of(succeeded, metric, found.space).observations]
        spread = np.zeros(len(judged.mean)) if judged.std is None else judged.std
        for architecture, truth, mean, std in zip(tested, judged.truth, judged.mean, spread, strict=True):
            if np.isfinite(mean):
                half = quantile * float(std) if np.isfinite(std) else 0.0
                opinions.setdefault(architecture, []).append((float(truth), float(mean), half))
    table = np.array([np.mean(values, axis=0) for values in opinions.values()]).reshape(-1, 3)
    labels, means, halves = table.T
    return HeldOut(tuple(opinions), labels, means, means - halves, means + halves)
