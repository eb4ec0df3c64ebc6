"""Parameters of which a smaller network uses the leading part ("first n everywhere", as in HAT)."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ElasticLayerNorm", "ElasticLinear", "ElasticProjection", "ElasticRMSNorm", "leading"]


def leading(tensor: Tensor, *sizes: int) -> Tensor:
    """The first `sizes` entries of each dimension: the tensor itself where nothing is cut, else a view.

    Args:
        tensor: One or two dimensions.
        sizes: One size for each dimension, at most the tensor's own.
    """
    for dim, size in enumerate(sizes):
        if size != tensor.shape[dim]:
            tensor = tensor.narrow(dim, 0, size)
    return tensor


class ElasticLinear(nn.Module):
    """A linear layer of which any leading block of inputs and outputs can be used alone.

    Args:
        inputs: Largest number of inputs.
        outputs: Largest number of outputs.
        fan_out: The fan-out of Xavier's uniform initialisation where it is not `outputs`: the parts of one
            published in-projection were drawn as a single matrix.
    """

    def __init__(self, inputs: int, outputs: int, fan_out: int | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        bound = math.sqrt(6.0 / (inputs + (fan_out or outputs)))
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor, outputs: int) -> Tensor:
        """Map `x` [..., inputs] to [..., outputs]; the inputs used are as many as `x` has."""
        return F.linear(x, leading(self.weight, outputs, x.shape[-1]), leading(self.bias, outputs))


class ElasticLayerNorm(nn.Module):
    """Layer normalisation (eps 1e-5) over as many leading channels as the input has.

    Args:
        width: Largest number of channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x` [..., d] over its last dimension."""
        width = x.shape[-1]
        return F.layer_norm(x, (width,), leading(self.weight, width), leading(self.bias, width))


class ElasticProjection(nn.Module):
    """A linear layer of which any leading block of inputs and outputs can be used alone.

    Args:
        inputs: Largest number of inputs.
        outputs: Largest number of outputs.
        scale: Standard deviation of the normal distribution that the weights are drawn from.
        bias: Whether it has one, zero at first.
    """

    def __init__(self, inputs: int, outputs: int, scale: float, *, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs).normal_(0.0, scale))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor, outputs: int) -> Tensor:
        """Map `x` [..., inputs] to [..., outputs]; the inputs used are as many as `x` has."""
        bias = None if self.bias is None else leading(self.bias, outputs)
        return F.linear(x, leading(self.weight, outputs, x.shape[-1]), bias)


class ElasticRMSNorm(nn.Module):
    """Division by the root mean square over as many leading channels as the input has (arXiv 1910.07467).

    Args:
        width: Largest number of channels.
        epsilon: Added to the mean square.
    """

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x` [..., d] over its last dimension."""
        width = x.shape[-1]
        # Under autocast queries and keys come in bf16: they are normed in the precision of the weight, and stay bf16.
        weight = leading(self.weight, width)
        whole = x.to(weight.dtype)
        if torch.is_grad_enabled():
            normed: Tensor = _RMSNorm.apply(whole, weight, self.epsilon)  # type: ignore[no-untyped-call]
            return normed.to(x.dtype)
        return (whole * _scale(whole, self.epsilon)).mul_(weight).to(x.dtype)


class _RMSNorm(torch.autograd.Function):
    """The norm of `x` [..., d] with a gradient in few passes; torch's own takes more than twice the time on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        scale = _scale(x, epsilon)
        ctx.save_for_backward(x, weight, scale)
        ctx.epsilon = epsilon
        return (x * scale).mul_(weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, scale = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody differentiates twice: the scale is a function of `x`
            scale = _scale(x, ctx.epsilon)
        normed = x * scale
        products = (grad * normed).flatten(0, -2)
        along = torch.mv(products, weight).div(-x.shape[-1]).view_as(scale)
        return (grad * weight).addcmul_(normed, along).mul_(scale), products.sum(0), None


def _scale(x: Tensor, epsilon: float) -> Tensor:
    """One over the root mean square, [..., 1]."""
    return (torch.linalg.vector_norm(x, dim=-1, keepdim=True).square() / x.shape[-1] + epsilon).rsqrt()
