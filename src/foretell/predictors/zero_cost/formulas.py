"""The proxies' formulas, on tensors that a pass has produced; signs such that higher is meant to be better.

What their authors meant: the rebuttal of arXiv 2310.16712 finds several of them the wrong way round on Transformers, so
calibrate them (`calibrated:snip` learns the sign) before trusting their order.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["epe", "fisher", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "plain", "snip", "synflow", "zen"]

_SMALL = 1e-5

Tensors = Sequence[Tensor]


def l2_norm(weights: Tensors) -> float:
    """Sum of the Euclidean norms of all weight tensors (Abdelfattah et al. 2021); higher is better."""
    return float(sum(w.norm() for w in weights))


def grad_norm(gradients: Tensors) -> float:
    """Sum of the Euclidean norms of the loss's gradients (Abdelfattah et al. 2021); higher is better."""
    return float(sum(g.norm() for g in gradients))


def plain(weights: Tensors, gradients: Tensors) -> float:
    """Sum of weight times gradient (Mozer and Smolensky 1989); higher is better."""
    return float(sum((w * g).sum() for w, g in zip(weights, gradients, strict=True)))


def snip(weights: Tensors, gradients: Tensors) -> float:
    """Sum of |weight times gradient| (Lee et al. 2019); higher is better."""
    return float(sum((w * g).abs().sum() for w, g in zip(weights, gradients, strict=True)))


def grasp(weights: Tensors, curved: Tensors) -> float:
    """Minus the sum of weight times Hessian-gradient product (Wang et al. 2020); higher is better."""
    return -float(sum((w * h).sum() for w, h in zip(weights, curved, strict=True)))


def synflow(weights: Tensors, gradients: Tensors) -> float:
    """Logarithm of the sum of |weight times gradient of the output| in the network of absolute weights.

    Tanaka et al. 2020; the logarithm keeps deep networks finite and changes no order. Higher is better.
    """
    return float(torch.log(sum((w * g).abs().sum() for w, g in zip(weights, gradients, strict=True))))  # type: ignore[arg-type]


def fisher(activations: Tensors, gradients: Tensors) -> float:
    """Sum over channels of half the mean squared activation times gradient (Turner et al. 2020); higher is better.

    Args:
        activations: Each `[sentences, tokens, channels]`.
        gradients: The loss's, same shapes.
    """
    total = 0.0
    for a, g in zip(activations, gradients, strict=True):
        total += float(0.5 * ((a * g).sum(dim=1) ** 2).mean(dim=0).sum())
    return total


def nwot(codes: Tensors) -> float:
    """Log-determinant of the agreement of ReLU on/off codes between tokens (Mellor et al. 2021); higher is better.

    Args:
        codes: One for each side (encoder, decoder): `[tokens, units of all its layers]`, bool. A little is
            added to the diagonal, so that two tokens with one code cost much but not everything.
    """
    total = 0.0
    for code in codes:
        c = code.double()
        agreement = c @ c.T + (1 - c) @ (1 - c).T
        total += float(torch.linalg.slogdet(agreement + _SMALL * torch.eye(len(c), dtype=c.dtype))[1])
    return total


def jacov(jacobian: Tensor) -> float:
    """How unlike each other the sentences' input Jacobians are (Mellor et al. 2020); higher is better.

    Args:
        jacobian: `[sentences, inputs]`.
    """
    eigenvalues = torch.linalg.eigvalsh(_correlation(jacobian)).clamp_min(0)
    return -float((torch.log(eigenvalues + _SMALL) + 1 / (eigenvalues + _SMALL)).sum())


def epe(jacobian: Tensor, classes: Tensor) -> float:
    """Correlation of input Jacobians inside classes (after EPE-NAS, Lopes et al. 2021); higher is better.

    Translation has no classes; quarters of target length stand in for them.

    Args:
        jacobian: `[sentences, inputs]`.
        classes: `[sentences]`.
    """
    total = 0.0
    for label in sorted(set(classes.tolist())):
        members = jacobian[classes == label]
        if len(members) > 1:
            total += float(torch.log(_correlation(members).abs() + _SMALL).sum() / len(members))
    return total


def zen(before: Tensor, after: Tensor) -> float:
    """Logarithm of how far random noise on the input moves the output (after Lin et al. 2021); higher is better."""
    return float(torch.log((after - before).norm(dim=-1).mean() + 1e-300))


def _correlation(rows: Tensor) -> Tensor:
    x = rows.double() - rows.double().mean(dim=1, keepdim=True)
    x = x / x.norm(dim=1, keepdim=True).clamp_min(1e-300)
    return x @ x.T
