import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from foretell.training import Recipe


def test_the_published_cosine_schedule():
    """HAT's: linear from 1e-7 to 1e-3 in 10,000 updates, then half a cosine to 1e-7 at 40,000."""
    hat = Recipe(updates=40_000, warmup=10_000, learning_rate=1e-3)
    assert hat.rate(0) == 1e-7
    assert hat.rate(5_000) == pytest.approx((1e-7 + 1e-3) / 2)
    assert hat.rate(10_000) == pytest.approx(1e-3)
    expected = 1e-7 + 0.5 * (1e-3 - 1e-7) * (1 + math.cos(math.pi * 12_345 / 30_000))
    assert hat.rate(22_345) == pytest.approx(expected)
    assert hat.rate(40_000) == pytest.approx(1e-7)


@given(st.integers(0, 50_000))
def test_the_inverse_square_root_schedule_of_iwslt(update):
    recipe = Recipe(updates=50_000, warmup=10_000, learning_rate=5e-4, schedule="inverse-sqrt")
    if update >= 10_000:
        assert recipe.rate(update) == pytest.approx(5e-4 * math.sqrt(10_000 / update))
    else:
        assert 0 < recipe.rate(update) <= 5e-4


@pytest.mark.parametrize(("tokens", "micro_batches"), [(None, 1), (400, 1), (401, 2), (4_000, 10)])
def test_micro_batches_are_accumulated_to_the_tokens_of_an_update(tokens, micro_batches):
    assert Recipe(max_tokens=400, tokens_per_update=tokens).accumulate == micro_batches


def test_a_recipe_that_makes_no_sense_is_refused():
    with pytest.raises(ValidationError):
        Recipe(dropout=1.5)
    with pytest.raises(ValidationError):
        Recipe(learning_rte=1e-3)
