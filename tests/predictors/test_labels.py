import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.observations import Observation
from foretell.predictors import Context, Labels, TooFewLabelsError, create
from foretell.predictors.labels import AbsurdLabelWarning
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


def relabel(item, value):
    return Observation(item.architecture, {"valid_bleu": value}, item.costs, item.scores)


def test_repeated_architectures_are_averaged_and_their_spread_reported():
    a, b, c, *_ = make_observations(SPACE, 5)
    labels = Labels.of([relabel(a, 20.0), relabel(b, 21.0), relabel(a, 22.0), relabel(c, 25.0)], "valid_bleu", SPACE)
    assert labels.values.tolist() == [21.0, 21.0, 25.0]
    assert labels.noise == pytest.approx(np.sqrt(2))
    predictor = create("depth").fit([relabel(a, 20.0), relabel(a, 22.0), relabel(c, 25.0)])
    assert predictor.labels == 2
    assert predictor.label_noise == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize("name", ["regression", "ridge", "gp", "auto", "stacked(column:score)", "rank:regression"])
def test_too_few_labels_says_how_many_are_needed(name):
    with pytest.raises(TooFewLabelsError, match=r"needs at least \d labelled architectures, found 1"):
        create(name).fit(make_observations(SPACE, 1))


def test_equal_labels_are_refused_where_something_is_to_be_learnt():
    same = [relabel(item, 25.0) for item in make_observations(SPACE, 6)]
    with pytest.raises(InputError, match=r"all 6 labels .* are 25"):
        create("regression").fit(same)
    assert create("constant").fit(same).labels == 6


@pytest.mark.parametrize("absurd", [-1e9, 1e9])
def test_an_absurd_label_is_said_and_counts_as_the_nearest_of_the_others(absurd):
    items = make_observations(SPACE, 8)
    values = [20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0]
    shown = [relabel(item, value) for item, value in zip(items, [*values, absurd], strict=False)]
    nearest = 20.0 if absurd < 0 else 26.0
    with pytest.warns(AbsurdLabelWarning, match="absurdly far from the others, which are") as said:
        labels = Labels.of(shown, "valid_bleu", SPACE)
    assert len(said) == 1
    assert str(said[0].message).endswith(f"it counts as {nearest:g}: correct or remove it.")
    assert labels.values.tolist() == [*values, nearest]
    assert labels.observations[-1].metric("valid_bleu") == nearest
    # Beside another label of the same architecture it spoils neither their mean nor the noise.
    with pytest.warns(AbsurdLabelWarning):
        again = Labels.of([*shown, relabel(items[3], absurd)], "valid_bleu", SPACE)
    assert again.values[3] == np.mean([23.0, nearest])
    assert again.noise < 3


@pytest.mark.parametrize(
    "values", [[93.1, 93.2, 93.3, 93.4, 10.0], [10.0, 10.0, 10.0, 10.001, 91.0], [4.1, 4.2, 900.0]]
)
def test_what_failed_to_learn_or_alone_has_learnt_is_not_absurd(values):
    items = make_observations(SPACE, len(values))
    shown = [relabel(item, value) for item, value in zip(items, values, strict=True)]
    assert Labels.of(shown, "valid_bleu", SPACE).values.tolist() == values


def test_a_missing_metric_lists_what_is_there():
    predictor = create("regression", context=Context(SPACE, metric="test_bleu"))
    with pytest.raises(InputError, match=r"no metric 'test_bleu'; it has valid_bleu"):
        predictor.fit(make_observations(SPACE, 5))


def test_a_missing_column_lists_what_is_there():
    with pytest.raises(UnknownNameError, match=r"unknown column 'scoer'.*did you mean 'score'"):
        create("calibrated:column:scoer").fit(make_observations(SPACE, 5))
    bare = [Observation(item.architecture, item.metrics) for item in make_observations(SPACE, 5)]
    with pytest.raises(InputError, match="no scores and no costs"):
        create("calibrated:column:HAT").fit(bare)


def test_a_column_with_gaps_is_named():
    items = make_observations(SPACE, 6)
    items[0] = Observation(items[0].architecture, items[0].metrics)
    with pytest.raises(InputError, match="no score for 1 of 6"):
        create("calibrated:column:score").fit(items)
    with pytest.raises(InputError, match="1 of 6 labelled architectures lack"):
        create("ridge(features=column:score)").fit(items)


def test_latency_is_not_guessed():
    bare = [Observation(item.architecture, item.metrics) for item in make_observations(SPACE, 5)]
    with pytest.raises(InputError, match="no latency model was given"):
        create("latency").fit(bare)


def test_a_population_of_another_space_is_refused():
    predictor = create("depth").fit(make_observations(SPACE, 5))
    other = spaces.create("hat-wmt14-en-de")
    with pytest.raises(InputError, match="columns"):
        predictor.predict(other.sample(2, np.random.default_rng(0)))


def test_asking_before_fitting_is_one_sentence():
    with pytest.raises(InputError, match=r"call fit\(\) first"):
        create("regression", space=SPACE).predict(SPACE.sample(1, np.random.default_rng(0)))
