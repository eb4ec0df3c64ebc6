import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from foretell.evaluation import Judged, discordance, measure


@pytest.fixture
def judged():
    rng = np.random.default_rng(0)
    truth = rng.normal(25, 1, 20).round(1)
    mean = (truth + rng.normal(0, 0.6, 20)).round(1)
    return Judged(truth, rng.integers(1, 4, 20), mean, np.full(20, 0.6), calibrated=True)


def test_plain_figures_are_scipys(judged):
    found = measure(judged, np.ones((1, 20)))
    assert found["mae"][0] == pytest.approx(np.abs(judged.mean - judged.truth).mean())
    assert found["tau"][0] == pytest.approx(kendalltau(judged.mean, judged.truth).statistic)
    assert found["spearman"][0] == pytest.approx(spearmanr(judged.mean, judged.truth).statistic)


def test_counts_stand_for_repeated_architectures(judged):
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, 20, 20)
    counts = np.bincount(drawn, minlength=20)[None].astype(float)
    found = measure(judged, counts)
    mean, truth = judged.mean[drawn], judged.truth[drawn]
    assert found["mae"][0] == pytest.approx(np.abs(mean - truth).mean())
    assert found["tau"][0] == pytest.approx(kendalltau(mean, truth).statistic)
    assert found["spearman"][0] == pytest.approx(spearmanr(mean, truth).statistic)


def test_tau_in_depth_only_sees_pairs_of_one_depth():
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    mean = np.array([2.0, 1.0, 4.0, 3.0])
    judged = Judged(truth, np.array([1, 1, 2, 2]), mean, None, calibrated=False)
    found = measure(judged, np.ones((1, 4)))
    assert found["tau_in_depth"][0] == -1.0
    assert found["tau"][0] == pytest.approx(1 / 3)
    assert np.isnan(found["mae"][0])
    assert np.isnan(found["coverage"][0])


def test_regret_takes_the_worst_order_of_ties():
    truth = np.array([5.0, 1.0, 2.0, 3.0, 4.0])
    judged = Judged(truth, np.zeros(5, int), np.zeros(5), None, calibrated=True)
    assert measure(judged, np.ones((1, 5)))["regret"][0] == 2.0
    sure = Judged(truth, np.zeros(5, int), truth, None, calibrated=True)
    assert measure(sure, np.ones((1, 5)))["regret"][0] == 0.0


def test_coverage_is_that_of_the_central_interval():
    truth = np.zeros(4)
    judged = Judged(truth, np.zeros(4, int), np.array([0.0, 1.6, 1.7, -1.6]), np.ones(4), calibrated=True)
    assert measure(judged, np.ones((1, 4)))["coverage"][0] == 0.75


def test_abstentions_are_left_out():
    judged = Judged(np.array([1.0, 2.0, 3.0]), np.zeros(3, int), np.array([1.5, np.nan, 3.0]), None, calibrated=True)
    found = measure(judged, np.ones((1, 3)))
    assert found["mae"][0] == 0.25
    assert found["tau"][0] == 1.0


def test_a_constant_has_no_order():
    judged = Judged(np.arange(4.0), np.zeros(4, int), np.ones(4), None, calibrated=True)
    found = measure(judged, np.ones((1, 4)))
    assert np.isnan(found["tau"][0])
    assert np.isnan(found["spearman"][0])


def test_discordant_pairs_by_true_distance():
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    judged = Judged(truth, np.zeros(4, int), np.array([1.0, 4.0, 3.0, 2.0]), None, calibrated=True)
    wrong = discordance([judged])
    assert wrong.distance.tolist() == [1, 2, 3]
    assert wrong.count.tolist() == [2, 1, 0]
    np.testing.assert_allclose(wrong.cdf, [2 / 3, 1, 1])


def test_no_discordant_pair_at_all():
    truth = np.arange(3.0)
    wrong = discordance([Judged(truth, np.zeros(3, int), truth, None, calibrated=True)])
    assert wrong.count.sum() == 0
    assert wrong.cdf.tolist() == [0.0, 0.0]
