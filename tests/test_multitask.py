"""The regression over tasks: what it takes from others, and when it stops believing them."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from foretell.multitask import TaskLabels, fit_multitask
from foretell.ridge import average_ridge

GRID = np.array([[s] for s in (0.03, 0.3, 3.0, 30.0, np.inf)])
SLOPE = np.array([1.0, -0.5, 0.3, 0.0])


def task(n, seed, slope=SLOPE, level=0.0, scale=1.0, noise=0.2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(slope)))
    return x, TaskLabels([x], level + scale * (x @ slope + rng.normal(0, noise, n)))


OTHERS = [task(25, seed, level=10 * seed, scale=2.0)[1] for seed in (1, 2, 3)]
TESTED, TRUTH = task(60, 99, level=33.0, scale=2.0)


def none_of(width=4):
    return TaskLabels([np.empty((0, width))], np.empty(0))


def some(n):
    return TaskLabels([TESTED[:n]], TRUTH.values[:n])


def test_without_a_label_the_order_is_known_and_the_level_is_not():
    mean, std = fit_multitask(OTHERS, none_of(), GRID).predict(TESTED)
    assert kendalltau(mean, TRUTH.values).statistic > 0.8
    assert std.min() > 5.0


def test_labels_move_the_level_and_narrow_the_intervals():
    fitted = fit_multitask(OTHERS, some(5), GRID)
    mean, std = fitted.predict(TESTED[5:])
    error = np.abs(mean - TRUTH.values[5:])
    assert error.mean() < 0.8
    assert std.max() < 2.0
    assert 0.75 < (error < 1.645 * std).mean() <= 1.0


def test_few_labels_and_other_tasks_are_better_than_few_labels():
    mean, _ = fit_multitask(OTHERS, some(6), GRID).predict(TESTED[6:])
    alone, _ = average_ridge([TESTED[:6]], TRUTH.values[:6], GRID).predict(TESTED[6:])
    error, error_alone = (np.abs(each - TRUTH.values[6:]).mean() for each in (mean, alone))
    assert error < 0.8 * error_alone


def test_a_task_that_contradicts_the_labels_is_not_believed():
    contrary = task(25, 7, slope=-SLOPE)[1]
    fitted = fit_multitask([*OTHERS, contrary], some(20), GRID)
    assert fitted.trust[3] < 0.2
    assert kendalltau(fitted.predict(TESTED[20:])[0], TRUTH.values[20:]).statistic > 0.7


def test_many_labels_outvote_tasks_that_all_contradict_them():
    contrary = [task(25, seed, slope=-SLOPE)[1] for seed in (7, 8)]
    fitted = fit_multitask(contrary, some(30), GRID)
    alone, _ = average_ridge([TESTED[:30]], TRUTH.values[:30], GRID).predict(TESTED[30:])
    error, error_alone = (np.abs(e - TRUTH.values[30:]).mean() for e in (fitted.predict(TESTED[30:])[0], alone))
    assert error < 1.1 * error_alone


@pytest.mark.parametrize("unit", [0.01, 1.0, 1000.0])
def test_units_do_not_matter(unit):
    others = [TaskLabels(each.blocks, unit * each.values) for each in OTHERS]
    own = TaskLabels([TESTED[:5]], unit * TRUTH.values[:5])
    mean, std = fit_multitask(others, own, GRID).predict(TESTED)
    expected, expected_std = fit_multitask(OTHERS, some(5), GRID).predict(TESTED)
    np.testing.assert_allclose(mean, unit * expected, rtol=1e-6)
    np.testing.assert_allclose(std, unit * expected_std, rtol=1e-6)


def test_the_level_can_be_left_out_of_the_uncertainty():
    fitted = fit_multitask(OTHERS, none_of(), GRID)
    assert (fitted.predict(TESTED, level=False)[1] < 0.3 * fitted.predict(TESTED)[1]).all()


def test_one_other_task_is_enough():
    mean, _ = fit_multitask(OTHERS[:1], none_of(), GRID).predict(TESTED)
    assert kendalltau(mean, TRUTH.values).statistic > 0.7
