"""The process: its gradient, its leave-one-out predictions, and what it learns."""

import numpy as np
import pytest

from foretell.gaussian_process import Part, _Task, fit_process

PARTS = (
    Part("linear", slice(0, 1), 1.0),
    Part("smooth", slice(0, 2)),
    Part("rough", slice(1, 3), 0.1),
)


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3))
    return x, 50 + 4 * x[:, 0] + 2 * np.sin(2 * x[:, 1]) + rng.normal(0, 0.2, 30)


def test_the_gradient_is_the_slope_of_the_evidence(labels):
    x, y = labels
    task = _Task(PARTS, x, (y - y.mean()) / y.std(), 0.05)
    theta = task.prior_mean + np.linspace(-0.5, 0.5, len(task.prior_mean))
    _, gradient = task(theta)
    for place in range(len(theta)):
        step = np.zeros_like(theta)
        step[place] = 1e-5
        slope = (task(theta + step)[0] - task(theta - step)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_leave_one_out_is_what_a_fit_without_the_label_says(labels):
    x, y = labels
    fitted = fit_process(PARTS, x, y)
    for left in (0, 7, 29):
        rest = np.arange(len(y)) != left
        without = fitted.on(x[rest], y[rest])
        assert without.predict(x[left : left + 1])[0][0] == pytest.approx(fitted.unseen[left], rel=1e-8)


def test_it_predicts_and_knows_how_well(labels):
    x, y = labels
    rng = np.random.default_rng(1)
    fitted = fit_process(PARTS, x, y)
    near = rng.normal(0, 0.7, size=(500, 3))
    truth = 50 + 4 * near[:, 0] + 2 * np.sin(2 * near[:, 1])
    mean, std = fitted.predict(near)
    assert np.abs(mean - truth).mean() < 0.7
    assert 0.8 < (np.abs(mean - truth) < 1.645 * std).mean() <= 1
    far = fitted.predict(np.full((1, 3), 30.0))[1]
    assert far > 3 * std.mean()


def test_many_rows_are_the_same_as_few(labels):
    x, y = labels
    fitted = fit_process(PARTS, x, y)
    rows = np.random.default_rng(2).normal(size=(5000, 3))
    whole = fitted.predict(rows)
    np.testing.assert_allclose(fitted.predict(rows[-3:])[0], whole[0][-3:], rtol=1e-12)


def test_labels_that_two_rows_share_are_no_fault():
    x = np.ones((6, 2))
    fitted = fit_process([Part("linear", slice(0, 2)), Part("smooth", slice(0, 2))], x, np.arange(6.0))
    assert fitted.predict(x[:1])[0][0] == pytest.approx(2.5, abs=0.1)
