"""Experience: what it knows without a label, what it may not look at, and what it does with trainings on the way."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from foretell import spaces
from foretell.errors import InputError
from foretell.evaluation import SplitPlan, evaluate
from foretell.observations import Observation, ObservationSet, load
from foretell.predictors import Context, TooFewLabelsError, create
from foretell.predictors.features import feature_matrix
from foretell.predictors.records import LOSS, Record, loss_at, merged_records, records_of, shipped_records
from foretell.spaces import SearchSpace
from foretell.testing import PredictorConformance

SPACE = spaces.create("small-seq2seq")
DEPTH = "log-depth+log-params"


class TestExperience(PredictorConformance):
    spelling = "experience"


def task(name, n=30, seed=0, level=20.0, sign=1.0, space=SPACE, rows=None):
    """A task whose quality grows with depth and size, and whose loss does, too, from a quarter of the training on."""
    rng = np.random.default_rng(seed)
    if rows is None:
        rows = np.unique(space.canonical(space.sample(4 * n, rng)), axis=0)
        rows = rows[rng.permutation(len(rows))[:n]]
    x = feature_matrix(DEPTH, space, rows, Context(space), Context().columns)
    hidden = rng.normal(0, 0.7, len(rows))  # what no feature says
    quality = sign * (2 * x[:, 0] + x[:, 1] - x[:, 1].mean()) + hidden
    items = []
    for architecture, value in zip(space.architectures(rows), quality, strict=True):
        history = [{"update": at, LOSS: 9.0 - 0.3 * value - at / 1000} for at in (250, 500, 1000)]
        about = {"task": name, "corpus": f"corpus of {name}", "updates": 1000, "history": history}
        metrics = {"test_bleu": level + value + rng.normal(0, 0.1), LOSS: history[-1][LOSS]}
        items.append(Observation(architecture, metrics, provenance=about))
    return items


def records(*tasks):
    return tuple(record for each in tasks for record in records_of(each[0].provenance["task"], each))


OTHERS = (task("one", seed=1), task("two", seed=2, level=30.0))
JUDGED = task("judged", seed=3, level=25.0)
ROWS = SPACE.population([item.architecture for item in JUDGED])
TRUTH = np.array([item.metrics["test_bleu"] for item in JUDGED])


def fitted(labels=(), others=OTHERS, spelling="experience", **about):
    context = Context(SPACE, metric="test_bleu", records=records(*others), **about)
    return create(spelling, context=context).fit(list(labels))


def tau(predictor, start=0):
    return kendalltau(predictor.predict(ROWS[start:]).mean, TRUTH[start:]).statistic


def test_the_curve_of_a_training_that_ended_early_is_read_by_the_shares_of_its_recipe():
    whole = next(item for item in JUDGED if item.provenance.get("history"))
    total, history = whole.provenance["updates"], whole.provenance["history"]
    ended = total // 2
    seen = [point for point in history if point["update"] <= ended]
    best = min(point[LOSS] for point in seen)
    about = {**whole.provenance, "updates": ended, "recipe_updates": total, "history": seen}
    early = replace(whole, provenance=about, metrics={**whole.metrics, LOSS: best})
    for share in (0.125, 0.25, 0.5):
        assert loss_at(early, share) == loss_at(whole, share)
    assert loss_at(early, 0.75) == best


def test_no_label_is_needed():
    predictor = fitted()
    assert tau(predictor) > 0.6
    assert predictor.records == ("one", "two")
    assert predictor.why.startswith("learnt from one (")


def test_labels_make_it_better():
    before, after = fitted().predict(ROWS[8:]), fitted(JUDGED[:8]).predict(ROWS[8:])
    assert np.abs(after.mean - TRUTH[8:]).mean() < np.abs(before.mean - TRUTH[8:]).mean()
    assert after.std.max() < before.std.min()


@pytest.mark.parametrize("labels", [JUDGED[:1], [replace(i, metrics={"test_bleu": 25.0}) for i in JUDGED[:4]]])
def test_one_label_and_labels_that_are_all_equal_do_no_harm(labels):
    assert tau(fitted(labels), start=4) > 0.5


def test_the_task_itself_is_never_a_source():
    """Whether its labels tell which it is, or whoever judges says so."""
    everything = (*OTHERS, JUDGED)
    assert fitted(JUDGED[:3], everything).records == ("one", "two")
    assert fitted((), everything, judged=frozenset({"corpus of judged"})).records == ("one", "two")


def test_what_is_judged_is_not_looked_up_in_other_tasks():
    """Every architecture's own labels on other tasks are left out: there, they are absurd."""
    absurd = task("absurd", seed=4, sign=-1.0, rows=ROWS)
    good = task("good", n=60, seed=5)
    honest = fitted((), (good, absurd), disjoint=True).predict(ROWS[:4])
    moved = [
        replace(item, metrics={"test_bleu": 1000.0}) if at < 1 else item for at, item in enumerate(absurd)
    ]  # of the very architecture that is predicted
    blind = fitted((), (good, moved), disjoint=True).predict(ROWS[:1])
    np.testing.assert_array_equal(blind.mean, honest.mean[:1])
    knowing = fitted((), (good, moved), disjoint=False).predict(ROWS[:1])
    assert not np.array_equal(knowing.mean, honest.mean[:1])


