"""The rows of REFERENCE 10.3 and 10.4 for WMT'14 En-De, to the third decimal, and what we promise beyond."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from foretell.observations import metric_column, population_of
from foretell.predictors import Columns, Context, create


def score(tfs_eval, spelling):
    context = Context(tfs_eval.space, columns=Columns.of(tfs_eval.observations, "valid_bleu"))
    maes, taus = [], []
    for split in tfs_eval.splits:
        mean = create(spelling, context=context).fit(split.train).predict(population_of(split.test)).mean
        truth = metric_column(split.test)
        maes.append(np.abs(mean - truth).mean())
        taus.append(kendalltau(np.round(mean, 9), truth).statistic)
    return np.array(maes), np.array(taus)


@pytest.mark.parametrize(
    ("column", "mae", "mae_sd", "tau", "tau_sd"),
    [
        ("HAT", 1.144, 0.022, 0.706, 0.030),
        ("Supernet (Sandwich)", 1.048, 0.030, 0.814, 0.019),
        ("Layer-wise MoS", 0.966, 0.038, 0.562, 0.115),
        ("Neuron-wise MoS", 0.874, 0.019, 0.794, 0.018),
    ],
)
def test_baselines_of_the_paper(tfs_eval, column, mae, mae_sd, tau, tau_sd):
    maes, taus = score(tfs_eval, f"column:{column}")
    found = [maes.mean(), maes.std(), taus.mean(), taus.std()]
    assert np.round(found, 3).tolist() == [mae, mae_sd, tau, tau_sd]


@pytest.mark.parametrize(
    ("spelling", "mae", "tau"),
    [
        ("constant", 0.568, None),
        ("calibrated(column:HAT, shape=offset)", 0.268, 0.706),
        ("calibrated(column:Supernet (Sandwich), shape=offset)", 0.151, 0.814),
        ("calibrated(column:Layer-wise MoS, shape=offset)", 0.288, 0.562),
        ("calibrated(column:Neuron-wise MoS, shape=offset)", 0.142, 0.794),
        ("calibrated(column:Neuron-wise MoS, shape=line)", 0.148, 0.794),
        ("depth", 0.194, 0.806),
        ("linear(features=log-depth)", 0.162, 0.806),
        ("flops", 0.346, 0.580),
        ("params", 0.376, 0.583),
        ("ridge(features=log-depth+log-params, strength=0.1)", 0.149, 0.728),
        ("gp(features=log-depth+log-params)", 0.149, 0.710),
        ("ridge(features=hat, strength=1)", 0.290, 0.657),
        ("gp(features=hat)", 0.318, 0.629),
        ("ridge(features=column:Neuron-wise MoS+log-depth+log-params, strength=1)", 0.134, 0.777),
    ],
)
def test_what_ten_labels_give_to_others(tfs_eval, spelling, mae, tau):
    maes, taus = score(tfs_eval, spelling)
    assert round(maes.mean(), 3) == pytest.approx(mae, abs=1e-9)
    if tau is not None:
        assert round(taus.mean(), 3) == pytest.approx(tau, abs=1e-9)


@pytest.mark.parametrize(("spelling", "mae", "tau"), [("regression", 0.15, 0.78), ("auto", 0.14, 0.80)])
def test_ours_beat_all_of_them(tfs_eval, spelling, mae, tau):
    maes, taus = score(tfs_eval, spelling)
    assert maes.mean() <= mae
    assert taus.mean() >= tau


def test_regression_does_not_look_at_recorded_scores_or_latencies(tfs_eval):
    split = tfs_eval.splits[0]
    population = population_of(split.test)
    with_columns = Context(tfs_eval.space, columns=Columns.of(tfs_eval.observations, "valid_bleu"))
    one = create("regression", context=with_columns).fit(split.train).predict(population)
    bare = [type(item)(item.architecture, {"valid_bleu": item.metric()}) for item in split.train]
    other = create("regression").fit(bare).predict(population)
    np.testing.assert_array_equal(one.mean, other.mean)
