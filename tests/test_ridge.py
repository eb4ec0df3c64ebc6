import numpy as np
import pytest

from foretell import ridge as module
from foretell.ridge import LEAST_SQUARES, average_ridge, fit_ridge, standardise


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    blocks = [rng.normal(size=(9, 2)), rng.normal(size=(9, 3))]
    return blocks, rng.normal(size=9) + 20


def ridge(blocks, y, strengths):
    """The textbook: standardise, centre, solve."""
    x = np.hstack(blocks)
    z = (x - x.mean(0)) / x.std(0)
    penalty = np.repeat(strengths, [b.shape[1] for b in blocks])
    return z, np.linalg.solve(z.T @ z + np.diag(penalty), z.T @ (y - y.mean()))


def test_one_point_is_the_textbook_ridge(data):
    blocks, y = data
    fit = average_ridge(blocks, y, np.array([[0.5, 2.0]]))
    z, beta = ridge(blocks, y, [0.5, 2.0])
    np.testing.assert_allclose(fit.coefficients, beta)
    np.testing.assert_allclose(fit.predict(np.hstack(blocks))[0], y.mean() + z @ beta)


def test_leave_one_out_residuals_are_those_of_refitting(data):
    blocks, y = data
    fit = average_ridge(blocks, y, np.array([[0.5, 2.0]]))
    z, _ = ridge(blocks, y, [0.5, 2.0])
    for left in range(len(y)):
        kept = np.arange(len(y)) != left
        # Features stay standardised as they were; the free intercept is refitted with the rest.
        design = np.column_stack([np.ones(kept.sum()), z[kept]])
        penalty = np.diag([0.0, 0.5, 0.5, 2.0, 2.0, 2.0])
        beta = np.linalg.solve(design.T @ design + penalty, design.T @ y[kept])
        assert y[left] - beta[0] - z[left] @ beta[1:] == pytest.approx(fit.residuals[left])


def test_both_ways_of_computing_agree(data):
    blocks, y = data
    z = np.hstack(blocks)
    z = (z - z.mean(0)) / z.std(0)
    prior = np.random.default_rng(1).uniform(0.1, 2, size=(4, 5))
    one, other = module._primal(z, y - y.mean(), prior, 1 / 9), module._dual(z, y - y.mean(), prior, 1 / 9)
    for name in ("log_determinant", "misfit", "free", "residuals", "coefficients"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12)
    kept = np.array([True, False, True, False])
    np.testing.assert_allclose(one.cover(kept), other.cover(kept), rtol=1e-9, atol=1e-12)


def test_an_infinite_strength_switches_a_block_off(data):
    blocks, y = data
    off = average_ridge(blocks, y, np.array([[0.5, np.inf]]))
    alone = average_ridge(blocks[:1], y, np.array([[0.5]]))
    x = np.hstack(blocks)
    np.testing.assert_allclose(off.predict(x)[0], alone.predict(blocks[0])[0])


def test_evidence_prefers_the_block_that_made_the_labels():
    rng = np.random.default_rng(2)
    useful, noise = rng.normal(size=(30, 1)), rng.normal(size=(30, 4))
    y = 3 * useful[:, 0] + rng.normal(0, 0.1, 30)
    grid = np.array([[0.1, np.inf], [np.inf, 0.1], [np.inf, np.inf]])
    assert average_ridge([useful, noise], y, grid).weights.argmax() == 0
    assert average_ridge([useful, noise], y, grid, "loo").weights.argmax() == 0


def test_intervals_cover_what_they_promise():
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(150):
        x, new = rng.normal(size=(10, 2)), rng.normal(size=(20, 2))
        beta = rng.normal(size=2)
        fit = average_ridge([x], x @ beta + rng.normal(0, 0.5, 10), np.array([[0.1], [1.0], [10.0]]))
        mean, std = fit.predict(new)
        inside.append(np.abs(new @ beta + rng.normal(0, 0.5, 20) - mean) <= 1.645 * std)
    assert 0.85 < np.mean(inside) < 0.96


def test_without_means_taken_out_leave_one_out_is_that_of_refitting_too(data):
    blocks, y = data
    design = np.column_stack([np.ones(9), np.hstack(blocks)])
    fits = fit_ridge(design, y, np.array([[0.3] * 6, [2.0] * 6]), centred=False)
    for strength, residuals in zip((0.3, 2.0), fits.residuals, strict=True):
        for left in range(9):
            kept = np.arange(9) != left
            beta = np.linalg.solve(design[kept].T @ design[kept] + strength * np.eye(6), design[kept].T @ y[kept])
            assert y[left] - design[left] @ beta == pytest.approx(residuals[left])
    np.testing.assert_allclose(fits.errors, (fits.residuals**2).mean(axis=1))


def test_no_features_leave_the_mean_of_the_others(data):
    _, y = data
    (residuals,) = fit_ridge(np.empty((9, 0)), y - y.mean(), np.empty((1, 0))).residuals
    np.testing.assert_allclose(residuals, [y[n] - np.delete(y, n).mean() for n in range(9)])


def test_a_line_of_least_squares(data):
    blocks, y = data
    x = blocks[0][:, 0]
    (residuals,) = fit_ridge(standardise(x[:, None])[0], y - y.mean(), np.array([[LEAST_SQUARES]])).residuals
    for left in range(9):
        slope, intercept = np.polyfit(np.delete(x, left), np.delete(y, left), 1)
        assert residuals[left] == pytest.approx(y[left] - intercept - slope * x[left], rel=1e-8)


def test_what_never_varies_is_no_feature():
    column = np.array([0.1 + 0.2, 0.3, 0.3])  # equal but for rounding
    z, center, scale = standardise(np.column_stack([column, [1.0, 2.0, 3.0]]))
    assert (z[:, 0] == 0).all()
    assert scale[0] == np.inf
    assert ((np.array([5.0, 2.0]) - center) / scale).tolist() == [0, 0]
    np.testing.assert_allclose(z[:, 1].std(), 1)
