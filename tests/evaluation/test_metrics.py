import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from foretell.evaluation import Judged, discordance, figures, measure, student_interval


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


def test_many_rows_are_judged_like_few():
    """In n log n where every pair would be too much: the same figures, but for taus over a sample of pairs."""
    rng = np.random.default_rng(3)
    n = 900
    truth = rng.normal(size=n).round(2)
    mean = (truth + rng.normal(0, 0.5, n)).round(2)
    mean[5] = np.nan
    size = np.exp(rng.normal(0, 1, n))
    judged = Judged(truth, rng.integers(0, 3, n), mean, np.full(n, 0.5), calibrated=True, size=size, top=5)
    quick, slow = figures(judged), measure(judged, np.ones((1, n)))
    for key, value in slow.items():
        assert quick[key] == pytest.approx(float(value[0]), abs=1e-9), key


def test_same_size_tau_sees_pairs_of_about_one_size():
    truth = np.array([1.0, 2.0, 3.0, 4.0, 9.0])
    mean = np.array([2.0, 1.0, 4.0, 3.0, 0.0])
    size = np.array([100.0, 109.0, 200.0, 219.0, np.nan])
    judged = Judged(truth, np.zeros(5, int), mean, None, calibrated=False, size=size)
    assert measure(judged, np.ones((1, 5)))["same_size_tau"][0] == -1.0
    apart = Judged(truth, np.zeros(5, int), mean, None, calibrated=False, size=np.array([1.0, 2, 4, 8, 16]))
    assert np.isnan(measure(apart, np.ones((1, 5)))["same_size_tau"][0])
    without = Judged(truth, np.zeros(5, int), mean, None, calibrated=False)
    assert np.isnan(measure(without, np.ones((1, 5)))["same_size_tau"][0])


def test_pearson_and_the_rank_of_the_best_found(judged):
    found = measure(judged, np.ones((1, 20)))
    assert found["pearson"][0] == pytest.approx(np.corrcoef(judged.mean, judged.truth)[0, 1])
    truth = np.array([5.0, 1.0, 2.0, 3.0, 4.0])
    worst = Judged(truth, np.zeros(5, int), -truth, None, calibrated=True, top=2)
    assert measure(worst, np.ones((1, 5)))["rank"][0] == 4.0
    assert measure(worst, np.ones((1, 5)))["regret"][0] == 3.0
    best = Judged(truth, np.zeros(5, int), truth, None, calibrated=True, top=1)
    assert measure(best, np.ones((1, 5)))["rank"][0] == 1.0


def test_the_interval_of_few_values_holds_the_mean_as_often_as_it_says():
    """A bootstrap of five holds it in 84 of 100 draws."""
    drawn = np.random.default_rng(0).normal(3.0, 2.0, (400, 5))
    held = [low <= 3.0 <= high for low, high in map(student_interval, drawn)]
    assert 0.92 < np.mean(held) < 0.98
    assert student_interval([1.0, 2.0]) is None
    assert student_interval([1.5, 1.5, 1.5]) == (1.5, 1.5)
