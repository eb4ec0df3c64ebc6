"""The honest table: predictors on the same labels, judged on the same architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.evaluation.bootstrap import Bootstrap, interval
from foretell.evaluation.metrics import LEVEL, MEASURES, TOP, Judged, measure
from foretell.evaluation.row import Evaluation, Row
from foretell.evaluation.splits import SplitPlan, first
from foretell.observations import ObservationSet, Split
from foretell.predictors import Columns, Context, Labels, Predictor, TooFewLabelsError, create
from foretell.progress import track
from foretell.spaces import Population, SearchSpace

__all__ = ["TRIVIAL", "evaluate"]

TRIVIAL = ("constant", "params", "flops", "depth")
"""The rows that stand in every table unless they are asked away."""

Array = npt.NDArray[np.float64]


def evaluate(
    collection: ObservationSet,
    predictors: Sequence[str],
    *,
    metric: str = "valid_bleu",
    demonstrations: Sequence[int] = (10,),
    plan: SplitPlan | None = None,
    trivial: bool = True,
    reference: str = "depth",
    draws: int = 1000,
    context: Context | None = None,
) -> Evaluation:
    """Judge predictors on the same splits.

    Every predictor sees the first labels of each split's train side, and the scores and costs on record of
    all architectures; the labels of the test side are used for judging alone.

    Args:
        collection: Observations, with stored splits where `plan` asks for them.
        predictors: Names for `foretell.predictors.create`. A raw score `column:X` brings `calibrated:column:X`.
        metric: What is predicted.
        demonstrations: Numbers of labels; more than one gives a learning curve.
        plan: How to split; None: the stored splits where there are any, else twenty random ones.
        trivial: Whether the trivial rows are added.
        reference: The row that differences are taken to.
        draws: Bootstrap resamplings.
        context: A latency model, a vocabulary or a seed for the predictors.

    Raises:
        InputError: Observations or labels that cannot be used.
        UnknownNameError: A predictor, split or reference that is not known.
    """
    plan = plan or SplitPlan()
    planned = plan.make(collection, demonstrations)
    columns = Columns.of(collection.observations, metric)
    context = replace(context or Context(), space=collection.space, metric=metric, columns=columns)
    names = _names(predictors, trivial, columns)
    sides = [_Side.of(collection.space, split, metric) for split in planned]
    splits = [side.split for side in sides]
    bootstrap = Bootstrap(splits, draws)
    rows: list[Row] = []
    with track("evaluating predictors", len(names) * len(demonstrations)) as meter:
        for n in demonstrations:
            curve = len(demonstrations) > 1
            drawn = []
            for name in names:
                row, resampled = _row(name, n, sides, context, bootstrap, tolerant=curve)
                drawn.append((row, resampled))
                meter.update(len(rows) + len(drawn), name)
            rows += _compared(drawn, reference)
    return Evaluation(
        tuple(rows), _protocol(collection, plan, splits, metric, demonstrations, draws, reference, columns)
    )


@dataclass(frozen=True)
class _Side:
    """A split whose test side holds each architecture once, also as arrays."""

    split: Split
    population: Population
    truth: Array
    depth: npt.NDArray[np.int64]

    @classmethod
    def of(cls, space: SearchSpace, split: Split, metric: str) -> _Side:
        labels = Labels.of(split.test, metric, space)
        population = labels.population
        gene = "decoder-layer-num"
        known = any(each.name == gene for each in space.genes)
        depth = space.numbers(population, gene)[:, 0] if known else np.zeros(len(population))
        once = replace(split, test=labels.observations)
        return cls(once, population, labels.values, depth.astype(np.int64))


def _names(asked: Sequence[str], trivial: bool, columns: Columns) -> list[str]:
    """What stands in the table: trivial rows first, raw scores with their calibrated twins last."""
    if not trivial:
        return list(dict.fromkeys(asked))
    scores = {f"column:{name}" for name in [*columns.scores, *columns.own_unit]}
    twins = [f"calibrated:{name}" for name in asked if name in scores]
    return list(dict.fromkeys([*(name for name in TRIVIAL if name not in asked), *asked, *twins]))


def _row(
    name: str, n: int, sides: Sequence[_Side], context: Context, bootstrap: Bootstrap, *, tolerant: bool
) -> tuple[Row, dict[str, Array]]:
    judged, fitted = [], []
    for side in sides:
        predictor = create(name, context=context)
        try:
            predictor.fit(first(side.split.train, n))
        except TooFewLabelsError as error:
            if not tolerant:
                raise
            return _empty(name, n, str(error)), {}
        prediction = predictor.predict(side.population)
        judged.append(Judged.of(prediction, side.truth, side.depth, calibrated=predictor.calibrated))
        fitted.append(predictor)
    alone = [measure(each, np.ones((1, len(each.truth)))) for each in judged]
    table = {key: np.array([each[key][0] for each in alone]) for key in MEASURES}
    resampled = bootstrap.resampled(judged)
    row = Row(
        predictor=name,
        demonstrations=n,
        labels=fitted[0].labels,
        values={key: _mean(values) for key, values in table.items()},
        deviations={key: float(np.std(values)) for key, values in table.items()},
        intervals={key: interval(resampled[key]) for key in MEASURES},
        by_split={
            side.split.name: {key: float(table[key][index]) for key in MEASURES} for index, side in enumerate(sides)
        },
        judged=tuple(judged),
        seconds=float(np.mean([each.spent.seconds for each in fitted])),
        dollars=_dollars(fitted),
        abstained=int(sum(np.isnan(each.mean).sum() for each in judged)),
        label_noise=getattr(fitted[0], "label_noise", None),
        note=" / ".join(dict.fromkeys(filter(None, (getattr(each, "why", "") for each in fitted)))),
    )
    return row, resampled


def _empty(name: str, n: int, note: str) -> Row:
    nothing = dict.fromkeys(MEASURES, float("nan"))
    return Row(name, n, 0, nothing, nothing, dict.fromkeys(MEASURES), {}, (), 0.0, 0.0, note=note)


def _mean(values: Array) -> float:
    """The mean over splits; NaN only where no split has a value."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _dollars(fitted: Sequence[Predictor]) -> float | None:
    spent = [each.spent.dollars for each in fitted]
    return None if any(each is None for each in spent) else float(sum(each or 0.0 for each in spent))


