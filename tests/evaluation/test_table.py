import json
import math
from dataclasses import replace

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import UnknownNameError
from foretell.evaluation import TRIVIAL, SplitPlan, evaluate, to_json
from foretell.metrics import Metric
from foretell.observations import OWN_UNIT, Observation, ObservationSet, Split
from foretell.spaces import SearchSpace
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


@pytest.fixture(scope="module")
def collection():
    return ObservationSet(SPACE, tuple(make_observations(SPACE, 30)))


@pytest.fixture(scope="module")
def table(collection):
    return evaluate(collection, ["column:score", "ridge"], plan=SplitPlan("random:3"), draws=200)


def test_trivial_rows_and_calibrated_twins_are_there_unless_asked_away(collection, table):
    names = [row.predictor for row in table.rows]
    assert names == [*TRIVIAL, "column:score", "ridge", "calibrated:column:score"]
    bare = evaluate(collection, ["column:score"], plan=SplitPlan("random:1"), trivial=False, draws=10)
    assert [row.predictor for row in bare.rows] == ["column:score"]


def test_figures_stand_inside_their_intervals(table):
    for row in table.rows:
        for key in ("mae", "tau"):
            if math.isfinite(row.values[key]):
                low, high = row.intervals[key]
                assert low <= row.values[key] <= high


def test_a_raw_score_sees_no_label_and_its_twin_removes_the_offset(table):
    raw, twin = table.row("column:score"), table.row("calibrated:column:score")
    assert (raw.labels, twin.labels) == (0, 10)
    assert raw.values["mae"] > 0.9
    assert twin.values["mae"] < 0.4


def test_differences_are_paired_with_the_reference(table):
    depth, ridge = table.row("depth"), table.row("ridge")
    value, (low, high) = ridge.differences["mae"]
    assert value == pytest.approx(ridge.values["mae"] - depth.values["mae"])
    assert low <= value <= high
    assert depth.differences == {}


def test_a_learning_curve_has_a_row_for_each_number_and_says_what_it_cannot_do(collection):
    curve = evaluate(
        collection, ["regression"], demonstrations=[2, 5, 10], plan=SplitPlan("random:2"), trivial=False, draws=20
    )
    assert [row.demonstrations for row in curve.rows] == [2, 5, 10]
    assert "needs at least 3" in curve.rows[0].note
    assert math.isnan(curve.rows[0].values["mae"])
    assert curve.row("regression", 10).values["mae"] < curve.row("regression", 5).values["mae"]


def test_one_json_object_without_nan(table):
    text = json.dumps(to_json(table, details=True), allow_nan=False)
    document = json.loads(text)
    assert {"rows", "protocol"} == set(document)
    row = document["rows"][0]
    assert row["predictor"] == "constant"
    assert row["tau"] is None
    assert len(row["points"]["0"]["true"]) == 20
    assert sum(document["rows"][1]["discordant"]["count"]) > 0


def test_the_table_is_the_same_every_time(collection, table):
    again = evaluate(collection, ["column:score", "ridge"], plan=SplitPlan("random:3"), draws=200)
    for one, other in zip(table.rows, again.rows, strict=True):
        assert one.intervals == other.intervals


def test_an_unknown_row_is_named(table):
    with pytest.raises(UnknownNameError, match="did you mean 'ridge'"):
        table.row("rigde")


def turned(collection, metric, sign):
    """The same architectures with `sign` times a loss, and scores to match."""
    items = [
        Observation(
            item.architecture,
            {metric.key: sign * (23 - item.metric())},
            item.costs,
            {"score": {metric.key: sign * (23.3 - item.score("score"))}},
        )
        for item in collection.observations
    ]
    return replace(collection, observations=tuple(items))


def test_a_falling_metric_has_the_table_of_its_negative_to_the_last_digit(collection):
    rows = ["regression", "ridge", "gp", "auto", "boosting", "rank:regression", "calibrated:column:score"]
    tables = []
    for name, higher, sign in (("y", False, 1), ("z", True, -1)):
        metric = Metric.declare(name, higher_is_better=higher)
        made = evaluate(turned(collection, metric, sign), rows, metric=metric, plan=SplitPlan("random:2"), draws=20)
        tables.append(to_json(made)["rows"])
    for one, other in zip(*tables, strict=True):
        for key in {*one} - {"seconds", "note"}:
            assert one[key] == other[key], (one["predictor"], key)
    by_name = {row["predictor"]: row for row in tables[0]}
    assert by_name["regression"]["tau"] > 0.5
    assert by_name["regression"]["regret"] < 0.5