def test_a_quarter_of_a_training_says_more_than_the_genes():
    parts = [replace(item, metrics={LOSS: loss_at(item, 0.25)}, fidelity=0.25) for item in JUDGED]
    assert tau(fitted(parts)) > tau(fitted()) + 0.15


def test_those_that_are_still_racing_are_not_mixed_up_with_those_that_are_out():
    """The best third went on to half of the training: their losses are lower because they trained for longer."""
    order = np.argsort(-TRUTH)
    parts = [replace(item, metrics={LOSS: loss_at(item, 0.25)}, fidelity=0.25) for item in JUDGED]
    parts += [
        replace(JUDGED[at], metrics={LOSS: loss_at(JUDGED[at], 0.5)}, fidelity=0.5) for at in order[: len(order) // 3]
    ]
    assert tau(fitted(parts)) > tau(fitted()) + 0.15


def test_partial_trainings_are_no_labels():
    parts = [replace(item, metrics={LOSS: 5.0}, fidelity=0.25) for item in JUDGED[:5]]
    predictor = fitted([*JUDGED[:3], *parts])
    assert predictor.labels == 3
    assert len(predictor.save_state()) == 8


def test_losses_where_no_other_task_has_a_curve_go_unused():
    bare = [[replace(i, provenance={"task": i.provenance["task"]}) for i in each] for each in OTHERS]
    parts = [replace(item, metrics={LOSS: loss_at(item, 0.25)}, fidelity=0.25) for item in JUDGED]
    with_parts, without = fitted(parts, bare), fitted((), bare)
    np.testing.assert_array_equal(with_parts.predict(ROWS).mean, without.predict(ROWS).mean)


def test_an_architecture_that_has_a_label_is_partly_what_it_says():
    lucky = replace(JUDGED[0], metrics={"test_bleu": TRUTH[0] + 3})
    plain = fitted(JUDGED[:10]).predict(ROWS[:1]).mean[0]
    assert fitted([lucky, *JUDGED[1:10]]).predict(ROWS[:1]).mean[0] > plain + 1


def test_without_records_it_is_the_regression_and_says_so():
    alone, regression = fitted(JUDGED[:10], ()), fitted(JUDGED[:10], (), "regression")
    np.testing.assert_array_equal(alone.predict(ROWS).mean, regression.predict(ROWS).mean)
    assert "regression on the labels alone" in alone.why
    with pytest.raises(TooFewLabelsError, match="no other task of the family of small-seq2seq has test_bleu on record"):
        fitted((), ())


def test_records_of_another_family_say_nothing():
    own = SearchSpace({"width": [1, 2, 3, 4]})
    foreign = [
        Observation(a, {"test_bleu": float(a["width"])}, provenance={"task": "x"})
        for a in own.architectures(own.sample(20, np.random.default_rng(0)))
    ]
    with pytest.raises(InputError, match="no other task"):
        fitted((), (foreign,))


def test_a_metric_of_the_other_direction():
    context = Context(SPACE, metric=LOSS, records=records(*OTHERS))
    predictor = create("experience", context=context).fit([])
    losses = [item.metrics[LOSS] for item in JUDGED]
    assert kendalltau(predictor.predict(ROWS).mean, losses).statistic > 0.6


def test_another_space_of_the_family_is_read_by_relative_features():
    larger = spaces.create("hat-wmt14-en-de")
    predictor = fitted((), (task("large", n=40, seed=7, space=larger),))
    assert tau(predictor) > 0.5


def test_records_of_the_very_space_are_preferred():
    larger = spaces.create("hat-wmt14-en-de")
    predictor = fitted((), (OTHERS[0], task("large", n=40, seed=7, space=larger, sign=-1.0)))
    assert predictor.records == ("one",)


def test_what_ships_is_of_the_family_and_sorted_by_task():
    found = {record.name for record in shipped_records(SPACE)}
    assert {"reference:en-de + reference:en-de-more", "reference:en-ga", "published:tfs-eval-wmt14ende"} <= found
    assert shipped_records(SearchSpace({"width": [1, 2]})) == []


def test_nothing_is_said_where_every_label_would_be_its_own():
    """Five architectures on one other task, and one of those is judged: what is left differs in nothing."""
    few = [replace(item, provenance={"task": "few"}, metrics={"test_bleu": 20.0}) for item in JUDGED[:4]]
    few.append(replace(JUDGED[4], provenance={"task": "few"}, metrics={"test_bleu": 30.0}))
    said = fitted((), (few,), disjoint=True).predict(ROWS[4:6])
    assert np.isnan(said.mean[0])
    assert "no score" in said.reasons[0]
    assert np.isfinite(said.mean[1])


def test_records_of_one_task_are_one():
    parts = [Record("first", SPACE, tuple(JUDGED[:9]), frozenset({"t"}))] * 2
    other = Record("other", SPACE, tuple(JUDGED[9:]), frozenset({"u"}))
    same = Record("second", SPACE, tuple(JUDGED[9:12]), frozenset({"t"}))
    found = merged_records([*parts, other, same])
    assert [record.name for record in found] == ["first + second", "other"]
    assert len(found[0].labels(Context(metric="test_bleu").quality)) == 12


def test_a_task_whose_labels_are_chance_for_a_good_part_teaches_nothing_where_others_do():
    rng = np.random.default_rng(0)

    def again(items, noise):
        """Trainings that were repeated with other seeds."""
        return [
            Observation(
                each.architecture,
                {"test_bleu": each.metrics["test_bleu"] + rng.normal(0, noise)},
                provenance=each.provenance,
            )
            for each in items[:10]
        ]

    clear = [*OTHERS[0], *again(OTHERS[0], 0.2)]
    blurred = [*OTHERS[1], *again(OTHERS[1], 4.0)]
    assert fitted(others=(clear, blurred)).records == ("one",)
    assert fitted(others=(blurred,)).records == ("two",)


def test_few_labels_do_not_make_a_source():
    record = Record("few", SPACE, tuple(JUDGED[:4]), frozenset())
    assert record.labels(Context(metric="test_bleu").quality) is None


def test_a_table_without_labels_leaves_out_what_needs_one():
    collection = ObservationSet(SPACE, tuple(JUDGED))
    context = Context(records=records(*OTHERS))
    result = evaluate(
        collection,
        ["experience", "regression"],
        metric="test_bleu",
        demonstrations=[0],
        plan=SplitPlan("random:1"),
        draws=10,
        context=context,
    )
    rows = {row.predictor: row for row in result.rows}
    assert rows["experience"].values["tau"] > 0.6
    assert "needs at least 3" in rows["regression"].note
    assert np.isnan(rows["regression"].values["tau"])


def test_a_shipped_pair_is_predicted_without_its_own_labels():
    known = load("reference:en-ga")
    predictor = create("experience", context=Context(known.space, metric="test_chrf")).fit(known.observations[:3])
    assert "reference:en-ga" not in predictor.records


@pytest.mark.parametrize("level", [-40.0, 300.0])
def test_one_label_of_a_task_whose_level_nobody_expects_tells_the_level_and_keeps_the_order(level):
    # Levels of other tasks are 20 and 30, their spreads about two: this label is twenty spreads from all others.
    strange = task("judged", seed=3, level=level)
    truth = np.array([item.metrics["test_bleu"] for item in strange])
    before = kendalltau(fitted().predict(ROWS).mean, truth)[0]
    for count in (1, 2, 3):
        said = fitted(strange[:count]).predict(ROWS[count:]).mean
        assert kendalltau(said, truth[count:])[0] > before - 0.1
        assert np.abs(said - truth[count:]).mean() < 2 * truth.std()


def test_what_goes_together_is_learnt_from_other_tasks():
    """Good are encoders as deep as decoders, which no sum over genes tells."""

    def matched(name, seed):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(np.unique(SPACE.canonical(SPACE.sample(60, rng)), axis=0))
        depths = [np.log(SPACE.numbers(rows, f"{stack}-layer-num")[:, 0]) for stack in ("encoder", "decoder")]
        values = 20 - 4 * (depths[0] - depths[1]) ** 2 + rng.normal(0, 0.2, len(rows))
        return rows, [
            Observation(a, {"test_bleu": v}, provenance={"task": name})
            for a, v in zip(SPACE.architectures(rows), values, strict=True)
        ]

    rows, judged = matched("judged", 3)
    said = fitted((), (matched("one", 1)[1], matched("two", 2)[1])).predict(rows).mean
    truth = [item.metrics["test_bleu"] for item in judged]
    assert kendalltau(said, truth).statistic > 0.7
    alone = create("regression", context=Context(SPACE, metric="test_bleu")).fit(judged[:40]).predict(rows[40:]).mean
    assert kendalltau(alone, truth[40:]).statistic > 0.5  # .35 by sums
