"""Label-smoothed cross-entropy together with the output layer that it follows."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from foretell.nn.tokens import PAD

__all__ = ["smoothed_cross_entropy", "summed_loss", "token_loss", "weighted_cross_entropy"]

_CHUNK = 1 << 18  # logits held at a time: 1 MB on a CPU, in its caches; a tenth faster than 4 MB
_CHUNK_ACCELERATOR = 1 << 26  # elsewhere large enough to keep the device busy
_FEWEST_ROWS = 256  # each chunk reads the whole output layer: with large vocabularies that, not caches, takes the time


def smoothed_cross_entropy(
    features: Tensor, weight: Tensor, targets: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Sum over tokens of the label-smoothed loss as fairseq defines it, in nats.

    (1 - e) · NLL + (e / V) · sum over the vocabulary of -log p. The logits `features @ weight.T` are made
    in chunks and their gradient at once, in place, so they are never kept: a third of the passes over the
    largest tensor of a small network's training step. Differentiable once.

    Args:
        features: [N, d].
        weight: Output layer, [V, d].
        targets: int64 [N], none of them padding.
        smoothing: e, at least 0 and below 1.

    Returns:
        The smoothed loss (differentiable) and the negative log-likelihood (not), summed over tokens.
    """
    loss, nll = _SmoothedCrossEntropy.apply(features, weight, targets, smoothing)  # type: ignore[no-untyped-call]
    return loss, nll


def weighted_cross_entropy(
    logits: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
) -> tuple[Tensor, Tensor]:
    """As `smoothed_cross_entropy`, of logits `[N, V]`; each target's loss, not its likelihood, times its weight."""
    each = F.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=smoothing)
    nll = F.cross_entropy(logits.detach().float(), targets, reduction="sum")
    return (each if weights is None else each * weights).sum(), nll


def summed_loss(features: Tensor, weight: Tensor, targets: Tensor, smoothing: float) -> float:
    """The value of `smoothed_cross_entropy` alone, for scoring: less than half its passes over the logits.

    Exponentials are summed without subtracting the largest logit first; where that overflows or vanishes,
    which no trained network comes near, the careful way is taken.
    """
    kind = features.device.type
    rows, total = _rows(kind, len(weight)), 0.0
    if torch.is_autocast_enabled(kind):  # once, and not for every chunk
        features, weight = (each.to(torch.get_autocast_dtype(kind)) for each in (features, weight))
    if smoothing:
        # The sum of all logits of a token is its product with the sum of all rows of the output layer.
        summed = (features @ weight.sum(0)).sum(dtype=torch.float64)
        total = -smoothing / len(weight) * float(summed)
    # Written over for every chunk: fresh memory of this size costs more than the products.
    made = weight.new_empty(min(rows, len(features)), len(weight))
    held = made.to(torch.promote_types(made.dtype, torch.float32))
    for at in range(0, len(features), rows):
        part, gold = features[at : at + rows], targets[at : at + rows, None]
        torch.mm(part, weight.t(), out=made[: len(part)])
        logits = held[: len(part)].copy_(made[: len(part)])
        right = logits.gather(1, gold).sum(dtype=torch.float64)
        normaliser = logits.exp_().sum(-1).log().sum(dtype=torch.float64)
        if not normaliser.isfinite():
            normaliser = (part @ weight.t()).to(held.dtype).logsumexp(-1).sum(dtype=torch.float64)
        total += float(normaliser - (1.0 - smoothing) * right)
    return total


def token_loss(features: Tensor, output: Tensor, target_out: Tensor, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """As `smoothed_cross_entropy`, over the real tokens of padded sentences only.

    Args:
        features: [B, T, d].
        output: Output layer, [V, d].
        target_out: int64 [B, T], padding where the sentence has ended.
        smoothing: Label smoothing, 0 for none.

    Returns:
        Scalars: the smoothed loss and the negative log-likelihood in nats, summed, and the number of tokens.
    """
    features, targets = features.flatten(0, 1), target_out.flatten()
    real = (targets != PAD).nonzero().squeeze(1)
    if len(real) < len(targets):
        features, targets = features.index_select(0, real), targets.index_select(0, real)
    total, nll = smoothed_cross_entropy(features, output, targets, smoothing)
    return total, nll, torch.tensor(len(real), device=total.device)


def _rows(kind: str, vocabulary: int) -> int:
    """Tokens of a chunk."""
    return max(_FEWEST_ROWS, (_CHUNK if kind == "cpu" else _CHUNK_ACCELERATOR) // vocabulary)


class _SmoothedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        learn = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        kind = features.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else features.dtype
        x, w = features.detach().to(dtype), weight.detach().to(dtype)
        grad_x = torch.empty_like(x) if learn else None
        grad_w = torch.zeros(w.shape, dtype=w.dtype, device=w.device) if learn else None
        loss = torch.zeros((), dtype=torch.promote_types(dtype, torch.float32), device=x.device)
        nll = torch.zeros_like(loss)
        rows = _rows(kind, len(w))
        with torch.autocast(kind, enabled=False):
            for at in range(0, len(x), rows):
                part, gold = x[at : at + rows], targets[at : at + rows, None]
                probability, part_loss, part_nll = _chunk(part @ w.t(), gold, smoothing)
                loss += part_loss
                nll += part_nll
                if grad_x is not None and grad_w is not None:
                    slope = _slope(probability, gold, smoothing).to(dtype)
                    torch.mm(slope, w, out=grad_x[at : at + rows])
                    grad_w.addmm_(slope.t(), part)
        ctx.mark_non_differentiable(nll)
        if learn:
            ctx.save_for_backward(grad_x, grad_w)
            ctx.dtypes = features.dtype, weight.dtype
        return loss, nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_x, grad_w = ctx.saved_tensors
        of_features, of_weight = ctx.dtypes
        return (grad_x * grad_loss).to(of_features), (grad_w * grad_loss).to(of_weight), None, None


def _chunk(logits: Tensor, gold: Tensor, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities [n, V], smoothed loss and negative log-likelihood (sums) of logits [n, V]."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    probability = logits.softmax(-1)
    # The largest probability is at least 1 / V: its logarithm is safe, and one pass cheaper than logsumexp.
    normaliser = (logits.amax(-1) - probability.amax(-1).log()).sum()
    right = logits.gather(1, gold).sum()
    loss = normaliser - (1.0 - smoothing) * right
    if smoothing:
        loss = loss - smoothing / logits.shape[1] * logits.sum()
    return probability, loss, normaliser - right


def _slope(probability: Tensor, gold: Tensor, smoothing: float) -> Tensor:
    """The loss's gradient with respect to the logits, written over the probabilities."""
    if smoothing:
        probability.sub_(smoothing / probability.shape[1])
    return probability.scatter_add_(1, gold, probability.new_full(gold.shape, smoothing - 1.0))
