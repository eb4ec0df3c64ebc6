"""The tree of digit tokens against numbers written out in full."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.llm import DigitTree, Step

TEXTS = [f"{value / 100:.2f}" for value in range(1800, 3200)]


def next_tokens(weights, written):
    """What a model that draws numbers with these weights says next, one digit a token."""
    mass = {}
    for text, weight in weights.items():
        if text.startswith(written) and len(text) > len(written):
            token = text[len(written)]
            mass[token] = mass.get(token, 0.0) + weight
    total = sum(mass.values())
    return {token: math.log(p / total) for token, p in mass.items() if p > 0}


def grown(weights, window, **options):
    tree = DigitTree(*window, **options)
    asked = 0
    wanted = [""]
    while wanted:
        for start in wanted:
            tree.add(start, [Step("?", next_tokens(weights, start))])
            asked += 1
        wanted = tree.wanted()
    return tree.moments(), asked


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_fully_resolved_it_is_the_exact_expectation(seed, n):
    rng = np.random.default_rng(seed)
    chosen = rng.choice(TEXTS, n, replace=False)
    weights = dict(zip(chosen, rng.random(n) + 0.01, strict=True))
    values, p = np.array([float(t) for t in weights]), np.array(list(weights.values())) / sum(weights.values())
    moments, _ = grown(weights, (18.0, 32.0), resolved=2, floor=0.0)
    assert moments.mean == pytest.approx(values @ p, abs=1e-6)
    assert moments.std == pytest.approx(np.sqrt(((values - values @ p) ** 2) @ p), abs=1e-4)
    order = np.argsort(values)
    exact = values[order][np.searchsorted(np.cumsum(p[order]), 0.5)]
    assert moments.median == pytest.approx(exact, abs=1e-6)


def test_digits_that_are_not_asked_for_cost_half_of_what_they_hide():
    weights = {text: math.exp(-(((float(text) - 25.2) / 0.4) ** 2)) for text in TEXTS}
    moments, asked = grown(weights, (18.0, 32.0), resolved=1)
    assert moments.mean == pytest.approx(25.2, abs=0.03)
    assert moments.std == pytest.approx(0.4 / math.sqrt(2), abs=0.03)
    assert asked <= 6


def test_branches_outside_the_window_are_cut():
    weights = {"25.00": 0.5, "30.50": 0.3, "99.00": 0.2}
    moments, _ = grown(weights, (22.0, 28.0), resolved=2, floor=0.0)
    assert moments.mean == pytest.approx(25.0, abs=1e-6)


def test_a_greedy_path_alone_already_says_something():
    path = [
        Step("2", {"2": -0.1, "1": -3.0, "B": -4.0}),
        Step("5", {"5": math.log(0.7), "4": math.log(0.3)}),
        Step(".", {".": 0.0}),
        Step("3", {"3": math.log(0.5), "4": math.log(0.5)}),
        Step("\n", {"\n": 0.0}),
    ]
    tree = DigitTree(20.0, 30.0)
    tree.add("", path)
    assert tree.wanted() == ["24."]
    # 24 is not followed: it counts with its middle.
    assert tree.moments().mean == pytest.approx(0.7 * 25.395 + 0.3 * 24.495, abs=0.01)


def test_tokens_of_several_digits_and_leading_spaces_are_understood():
    tree = DigitTree(20.0, 30.0, resolved=2)
    tree.add("", [Step(" 25", {" 25": math.log(0.6), " 26": math.log(0.4)}), Step(".", {".": 0.0})])
    tree.add("25.", [Step("50", {"50": 0.0})])
    tree.add("26.", [Step("50", {"50": 0.0})])
    assert tree.moments().mean == pytest.approx(0.6 * 25.5 + 0.4 * 26.5, abs=1e-6)


def test_words_instead_of_digits_are_no_number():
    tree = DigitTree(20.0, 30.0)
    tree.add("", [Step("I", {"I": -0.1, "The": -2.0})])
    assert math.isnan(tree.moments().mean)
    assert tree.moments().seen == 0.0


def test_small_ranges_are_resolved_to_more_digits():
    assert DigitTree.over((0.0, 1.0), [0.80, 0.83], 4).resolved == 3
    assert DigitTree.over((15.0, 35.0), [24.0, 26.0], 2).resolved == 1
    assert DigitTree.over((15.0, 35.0), [25.0], 2).longest == 4


def test_numbers_below_one_and_above_a_hundred_work():
    for truth, window in ((0.835, (0.5, 1.0)), (7.25, (0.0, 12.0)), (104.75, (90.0, 120.0))):
        text = f"{truth:.3f}"
        moments, _ = grown({text: 1.0}, window, decimals=3, resolved=3, floor=0.0)
        assert moments.mean == pytest.approx(truth, abs=1e-6)


@pytest.mark.parametrize("window", [(-4.0, -2.0), (-5.0, 3.0)])
def test_negative_numbers_are_numbers(window):
    weights = {"-2.50": 0.5, "-3.10": 0.3, "-2.97": 0.2}
    values, p = np.array([float(text) for text in weights]), np.array(list(weights.values()))
    moments, _ = grown(weights, window, resolved=2, floor=0.0)
    assert moments.mean == pytest.approx(values @ p, abs=1e-6)
    assert moments.median == pytest.approx(-2.97, abs=1e-6)


def test_a_window_on_both_sides_of_zero_holds_both_signs():
    moments, _ = grown({"-0.50": 0.25, "0.50": 0.25, "1.25": 0.5}, (-2.0, 2.0), resolved=2, floor=0.0)
    assert moments.mean == pytest.approx(0.625, abs=1e-6)


def test_a_sign_is_no_number_where_none_is_negative():
    tree = DigitTree(0.0, 30.0)
    tree.add("", [Step("-", {"-": math.log(0.6), "2": math.log(0.4)})])
    assert tree.moments().seen == pytest.approx(0.4)


def test_windows_without_an_end_are_cut():
    assert DigitTree.over((-math.inf, math.inf), [-2.0, -3.0], 2).longest == 10
