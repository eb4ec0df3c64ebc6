"""The table on a space of plain genes: six of five words each, additive and with interactions."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.evaluation import SplitPlan, evaluate
from foretell.metrics import Metric
from foretell.observations import Observation, ObservationSet, load, write_observations
from foretell.spaces import SearchSpace

WORDS = ["red", "green", "blue", "black", "white"]
SPACE = SearchSpace({f"gene{number}": WORDS for number in range(6)}, "six-words")
PREDICTORS = ("constant", "ridge", "gp", "regression", "auto", "boosting", "distilled")
ONE = SplitPlan("random:1")


def collection(labels) -> ObservationSet:
    rng = np.random.default_rng(0)
    rows = np.unique(SPACE.sample(150, rng), axis=0)
    values = labels(rows, rng) + rng.normal(size=len(rows)) * 0.1
    items = [
        Observation(architecture, {"y": float(value), "minus_y": -float(value)})
        for architecture, value in zip(SPACE.architectures(rows), values, strict=True)
    ]
    return ObservationSet(SPACE, tuple(items))


def additive(rows, rng):
    return rng.normal(size=(6, 5))[np.arange(6), rows].sum(axis=1)


def interacting(rows, rng):
    first, second = rng.normal(size=(2, 5, 5))
    return 2 * first[rows[:, 0], rows[:, 1]] + second[rows[:, 2], rows[:, 3]]


def errors(found, labels=50) -> dict[str, float]:
    return {name: found.row(name, labels).values["mae"] for name in PREDICTORS}


def test_words_that_add_up_are_learnt_by_a_regression():
    found = evaluate(collection(additive), PREDICTORS, metric="y", demonstrations=(10, 50), plan=ONE, draws=20)
    assert [row.predictor for row in found.rows][: len(PREDICTORS)] == list(PREDICTORS)
    few, many = errors(found, 10), errors(found)
    assert np.isnan(few["distilled"])
    assert "needs at least 20" in found.row("distilled", 10).note
    assert few["regression"] < 0.9 * few["constant"]
    assert many["regression"] < 0.3 * many["constant"]
    assert all(many[name] < many["constant"] for name in PREDICTORS if name != "constant")


def test_words_that_interact_are_learnt_by_trees_or_a_process():
    found = errors(
        evaluate(collection(interacting), PREDICTORS, metric="y", demonstrations=(10, 50), plan=ONE, draws=20)
    )
    assert min(found["gp"], found["boosting"]) < 0.95 * found["constant"]


def test_a_metric_that_falls_has_the_table_of_its_negative():
    names = ("constant", "ridge", "regression", "boosting")
    data = collection(additive)
    falls = Metric.declare("minus_y", higher_is_better=False)
    rising = evaluate(data, names, metric="y", demonstrations=(10,), plan=ONE, draws=20)
    falling = evaluate(data, names, metric=falls, demonstrations=(10,), plan=ONE, draws=20)
    for name in names:
        one, other = rising.row(name, 10), falling.row(name, 10)
        for key in ("mae", "tau", "regret"):
            assert one.values[key] == other.values[key] or np.isnan(one.values[key])
            assert one.intervals[key] == other.intervals[key]


def test_a_file_alone_is_enough(tmp_path):
    write_observations(tmp_path / "six.jsonl", collection(additive).observations)
    again = load(tmp_path / "six.jsonl")
    assert again.space.fingerprint == SPACE.fingerprint
    assert again.space.name == "six-words"
    assert [item.metrics for item in again.observations] == [i.metrics for i in collection(additive).observations]


@pytest.mark.parametrize("name", ["params", "flops", "depth", "latency"])
def test_a_count_that_the_space_does_not_have_is_one_sentence(name):
    from foretell.errors import InputError

    with pytest.raises(
        InputError, match=r"take column:params|take column:flops|unknown feature set .depth.|latency is asked for"
    ):
        evaluate(collection(additive), [name], metric="y", plan=ONE, draws=5)


def test_a_cost_of_the_user_s_may_be_zero_or_less():
    space = SearchSpace(
        {"layers": [1, 2, 3], "width": list(range(1, 30))}, costs={"params": "(layers - 1) * width - 5"}
    )
    rows = np.unique(space.sample(60, np.random.default_rng(0)), axis=0)
    items = [Observation(each, {"y": float(each["layers"] * each["width"])}) for each in space.architectures(rows)]
    found = evaluate(ObservationSet(space, tuple(items)), ["regression"], metric="y", plan=ONE, draws=5)
    assert found.row("regression").values["mae"] < found.row("constant").values["mae"]