def test_a_loss_is_minimised_by_its_name_alone(collection):
    losses = turned(collection, Metric("valid_loss", "loss", False), 1)
    made = evaluate(losses, ["regression"], metric="valid_loss", plan=SplitPlan("random:2"), draws=20)
    assert made.protocol["higher_is_better"] is False
    assert made.protocol["unit"] == "bits a token"
    assert made.row("regression").values["tau"] > 0.5
    assert made.row("regression").values["regret"] < 0.5


def test_one_division_with_equal_labels_is_left_out_with_a_note(collection):
    items = list(collection.observations)
    flat = [replace(item, metrics={"valid_bleu": 20.0}) for item in items[:5]]
    splits = (Split("flat", tuple(flat), tuple(items[15:])), Split("good", tuple(items[5:15]), tuple(items[15:])))
    known = ObservationSet(SPACE, (*flat, *items[5:]), splits)
    made = evaluate(known, ["regression", "auto"], demonstrations=[5], draws=20)
    row = made.row("regression")
    assert "1 of 2 splits are left out: all 5 labels (valid_bleu) are 20" in row.note
    alone = evaluate(replace(known, splits=splits[1:]), ["regression"], demonstrations=[5], draws=20)
    assert row.values == alone.row("regression").values
    assert row.abstained == 0
    assert math.isnan(row.by_split["flat"]["mae"])
    none = evaluate(replace(known, splits=splits[:1]), ["regression"], demonstrations=[5], draws=20)
    assert "all 5 labels" in none.row("regression").note
    json.dumps(to_json(made, details=True), allow_nan=False)


def test_failed_and_unfinished_trainings_judge_nobody(collection):
    items = list(collection.observations)
    worse = [replace(item, metrics={}, failed="killed") for item in items[:3]]
    short = [replace(item, metrics={"valid_bleu": 1.0}, fidelity=0.2) for item in items]
    known = ObservationSet(SPACE, (*short, *worse, *items[3:]))
    made = evaluate(known, ["ridge"], plan=SplitPlan("random:3"), draws=20)
    assert made.row("ridge").values["mae"] < 1.0
    assert all(truth > 10 for judged in made.row("ridge").judged for truth in judged.truth)


def test_what_predictors_may_see_and_which_rows_count():
    """Costs and scores are hidden from predictors, not from the judgement of pairs of one size."""
    space = SearchSpace({"a": [1, 2, 3, 4, 5], "b": [1, 2, 3, 4, 5]})
    rows = np.indices((5, 5)).reshape(2, -1).T.astype(np.int16)
    items = [
        Observation(
            architecture,
            {"y": float(n % 7)},
            {"params": float(10 + n % 3), "hw": 1.0} if n else {"params": 10.0},
            {"s": {OWN_UNIT: float(n % 7)}},
        )
        for n, architecture in enumerate(space.architectures(rows))
    ]
    known = ObservationSet(space, tuple(items), metric=Metric.declare("y"))
    plan = SplitPlan("random:2")
    everything = evaluate(known, ["column:s"], plan=plan, draws=5)
    assert everything.protocol["architectures"] == 24, "a row without one of the costs is left out"
    assert everything.protocol["columns"] == ["s", "params", "hw"]
    assert everything.row("column:s").values["same_size_tau"] == 1.0
    assert {"log-params", "power-law(residual=none)"} <= {row.predictor for row in everything.rows}
    size = evaluate(known, ["constant"], plan=plan, draws=5, sees="size", complete=False)
    assert size.protocol["architectures"] == 25
    assert size.protocol["columns"] == ["params"]
    genes = evaluate(known, ["ridge"], plan=plan, draws=5, sees="genes")
    assert genes.protocol["columns"] == []
    assert np.isfinite(genes.row("ridge").values["same_size_tau"])
    assert [row.predictor for row in genes.rows] == ["constant", "ridge"]
    with pytest.raises(UnknownNameError, match="genes"):
        evaluate(known, ["ridge"], sees="gene")
    with pytest.raises(UnknownNameError, match="params"):
        evaluate(known, ["ridge"], same_size="param")


def test_thousands_of_rows_have_intervals_too():
    """Of a sample of them, drawn together and scaled; the figures are those of all."""
    space = SearchSpace({"a": list(range(30)), "b": list(range(30))})
    rows = np.indices((30, 30)).reshape(2, -1).T.astype(np.int16)
    rng = np.random.default_rng(0)
    labels = rows.sum(axis=1) + rng.normal(0, 4, len(rows))
    items = [Observation(x, {"y": float(v)}) for x, v in zip(space.architectures(rows), labels, strict=True)]
    known = ObservationSet(space, tuple(items), metric=Metric.declare("y"))
    row = evaluate(known, ["ridge"], plan=SplitPlan("random:5"), draws=200, demonstrations=(20,)).row("ridge")
    low, high = row.intervals["tau"]
    assert low < row.values["tau"] < high
    assert high - low < 0.15
