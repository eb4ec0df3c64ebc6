import numpy as np
import pytest

from foretell import spaces
from foretell.observations import Observation, population_of
from foretell.predictors import Columns, Context, Predictor, create, leave_one_out
from foretell.predictors.leave_one_out import held_out
from foretell.predictors.weighted import Weighted
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


@pytest.fixture
def observed():
    everything = make_observations(SPACE, 40)
    return everything[:12], everything[12:], Context(SPACE, columns=Columns.of(everything, "valid_bleu"))


def rescored(items, change):
    return [
        Observation(item.architecture, item.metrics, item.costs, {"s": {"valid_bleu": change(index, item)}})
        for index, item in enumerate(items)
    ]


def test_an_offset_is_taken_off_and_leave_one_out_is_that_of_refitting(observed):
    known, _, _ = observed
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.2, len(known))
    items = rescored(known, lambda i, item: item.metric() - 3 + noise[i])
    predictor = create("calibrated:column:s").fit(items)
    held = leave_one_out(create(f"calibrated(column:s, shape={predictor.chosen})"), items)
    truth = np.array([item.metric() for item in items])
    assert predictor.errors[predictor.chosen] == pytest.approx(np.sqrt(((truth - held) ** 2).mean()))
    assert np.abs(predictor.predict(population_of(items)).mean - truth).mean() < 0.4


def test_a_line_is_chosen_where_an_offset_cannot_do(observed):
    known, _, _ = observed
    predictor = create("calibrated:column:s").fit(rescored(known, lambda _, item: 100 - 4 * item.metric()))
    assert predictor.chosen == "line"
    assert predictor.errors["line"] < predictor.errors["offset"]


def test_the_median_shrugs_off_one_failure(observed):
    known, rest, _ = observed
    broken = []
    for index, item in enumerate([*known, *rest]):
        value = item.metric()
        third = value - 8.0 if index == len(known) else value
        scores = {"a": {"valid_bleu": value}, "b": {"valid_bleu": value}, "c": {"valid_bleu": third}}
        broken.append(Observation(item.architecture, item.metrics, item.costs, scores))
    context = Context(SPACE, columns=Columns.of(broken, "valid_bleu"))
    inside = ",".join(f"calibrated:column:{name}" for name in "abc")
    victim = population_of(broken[len(known) : len(known) + 1])
    truth = broken[len(known)].metric()
    median = create(f"consensus({inside})", context=context).fit(broken[: len(known)]).predict(victim).mean[0]
    mean = create(f"mean({inside})", context=context).fit(broken[: len(known)]).predict(victim).mean[0]
    assert abs(median - truth) < 0.1 < abs(mean - truth)


def test_stacking_gives_no_weight_to_what_was_memorised(observed):
    """A score that is the label itself on labelled rows, and noise elsewhere, must not be believed."""
    known, rest, context = observed
    truth = np.array([item.metric() for item in rest])
    parrot = create("stacked(ridge(features=per-layer, strength=1e-4))", context=context).fit(known)
    plain = create("ridge(features=log-depth+log-params, strength=0.1)", context=context).fit(known)
    error = np.abs(parrot.predict(population_of(rest)).mean - truth).mean()
    assert error < 2 * np.abs(plain.predict(population_of(rest)).mean - truth).mean()


def test_auto_says_why_and_keeps_the_cheaper(observed):
    known, _, context = observed
    auto = create("auto", context=context).fit(known)
    assert auto.chosen in auto.why
    assert {each.name for each in auto.candidates} >= {"regression", "constant", "calibrated:column:score"}
    assert min(each.excess for each in auto.candidates) == 0.0

    dear = create("column:score", context=context)
    dear.price = 3
    dear.name = "dear"
    from foretell.predictors.auto import Auto

    frugal = Auto([dear], context, scores=False).fit(known)
    near = [each for each in frugal.candidates if each.excess <= 1]
    assert min(each.price for each in near) == next(e.price for e in frugal.candidates if e.name == frugal.chosen)


def test_auto_falls_back_to_the_regression_where_no_score_is_on_record(observed):
    known, rest, _ = observed
    auto = create("auto", space=SPACE).fit(known)
    mean = auto.predict(population_of(rest)).mean
    assert not np.isnan(mean).any()


def test_leave_one_out_hides_the_label_but_not_the_score(observed):
    known, _, _ = observed
    held = leave_one_out(create("calibrated:column:score"), known)
    assert not np.isnan(held).any()
    fitted = create("calibrated:column:score").fit(known).predict(population_of(known)).mean
    assert np.abs(held - fitted).max() > 0


def test_ranks_ignore_how_far_an_outlier_is_out(observed):
    known, rest, _ = observed
    best = max(range(len(known)), key=lambda index: known[index].metric())
    far = list(known)
    far[best] = Observation(far[best].architecture, {"valid_bleu": 900.0}, far[best].costs, far[best].scores)
    population = population_of(rest)
    one = create("rank:regression").fit(known).predict(population).mean
    other = create("rank:regression").fit(far).predict(population).mean
    np.testing.assert_allclose(one, other)


def test_weights_follow_errors_on_unseen_labels(observed):
    known, _, context = observed
    parrot = "ridge(features=per-layer, strength=1e-4)"  # right about every label that it has seen
    weighted = create(f"weighted(regression, {parrot}, constant)", context=context).fit(known)
    assert weighted.weights.sum() == pytest.approx(1)
    assert (weighted.weights >= 0).all()
    assert weighted.weights[0] > 0.5
    truth = np.array([item.metric() for item in known])
    assert np.abs(weighted.scores[0] - leave_one_out(create("regression", context=context), known)).max() < 1e-12
    # What it says of its labels was made without them, so its weights are not judged on what chose them.
    best = ((weighted.weights @ weighted.scores - truth) ** 2).mean()
    assert ((weighted.held_out - truth) ** 2).mean() >= best


def test_who_has_no_weight_is_not_asked(observed):
    known, rest, context = observed
    weighted = Weighted([create("depth", context=context), Wrong(context)], context).fit(known)
    assert weighted.weights.tolist() == [1, 0]
    weighted.inner[1].predict = None
    population = population_of(rest)
    np.testing.assert_allclose(
        weighted.predict(population).mean, create("depth", context=context).fit(known).predict(population).mean
    )


class Wrong(Predictor):
    """Far off on one side, and dear; counts how often it is fitted."""

    name, minimum, spread, price = "wrong", 1, False, 3
    fits = 0

    def _learn(self, labels):
        type(self).fits += 1

    def _score(self, population):
        return np.full(len(population), 99.0), None


def test_what_costs_money_is_fitted_ten_times_at_most_and_order_decides_nothing(observed):
    known, rest, context = observed
    Wrong.fits = 0
    assert held_out(Wrong(context), [*known, *rest]).tolist() == [99.0] * 40
    assert Wrong.fits == 10
    dear = create("depth", context=context)
    dear.price = 3
    items = [*known, *rest]
    forwards, backwards = held_out(dear, items), held_out(dear, items[::-1])
    np.testing.assert_allclose(forwards, backwards[::-1])
    assert not np.allclose(forwards, leave_one_out(dear, items))
    np.testing.assert_allclose(held_out(dear, items[:10]), leave_one_out(dear, items[:10]))


def test_whoever_asks_for_fewer_fits_gets_no_more(observed):
    known, rest, context = observed
    Wrong.fits = 0
    assert held_out(Wrong(context), [*known, *rest], 4).tolist() == [99.0] * 40
    assert Wrong.fits == 4
