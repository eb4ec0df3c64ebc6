"""A metric of which lower is better is its own negative of which higher is better, to the last digit."""

from dataclasses import replace

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError
from foretell.metrics import Metric
from foretell.observations import OWN_UNIT, Observation, population_of
from foretell.predictors import Columns, Context, Labels, create, describe, load, names, save
from foretell.predictors.labelling import label_architectures
from foretell.predictors.leave_one_out import held_out
from foretell.testing import make_observations
from tests.predictors.test_conformance import SPELLINGS

SPACE = spaces.create("small-seq2seq")
FALLS = Metric.declare("y", higher_is_better=False)
RISES = Metric.declare("minus_y", higher_is_better=True)
# One name of each class that labels alone make; proxies look at none.
LEARNERS = {describe(name).target: name for name in names() if describe(name).alone}
LEARNERS.pop("foretell.predictors.zero_cost:ZeroCost")
SPELT = {**SPELLINGS, "distilled": "distilled(steps=20)", "ridge": "ridge(features=column:score+log-params)"}


def observed(metric, n=24):
    """Losses around 3, or their negatives, with scores of the same kind and one in a unit of its own."""
    items = []
    for item in make_observations(SPACE, n):
        label, score = 23 - item.metric(), 23.3 - item.score("score")
        sign = 1 if metric is FALLS else -1
        scores = {"score": {metric.key: sign * score}, "proxy": {OWN_UNIT: 1e6 - 7e4 * score**2}}
        items.append(Observation(item.architecture, {metric.key: sign * label}, item.costs, scores))
    return items


def fitted(spelling, metric, shown=20):
    items = observed(metric, shown + 8)
    context = Context(SPACE, metric, Columns.of(items, metric.key), vocabulary=64)
    return create(spelling, context=context).fit(items[:shown]), items


@pytest.mark.parametrize("name", [*LEARNERS.values(), "calibrated:column:proxy", "rank:gp"])
def test_predictions_are_mirrored_to_the_last_bit(name):
    one, items = fitted(SPELT.get(name, name), FALLS, 24)
    other, _ = fitted(SPELT.get(name, name), RISES, 24)
    rows = population_of(items[24:])
    falling, rising = one.predict(rows), other.predict(rows)
    np.testing.assert_array_equal(one.goodness(falling), other.goodness(rising))
    np.testing.assert_array_equal(falling.mean, -rising.mean if one.calibrated else rising.mean)
    if falling.std is not None:
        np.testing.assert_array_equal(falling.std, rising.std)
    if one.calibrated:
        assert np.abs(falling.mean - np.array([item.metric("y") for item in items[24:]])).mean() < 3


def test_a_loss_is_a_loss_and_a_score_that_only_ranks_is_higher_for_a_smaller_one():
    regression, items = fitted("regression", FALLS)
    rows, losses = population_of(items[20:]), np.array([item.metric("y") for item in items[20:]])
    assert np.corrcoef(regression.predict(rows).mean, losses)[0, 1] > 0.9
    assert np.corrcoef(regression.goodness(regression.predict(rows)), losses)[0, 1] < -0.9
    rank, _ = fitted("rank:regression", FALLS)
    assert np.corrcoef(rank.predict(rows).mean, losses)[0, 1] < -0.8


def test_what_is_held_out_is_goodness():
    regression, items = fitted("regression", FALLS)
    truth = Labels.of(items[:20], FALLS, SPACE).values
    assert np.abs(held_out(regression, items[:20]) + truth).mean() < 0.5


def test_a_saved_predictor_keeps_its_direction(tmp_path):
    predictor, items = fitted("regression", FALLS)
    save(predictor, tmp_path / "p.json")
    again = load(tmp_path / "p.json")
    rows = population_of(items[20:])
    assert again.quality == predictor.quality
    np.testing.assert_array_equal(again.predict(rows).mean, predictor.predict(rows).mean)


