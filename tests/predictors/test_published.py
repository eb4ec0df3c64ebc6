"""The rows of Table 1 of arXiv 2310.16712, recomputed, and what the same ten labels give to other predictors."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from foretell.observations import metric_column, population_of
from foretell.predictors import Columns, Context, create

TASKS = ("wmt14ende", "wmt14enfr", "wmt19ende")


def score(collection, spelling):
    """Mean absolute errors and Kendall's taus of the three stored splits."""
    context = Context(collection.space, columns=Columns.of(collection.observations, "valid_bleu"))
    maes, taus = [], []
    for split in collection.splits:
        mean = create(spelling, context=context).fit(split.train).predict(population_of(split.test)).mean
        truth = metric_column(split.test)
        maes.append(np.abs(mean - truth).mean())
        taus.append(kendalltau(np.round(mean, 9), truth).statistic)
    return np.array(maes), np.array(taus)


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("HAT", "1.144 .022 .706 .030  1.594 .029 .793 .009  .912 .020 .723 .070"),
        ("Supernet (Sandwich)", "1.048 .030 .814 .019  1.268 .022 .776 .039  .912 .020 .723 .070"),
        ("Layer-wise MoS", ".966 .038 .562 .115  1.158 .021 .786 .032  .960 .020 .739 .038"),
        ("Neuron-wise MoS", ".874 .019 .794 .018  1.184 .017 .867 .022  .868 .011 .666 .048"),
    ],
)
def test_baselines_of_the_paper(tfs_tasks, column, rows):
    """For each task: MAE, its deviation over splits, tau, its deviation."""
    expected = np.array(rows.split(), dtype=float).reshape(3, 4)
    for task, row in zip(TASKS, expected, strict=True):
        maes, taus = score(tfs_tasks[task], f"column:{column}")
        found = [maes.mean(), maes.std(), taus.mean(), taus.std()]
        assert np.round(found, 3).tolist() == row.tolist(), task


@pytest.mark.parametrize(
    ("spelling", "rows"),
    [
        ("constant", ".568 nan  .595 nan  .706 nan"),
        ("calibrated(column:HAT, shape=offset)", ".268 .706  .250 .793  .200 .723"),
        ("calibrated(column:Supernet (Sandwich), shape=offset)", ".151 .814  .171 .776  .200 .723"),
        ("calibrated(column:Layer-wise MoS, shape=offset)", ".288 .562  .140 .786  .230 .739"),
        ("calibrated(column:Neuron-wise MoS, shape=offset)", ".142 .794  .147 .867  .272 .666"),
        ("calibrated(column:Neuron-wise MoS, shape=line)", ".148 .794  .095 .867  .244 .666"),
        ("depth", ".194 .806  .234 .810  .303 .741"),
        ("linear(features=log-depth)", ".162 .806  .194 .810  .245 .741"),
        ("flops", ".346 .580  .263 .709  .277 .707"),
        ("params", ".376 .583  .300 .693  .278 .691"),
        ("ridge(features=log-depth+log-params, strength=0.1)", ".149 .728  .172 .816  .212 .779"),
        ("gp(features=log-depth+log-params)", ".149 .710  .186 .820  .198 .776"),
        ("ridge(features=hat, strength=1)", ".290 .657  .230 .762  .337 .636"),
        ("gp(features=hat)", ".318 .629  .221 .786  .349 .611"),
        (
            "ridge(features=column:Neuron-wise MoS+log-depth+log-params, strength=1)",
            ".134 .777  .092 .888  .187 .781",
        ),
    ],
)
def test_what_ten_labels_give_to_others(tfs_tasks, spelling, rows):
    """For each task: MAE and tau."""
    expected = np.array(rows.split(), dtype=float).reshape(3, 2)
    for task, (mae, tau) in zip(TASKS, expected, strict=True):
        maes, taus = score(tfs_tasks[task], spelling)
        assert round(maes.mean(), 3) == pytest.approx(mae, abs=1e-9), task
        if np.isfinite(tau):
            assert round(taus.mean(), 3) == pytest.approx(tau, abs=1e-9), task


@pytest.mark.parametrize(
    ("task", "spelling", "mae", "tau"),
    [
        ("wmt14ende", "regression", 0.145, 0.78),
        ("wmt14ende", "auto", 0.14, 0.80),
        ("wmt14enfr", "regression", 0.125, 0.86),
        ("wmt14enfr", "auto", 0.095, 0.89),
        ("wmt19ende", "regression", 0.205, 0.73),
        ("wmt19ende", "auto", 0.18, 0.77),
    ],
)
def test_ours_are_as_good_as_the_best_of_them(tfs_tasks, task, spelling, mae, tau):
    maes, taus = score(tfs_tasks[task], spelling)
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
