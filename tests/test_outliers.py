"""Outliers are brought near, and nothing else is touched."""

import numpy as np

from foretell.outliers import clip_outliers


def test_one_that_diverged_does_not_hide_the_others():
    values = np.array([1.0, 2.0, 3.0, 4.0, 1e9])
    clipped = clip_outliers(values)
    np.testing.assert_array_equal(clipped[:4], values[:4])
    assert 4.0 < clipped[4] < 10.0


def test_values_that_are_mostly_equal_stay():
    values = np.array([2.0, 2.0, 2.0, 5.0])
    np.testing.assert_array_equal(clip_outliers(values), values)
