"""Writing on from a prompt, token by token with cached keys and values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from foretell.errors import InputError
from foretell.families.decoder.network import LanguageModel
from foretell.nn.tokens import BOS, EOS, PAD, UNK

__all__ = ["generate"]

_NEVER = (BOS, PAD, UNK)
"""Tokens that no text holds."""


@torch.inference_mode()
def generate(
    network: LanguageModel,
    prompt: list[int],
    tokens: int,
    *,
    samples: int = 1,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
    never: Sequence[int] = _NEVER,
    end: int = EOS,
) -> list[list[int]]:
    """Write on from a prompt.

    The network is run in evaluation mode and left in the mode it was in; torch's random state is left alone.

    Args:
        network: The model.
        prompt: Token ids, at least one.
        tokens: Most tokens to write.
        samples: How many texts; greedy ones are all the same.
        temperature: Logits are divided by it; 0 takes the likeliest token (greedy).
        top_k: Only the so many likeliest tokens; 0: all.
        top_p: Only the likeliest tokens that together have this probability.
        seed: Of the draws.
        never: Tokens that are not written; those that no text of foretell's own vocabularies holds.
        end: The end mark.

    Returns:
        The texts without the prompt, each up to its end mark, which is not in it.

    Raises:
        InputError: An option is out of range, or prompt and text are longer than the network's context.
    """
    _check(network, len(prompt), tokens, samples, temperature, top_k, top_p)
    training, device = network.training, network.embed_tokens.device
    network.eval()
    random = torch.Generator(device).manual_seed(seed)
    state = network.start()
    features = network.features(torch.tensor([prompt], device=device), state=state)[:, -1]
    features = features.repeat(samples, 1)
    for cache in state.caches:
        cache.repeat(samples)
    step = network.stepper(state, tokens)
    forbidden = torch.tensor(list(never), dtype=torch.int64, device=device)
    written: list[Tensor] = []
    open_ = torch.ones(samples, dtype=torch.bool, device=device)
    for _ in range(tokens):
        logits = network.logits(features).float().index_fill_(1, forbidden, -math.inf)
        written.append(_choose(logits, temperature, top_k, top_p, random))
        open_ &= written[-1] != end
        if not open_.any() or len(written) == tokens:
            break
        features = step(written[-1])
    network.train(training)
    rows = torch.stack(written, dim=1).tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]


def _choose(logits: Tensor, temperature: float, top_k: int, top_p: float, random: torch.Generator) -> Tensor:
    """One token for each row of logits [N, V]."""
    if temperature == 0:
        return logits.argmax(-1)
    ordered, order = (logits / temperature).sort(dim=-1, descending=True)
    if top_k:
        ordered[:, top_k:] = -math.inf
    shares = ordered.softmax(-1)
    # The likeliest token always stays.
    shares = shares.masked_fill(shares.cumsum(-1) - shares >= top_p, 0.0)
    drawn = torch.multinomial(shares, 1, generator=random)
    return order.gather(1, drawn).squeeze(1)


def _check(
    network: LanguageModel, prompt: int, tokens: int, samples: int, temperature: float, top_k: int, top_p: float
) -> None:
    if min(prompt, tokens, samples) < 1 or temperature < 0 or top_k < 0 or not 0 < top_p <= 1:
        raise InputError(
            f"a prompt of {prompt} tokens, {tokens} tokens, {samples} samples, temperature {temperature:g}, top_k "
            f"{top_k}, top_p {top_p:g}: the first three must be at least 1, temperature and top_k not negative, top_p "
            "above 0 and at most 1."
        )
    if prompt + tokens > network.backbone.context:
        raise InputError(
            f"a prompt of {prompt} tokens and {tokens} to write are longer than the network's context of "
            f"{network.backbone.context}; shorten the prompt or ask for fewer tokens."
        )
