import math

import pytest
import torch

from foretell.nn.attention import CrossAttention
from foretell.nn.elastic import ElasticLayerNorm, ElasticLinear, ElasticRMSNorm, leading

pytestmark = pytest.mark.network


def test_leading_is_a_view_and_nothing_where_nothing_is_cut():
    x = torch.arange(12.0).view(3, 4)
    assert leading(x, 3, 4) is x
    part = leading(x, 2, 3)
    assert part.data_ptr() == x.data_ptr()
    torch.testing.assert_close(part, x[:2, :3])


def test_initial_scales_are_xaviers():
    torch.manual_seed(0)
    linear = ElasticLinear(300, 200)
    assert linear.weight.abs().max().item() == pytest.approx(math.sqrt(6 / 500), rel=1e-3)
    assert not linear.bias.any()
    cross = CrossAttention(64, 96, 48, 0.0)
    assert cross.query.weight.abs().max().item() == pytest.approx(math.sqrt(6 / (64 + 144)), rel=1e-2)
    assert cross.key_value.weight.abs().max().item() == pytest.approx(math.sqrt(6 / (96 + 144)), rel=1e-2)


def test_a_norm_of_fewer_channels_is_a_norm_of_those():
    norm, x = ElasticLayerNorm(8), torch.randn(2, 5)
    torch.testing.assert_close(norm(x), torch.nn.functional.layer_norm(x, (5,)))


def test_the_norms_gradients_are_those_of_its_definition_and_can_be_differentiated_again():
    torch.manual_seed(0)
    norm = ElasticRMSNorm(6, 1e-5).double()
    x = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(norm(x), torch.nn.functional.rms_norm(x, (4,), norm.weight[:4], 1e-5))
    with torch.no_grad():
        torch.testing.assert_close(norm(x), torch.nn.functional.rms_norm(x, (4,), norm.weight[:4], 1e-5))

    def call(values, weight):
        return torch.func.functional_call(norm, {"weight": weight}, values)

    inputs = (x, torch.randn(6, dtype=torch.float64, requires_grad=True))
    assert torch.autograd.gradcheck(call, inputs)
    assert torch.autograd.gradgradcheck(call, inputs)
