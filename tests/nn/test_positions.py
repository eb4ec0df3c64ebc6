import math

import pytest
import torch

from foretell.nn.positions import SinusoidalPositions

pytestmark = pytest.mark.network


def test_columns_are_pairs_with_the_references_frequencies():
    table = SinusoidalPositions(10, 16)(0, 5, 10)
    for position in range(5):
        for pair in range(5):
            angle = (position + 2) * 10000 ** (-pair / 7)
            assert table[position, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_a_narrow_table_is_the_leading_part_of_the_wide_one():
    wide, narrow = SinusoidalPositions(64, 64), SinusoidalPositions(33, 64)
    torch.testing.assert_close(wide(3, 7, 33), narrow(3, 7, 33), rtol=0, atol=0)


def test_the_table_grows_with_the_sentence():
    positions = SinusoidalPositions(8, 8)
    long = positions(0, 3000, 8)
    assert long.shape == (3000, 8)
    torch.testing.assert_close(long[:9], SinusoidalPositions(8, 8)(0, 9, 8))
    assert not positions.state_dict()
