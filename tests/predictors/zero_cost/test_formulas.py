"""Each formula against a case small enough to compute by hand."""

import math

import pytest
import torch

from foretell.predictors.zero_cost import formulas

W = [torch.tensor([[3.0, 4.0]]), torch.tensor([-2.0])]
G = [torch.tensor([[1.0, -1.0]]), torch.tensor([0.5])]


def test_sums_over_weights_and_gradients():
    assert formulas.l2_norm(W) == pytest.approx(5 + 2)
    assert formulas.grad_norm(G) == pytest.approx(math.sqrt(2) + 0.5)
    assert formulas.plain(W, G) == pytest.approx(3 - 4 - 1)
    assert formulas.snip(W, G) == pytest.approx(3 + 4 + 1)
    assert formulas.grasp(W, G) == pytest.approx(2)
    assert formulas.synflow(W, G) == pytest.approx(math.log(8))


def test_fisher_squares_the_sum_over_tokens():
    a = torch.tensor([[[1.0], [2.0]], [[3.0], [0.0]]])  # two sentences, two tokens, one channel
    g = torch.tensor([[[1.0], [1.0]], [[-1.0], [5.0]]])
    assert formulas.fisher([a], [g]) == pytest.approx(0.5 * (9 + 9) / 2)


def test_nwot_is_the_log_determinant_of_agreements():
    codes = torch.tensor([[True, True, False], [True, False, True]])  # agree in one of three units
    assert formulas.nwot([codes]) == pytest.approx(math.log(3 * 3 - 1 * 1), abs=1e-4)
    same = torch.tensor([[True, False], [True, False]])
    assert formulas.nwot([same]) == pytest.approx(math.log((2 + 1e-5) ** 2 - 2 * 2))


def test_nwot_adds_the_two_sides():
    one = torch.tensor([[True, True, False], [True, False, True]])
    other = torch.tensor([[True, False]])
    assert formulas.nwot([one, other]) == pytest.approx(math.log(8) + math.log(2), abs=1e-4)


def test_jacov_prefers_unlike_jacobians():
    unlike = torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    k = 1e-5
    assert formulas.jacov(unlike) == pytest.approx(-2 * (math.log(1 + k) + 1 / (1 + k)))
    assert formulas.jacov(unlike) > formulas.jacov(torch.stack([unlike[0], unlike[0] * 2]))


def test_epe_sums_over_classes_with_two_members():
    rows = torch.tensor([[1.0, -1.0], [2.0, -2.0], [1.0, 5.0]])
    # One class of two perfectly correlated rows, one of a single row.
    assert formulas.epe(rows, torch.tensor([0, 0, 1])) == pytest.approx(4 * math.log(1 + 1e-5) / 2, abs=1e-9)


def test_zen_is_the_log_of_the_mean_move():
    assert formulas.zen(torch.zeros(2, 2), torch.tensor([[3.0, 4.0], [0.0, 1.0]])) == pytest.approx(math.log(3))
