import pytest
import torch

from foretell.nn.dropout import Dropout

pytestmark = pytest.mark.network


@pytest.mark.parametrize("p", [0.1, 0.3, 0.9, 1e-9])
def test_entries_are_dropped_at_the_rate_and_scaled_back(p):
    torch.manual_seed(0)
    x = torch.ones(40, 25, 101)
    y = Dropout(p, 1, x)(x)
    kept = y != 0
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=5e-3)
    torch.testing.assert_close(y[kept], torch.full_like(y[kept], 1 / (1 - p)), rtol=1e-4, atol=0)


def test_sites_are_independent_and_gradients_follow_the_mask():
    torch.manual_seed(0)
    x = torch.ones(50, 20, 20, requires_grad=True)
    drop = Dropout(0.5, 2, x)
    first, second = drop(x) > 0, drop.add(x, torch.zeros_like(x))
    assert (first == (second > 0)).float().mean().item() == pytest.approx(0.5, abs=0.02)
    second.sum().backward()
    torch.testing.assert_close(x.grad, second.detach())


def test_without_dropout_nothing_is_copied():
    x = torch.randn(2, 3, 4)
    drop = Dropout(0.0, 2, x)
    assert drop(x) is x
    torch.testing.assert_close(drop.add(x, x), 2 * x)