def _compared(drawn: Sequence[tuple[Row, dict[str, Array]]], reference: str) -> list[Row]:
    """Rows with their paired differences to the reference row, where it is in the table."""
    by_name = {row.predictor: (row, resampled) for row, resampled in drawn}
    if reference not in by_name or not by_name[reference][1]:
        return [row for row, _ in drawn]
    base, base_drawn = by_name[reference]
    rows = []
    for row, resampled in drawn:
        differences = {
            key: (row.values[key] - base.values[key], interval(resampled[key] - base_drawn[key]))
            for key in MEASURES
            if resampled and row is not base
        }
        rows.append(replace(row, differences=differences))
    return rows


def _protocol(
    collection: ObservationSet,
    plan: SplitPlan,
    splits: Sequence[Split],
    metric: str,
    demonstrations: Sequence[int],
    draws: int,
    reference: str,
    columns: Columns,
) -> dict[str, Any]:
    return {
        "task": collection.task,
        "space": collection.space.name,
        "metric": metric,
        "architectures": len({item.architecture.key for item in collection.observations}),
        "splits": plan.resolved(collection),
        "names": [split.name for split in splits],
        "demonstrations": list(demonstrations),
        "tested": [len(split.test) for split in splits],
        "average": "mean over splits; sd is the population standard deviation over splits",
        "tau": "Kendall tau-b",
        "regret": f"best label minus the best label among the predicted top {TOP}, ties in their worst order",
        "coverage": f"share of labels inside the central {LEVEL:.0%} interval",
        "interval": f"95 % percentile bootstrap over architectures and splits, {draws} draws, seed 0",
        "reference": reference,
        "columns": columns.names,
    }
