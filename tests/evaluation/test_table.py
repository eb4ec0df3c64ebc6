import json
import math

import pytest

from foretell import spaces
from foretell.errors import UnknownNameError
from foretell.evaluation import TRIVIAL, SplitPlan, evaluate, to_json
from foretell.observations import ObservationSet
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