def test_labels_for_a_student_say_whether_they_only_rank(tmp_path):
    for spelling, unit in (("regression", "y"), ("rank:regression", OWN_UNIT)):
        predictor, items = fitted(spelling, FALLS)
        path = tmp_path / f"{unit}.jsonl"
        rows = population_of(items[20:])
        label_architectures(predictor, rows, path, name="t", metric="y", provenance={"key": "k"})
        from foretell.observations import read_observations

        said = [item.score("t", unit) for item in read_observations(path, SPACE)]
        np.testing.assert_array_equal(sorted(said), np.sort(predictor.predict(rows).mean))


@pytest.mark.parametrize("metric", [FALLS, RISES])
def test_what_failed_is_learnt_from_as_the_worst(metric):
    items = observed(metric, 6)
    crashed = replace(items[2], metrics={}, failed="out of memory")
    labels = Labels.of([*items[:2], crashed, *items[3:]], metric, SPACE)
    others = [item.metric(metric.key) for index, item in enumerate(items) if index != 2]
    assert labels.values[2] == metric.worst(others) == labels.observations[2].metric(metric.key)
    assert len(labels) == 6
    assert Labels.of([items[2], crashed], metric, SPACE).values.tolist() == [items[2].metric(metric.key)]


def test_where_all_failed_there_is_one_sentence():
    failed = [Observation(item.architecture, failed="no memory") for item in observed(FALLS, 3)]
    with pytest.raises(InputError, match="all 3 architectures failed, the first with 'no memory'"):
        Labels.of(failed, FALLS, SPACE)


def test_only_the_highest_fidelity_counts_and_composites_see_failures_too():
    items = observed(FALLS, 12)
    short = [replace(item, fidelity=0.1, metrics={"y": 99.0}) for item in items]
    failed = replace(items[-1], metrics={}, failed="nan", fidelity=0.1)
    labels = Labels.of([*short, *items[:-1], failed], FALLS, SPACE)
    assert len(labels) == 12
    assert labels.values.max() < 10
    context = Context(SPACE, FALLS)
    told = create("mean(regression, depth)", context=context).fit([*items[:-1], failed])
    assert told.labels == 12


@pytest.mark.parametrize("spelling", ["calibrated:column:proxy", "calibrated(column:proxy, shape=line)"])
def test_two_labels_do_not_send_a_score_in_another_unit_anywhere(spelling):
    items = observed(FALLS, 30)
    context = Context(SPACE, FALLS, Columns.of(items, "y"))
    told = create(spelling, context=context).fit(items[:2])
    labels = [item.metric("y") for item in items[:2]]
    middle, reach = np.mean(labels), np.ptp(labels) / 2
    said = told.predict(population_of(items)).mean
    assert (np.abs(said - middle) <= reach + 1e-9).all()
    assert len(np.unique(said)) == 30  # the order is kept
    assert np.abs(said[:2] - middle) == pytest.approx(reach / 2)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_auto_works_from_two_labels_on(n):
    items = observed(FALLS, 20)
    context = Context(SPACE, FALLS, Columns.of(items, "y"))
    auto = create("auto", context=context).fit(items[:n])
    assert np.isfinite(auto.predict(population_of(items)).mean).all()
    assert auto.chosen in auto.why
    bare = create("auto", context=Context(SPACE, FALLS)).fit([replace(each, scores={}) for each in items[:n]])
    assert np.isfinite(bare.predict(population_of(items)).mean).all()
    assert bare.chosen in bare.why


def test_auto_learns_from_labels_that_differ_in_one_place_only():
    items = [replace(item, metrics={"y": 2.0 + (index == 3)}) for index, item in enumerate(observed(FALLS, 6))]
    auto = create("auto(gp)", context=Context(SPACE, FALLS)).fit(items[:4])
    assert np.isfinite(auto.predict(population_of(items)).mean).all()
    few = create("auto(distilled)", context=Context(SPACE, FALLS)).fit(items)
    assert "6 labels are too few to judge calibrated:distilled" in few.why
