import pytest
import torch
import torch.nn.functional as F

from foretell.nn import loss as module
from foretell.nn import smoothed_cross_entropy

pytestmark = pytest.mark.network


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("chunk", [7, 40, 1 << 20])
def test_values_and_gradients_are_the_definitions(monkeypatch, smoothing, chunk):
    monkeypatch.setattr(module, "_CHUNK", chunk)
    torch.manual_seed(0)
    features = torch.randn(9, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 8, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 11, (9,))
    loss, nll = smoothed_cross_entropy(features, weight[:, :5], targets, smoothing)
    logp = F.linear(features, weight[:, :5]).log_softmax(-1)
    gold = -logp[torch.arange(9), targets].sum()
    expected = (1 - smoothing) * gold - smoothing / 11 * logp.sum()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(nll, gold)
    found = torch.autograd.grad(3 * loss, (features, weight))
    torch.testing.assert_close(found, torch.autograd.grad(3 * expected, (features, weight)))


def test_extreme_logits_stay_finite():
    features = torch.tensor([[200.0], [-200.0]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0], [0.5]])
    loss, nll = smoothed_cross_entropy(features, weight, torch.tensor([1, 1]), 0.1)
    loss.backward()
    assert nll.item() == pytest.approx(400.0)
    assert loss.isfinite()
    assert features.grad.isfinite().all()


def test_without_gradients_none_are_made():
    with torch.no_grad():
        loss, nll = smoothed_cross_entropy(torch.randn(4, 3), torch.randn(7, 3), torch.zeros(4).long(), 0.0)
    torch.testing.assert_close(loss, nll)
    assert not loss.requires_grad
