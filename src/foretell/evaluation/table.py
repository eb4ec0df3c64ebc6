"""The honest table: predictors on the same labels, judged on the same architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.evaluation.bootstrap import Bootstrap, interval
from foretell.evaluation.metrics import LEVEL, MEASURES, NEAR, TOP, Judged, figures
from foretell.evaluation.row import Evaluation, Row
from foretell.evaluation.splits import SplitPlan, first
from foretell.evaluation.views import Sees, as_seen, comparable_set, complete_set
from foretell.metrics import Metric
from foretell.observations import ObservationSet, Split
from foretell.predictors import (
    Columns,
    Context,
    EqualLabelsError,
    Labels,
    Prediction,
    Predictor,
    TooFewLabelsError,
    create,
)
from foretell.predictors.features import depth_gene, has_features
from foretell.predictors.records import task_marks
from foretell.predictors.sight import has_law
from foretell.predictors.sizes import recorded_sizes, size_cost, sizes
from foretell.progress import track
from foretell.spaces import Population, SearchSpace

__all__ = ["TRIVIAL", "evaluate"]

TRIVIAL = ("constant", "params", "flops", "depth")
"""The rows that stand in every table, as far as the space has what they count, unless they are asked away."""

LAWS = ("log-params", "power-law(residual=none)")
"""The trivial rows of spaces without a family, where sizes are on record or amounts are genes."""

DEFAULT_REFERENCE = "depth"

Array = npt.NDArray[np.float64]


def evaluate(
    collection: ObservationSet,
    predictors: Sequence[str],
    *,
    metric: str | Metric | None = None,
    demonstrations: Sequence[int] = (10,),
    plan: SplitPlan | None = None,
    trivial: bool = True,
    reference: str = DEFAULT_REFERENCE,
    draws: int = 1000,
    context: Context | None = None,
    sees: Sees = "all",
    complete: bool | None = None,
    same_size: str | None = None,
    top: int = TOP,
) -> Evaluation:
    """Judge predictors on the same splits.

    Every predictor sees the first labels of each split's train side, and the scores and costs on record of
    all architectures; the labels of the test side are used for judging alone. A predictor is not judged on a split
    whose labels it cannot learn from because they are all equal; its note says how many there were.

    Only trainings of the highest fidelity count; what failed is learnt from as failed (see `Labels.of`), and judges
    nobody.

    Args:
        collection: Observations, with stored splits where `plan` asks for them.
        predictors: Names for `foretell.predictors.create`. A raw score `column:X` brings `calibrated:column:X`.
        metric: What is predicted, by key or with all that is declared of it; None: what the observations are about,
            else `PRIMARY_METRIC`.
        demonstrations: Numbers of labels; more than one gives a learning curve.
        plan: How to split; None: the stored splits where there are any, else twenty random ones.
        trivial: Whether the trivial rows are added.
        reference: The row that differences are taken to; without depth genes the default is "constant".
        draws: Bootstrap resamplings.
        context: A latency model, a vocabulary or a seed for the predictors.
        sees: What predictors may look up of an architecture: "genes" nothing, "size" counts of parameters and FLOPs,
            "all" scores and all costs as well.
        complete: Whether only architectures count of which every cost is on record; None: in tables.
        same_size: The cost by which pairs have the same size; None: parameters, without embeddings where those are
            there.
        top: How many of the best predictions a search would train.

    Raises:
        InputError: Observations or labels that cannot be used.
        UnknownNameError: A predictor, split or reference that is not known.
    """
    plan, quality = plan or SplitPlan(), collection.quality(metric)
    collection = comparable_set(collection)
    if complete or (complete is None and collection.metric is not None):
        collection = complete_set(collection)
    record = Columns.of(collection.observations, quality.key)
    collection = as_seen(collection, sees)
    planned = plan.make(collection, demonstrations)
    columns = Columns.of(collection.observations, quality.key)
    context = context or Context()
    context = replace(context, space=collection.space, metric=quality, columns=columns, disjoint=True)
    context = replace(context, judged=context.judged | task_marks(collection.observations))
    names = _names(predictors, trivial, columns, collection.space)
    size = _Size.of(same_size, collection.space, record, context)
    reference = reference if reference in names or reference != DEFAULT_REFERENCE else "constant"
    sides = [_Side.of(collection.space, split, quality, size, top) for split in planned]
    splits = [side.split for side in sides]
    bootstrap = Bootstrap(splits, draws)
    rows: list[Row] = []
    with track("evaluating predictors", len(names) * len(demonstrations)) as meter:
        for n in demonstrations:
            curve = len(demonstrations) > 1 or n == 0
            drawn = []
            for name in names:
                row, resampled = _row(name, n, sides, context, bootstrap, tolerant=curve)
                drawn.append((row, resampled))
                meter.update(len(rows) + len(drawn), name)
            rows += _compared(drawn, reference)
    protocol = _protocol(collection, plan, splits, quality, demonstrations, draws, reference, columns)
    protocol |= {"sees": sees, "same_size": size.name, "top": top, "depth": depth_gene(collection.space)}
    return Evaluation(tuple(rows), protocol)


@dataclass(frozen=True)
class _Size:
    """By what architectures have the same size.

    Attributes:
        name: The cost; None where there is none.
        record: Costs on record.
        context: The surroundings.
    """

    name: str | None
    record: Columns
    context: Context

    @classmethod
    def of(cls, asked: str | None, space: SearchSpace, record: Columns, context: Context) -> _Size:
        there = recorded_sizes(space, record)
        known = [*dict.fromkeys([*there, *record.costs])]
        if asked is not None and asked not in known:
            raise UnknownNameError("cost", asked, known, "the observations")
        return cls(asked or size_cost(there), record, context)

    def measure(self, space: SearchSpace, population: Population) -> Array | None:
        """Sizes, `[n]`; NaN where one is not known."""
        if self.name is None:
            return None
        return np.exp(sizes([self.name], space, population, self.context, self.record)[:, 0])


@dataclass(frozen=True)
class _Side:
    """A split whose test side holds each architecture once, also as arrays."""

    split: Split
    population: Population
    truth: Array
    depth: npt.NDArray[np.int64]
    size: Array | None
    top: int

    @classmethod
    def of(cls, space: SearchSpace, split: Split, metric: Metric, size: _Size, top: int) -> _Side:
        succeeded = [item for item in split.test if not item.failed]
        if not succeeded:
            raise InputError(f"no architecture that the split {split.name} tests on has a label; observe more.")
        labels = Labels.of(succeeded, metric, space)
        population = labels.population
        gene = depth_gene(space)
        depth = space.numbers(population, gene)[:, 0] if gene else np.zeros(len(population))
        once = replace(split, test=labels.observations)
        return cls(once, population, labels.values, depth.astype(np.int64), size.measure(space, population), top)

    def judged(self, predictor: Predictor | None, calibrated: bool, quality: Metric) -> Judged:
        """What a fitted predictor says beside the labels; None says nothing of anybody."""
        if predictor is None:
            prediction, known = Prediction(np.full(len(self.truth), np.nan)), calibrated
        else:
            prediction, known = predictor.predict(self.population), predictor.calibrated
        said = (prediction.mean, prediction.std)
        return Judged(self.truth, self.depth, *said, known, quality, self.size, self.top)


def _names(asked: Sequence[str], trivial: bool, columns: Columns, space: SearchSpace) -> list[str]:
    """What stands in the table: trivial rows first, raw scores with their calibrated twins last."""
    if not trivial:
        return list(dict.fromkeys(asked))
    scores = {f"column:{name}" for name in [*columns.scores, *columns.own_unit]}
    twins = [f"calibrated:{name}" for name in asked if name in scores]
    rows = [name for name in TRIVIAL if name == "constant" or has_features(name, space)]
    if space.family is None and has_law(space, columns):
        rows += LAWS
    return list(dict.fromkeys([*(name for name in rows if name not in asked), *asked, *twins]))


def _row(
    name: str, n: int, sides: Sequence[_Side], context: Context, bootstrap: Bootstrap, *, tolerant: bool
) -> tuple[Row, dict[str, Array]]:
    fitted: list[Predictor | None] = []  # None for a split that teaches it nothing
    equal: list[str] = []
    for side in sides:
        predictor = create(name, context=context)
        try:
            fitted.append(predictor.fit(first(side.split.train, n)))
        except TooFewLabelsError as error:
            if not tolerant:
                raise
            return _empty(name, n, str(error)), {}
        except EqualLabelsError as error:
            fitted.append(None)
            equal.append(str(error))
    able = [each for each in fitted if each is not None]
    if not able:
        return _empty(name, n, equal[0]), {}
    judged = [side.judged(each, able[0].calibrated, context.quality) for side, each in zip(sides, fitted, strict=True)]
    counted = [each for each, predictor in zip(judged, fitted, strict=True) if predictor is not None]
    alone = [figures(each) for each in judged]
    table = {key: np.array([each[key] for each in alone]) for key in MEASURES}
    resampled = bootstrap.resampled(judged, alone)
    row = Row(
        predictor=name,
        demonstrations=n,
        labels=able[0].labels,
        values={key: _mean(values) for key, values in table.items()},
        deviations={key: float(np.std(values[[each is not None for each in fitted]])) for key, values in table.items()},
        intervals={key: interval(resampled[key]) for key in MEASURES},
        by_split={
            side.split.name: {key: float(table[key][index]) for key in MEASURES} for index, side in enumerate(sides)
        },
        judged=tuple(judged),
        seconds=float(np.mean([each.spent.seconds for each in able])),
        dollars=_dollars(able),
        abstained=int(sum(np.isnan(each.mean).sum() for each in counted)),
        label_noise=able[0].label_noise,
        note=_note(able, len(sides), equal),
    )
    return row, resampled


def _note(fitted: Sequence[Predictor], splits: int, equal: Sequence[str]) -> str:
    """What the predictor chose in each split, and how many splits it could not learn from."""
    left_out = f"{len(equal)} of {splits} splits are left out: {equal[0]}" if equal else ""
    return " / ".join(dict.fromkeys(filter(None, (left_out, *(each.why for each in fitted)))))


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
    metric: Metric,
    demonstrations: Sequence[int],
    draws: int,
    reference: str,
    columns: Columns,
) -> dict[str, Any]:
    return {
        "task": collection.task,
        "space": collection.space.name,
        "metric": metric.key,
        "label": metric.label,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "architectures": len({item.architecture.key for item in collection.observations}),
        "splits": plan.resolved(collection),
        "names": [split.name for split in splits],
        "demonstrations": list(demonstrations),
        "tested": [len(split.test) for split in splits],
        "average": "mean over splits; sd is the population standard deviation over splits",
        "tau": "Kendall tau-b",
        "regret": "how far the best of the predicted top is from the best label, ties in their worst order",
        "rank": "the true rank among the tested of the best of the predicted top, 1 for the best of all",
        "same_size_tau": f"Kendall tau-b over pairs within {NEAR:.0%} of each other in the cost `same_size`",
        "coverage": f"share of labels inside the central {LEVEL:.0%} interval",
        "interval": f"95 % percentile bootstrap over architectures and splits, {draws} draws, seed 0",
        "reference": reference,
        "columns": columns.names,
    }
