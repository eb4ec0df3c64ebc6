"""The step that is timed: one translation, as its user waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from foretell.families.encoder_decoder.genes import Backbone, TransformerShape
from foretell.families.timing import TimedSetting
from foretell.spaces import Architecture

if TYPE_CHECKING:
    import torch

    from foretell.families.encoder_decoder.network import Seq2SeqTransformer

_State = TypeVar("_State")

__all__ = ["beam_search_step", "timed_network", "translation_step"]

_FIRST_WORD = 4
"""The token ids below are marks (foretell.nn.tokens)."""


def timed_network(setting: TimedSetting, architecture: Architecture) -> Seq2SeqTransformer:
    """A network of that architecture with random weights, on the setting's device, in its precision."""
    import torch

    from foretell.families.encoder_decoder.network import Seq2SeqTransformer

    shape = TransformerShape.of(architecture)
    with torch.random.fork_rng(devices=[]), torch.device(setting.device):
        torch.manual_seed(0)
        network = Seq2SeqTransformer(shape, Backbone.of(setting.space), setting.vocabulary).eval()
    return network.to(getattr(torch, setting.precision))


def translation_step(setting: TimedSetting, network: Seq2SeqTransformer) -> Callable[[], None]:
    """A call that translates a batch of sentences of nominal length with a network; see `beam_search_step`."""
    from foretell.families.encoder_decoder.state import DecoderState

    return beam_search_step(
        setting,
        start=lambda source: network.start(network.encode(source)),
        advance=lambda tokens, state: network.logits(network.step(tokens, state)),
        select=DecoderState.select,
    )


def beam_search_step(
    setting: TimedSetting,
    start: Callable[[torch.Tensor], _State],
    advance: Callable[[torch.Tensor, _State], torch.Tensor],
    select: Callable[[_State, torch.Tensor], None],
) -> Callable[[], None]:
    """A call that translates a batch of sentences of nominal length.

    The encoder runs once, then the decoder token by token with cached keys and values; the output layer
    and the beam's bookkeeping are included, dropout and autograd are off. An end mark stops nothing, so
    that every sentence gets the same number of tokens. HAT timed with dropout and autograd on, and without
    the beam's bookkeeping; users have it the other way round.

    Args:
        setting: Sizes, device and precision.
        start: Runs the encoder on int64 [batch, S] and prepares decoding.
        advance: Reads one more token of every hypothesis, int64 [batch·beam], and gives logits [batch·beam, V].
        select: Goes on with these hypotheses, int64 [batch·beam].
    """
    import torch

    from foretell.nn import EOS

    batch, beam, length = setting.batch, setting.sizes["beam"], setting.sizes["sentence_length"]
    with torch.random.fork_rng(devices=[]), torch.device(setting.device):
        torch.manual_seed(0)
        source = torch.randint(_FIRST_WORD, setting.vocabulary, (batch, length))
        first = torch.full((batch * beam,), EOS)
        nothing = torch.zeros(batch, beam, dtype=getattr(torch, setting.precision))
        rows = torch.arange(batch)[:, None] * beam

    @torch.inference_mode()
    def translate() -> None:
        state = start(source)
        tokens, scores = first, nothing
        for _ in range(length):
            gains = advance(tokens, state).log_softmax(-1)
            scores, parents, tokens = _best(scores, gains, rows)
            select(state, parents)

    return translate


def _best(
    scores: torch.Tensor, gains: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The beam's bookkeeping.

    Args:
        scores: Of the hypotheses, [batch, beam].
        gains: Log-probabilities of their continuations, [batch·beam, V].
        rows: Number of each sentence's first hypothesis, [batch, 1].

    Returns:
        Scores of the best continuations, [batch, beam], and their parents and tokens, each [batch·beam].
    """
    batch, beam = scores.shape
    vocabulary = gains.shape[1]
    best, flat = (scores.reshape(-1, 1) + gains).view(batch, -1).topk(2 * beam)
    flat = flat[:, :beam]
    parents = flat.div(vocabulary, rounding_mode="floor") + rows
    return best[:, :beam], parents.flatten(), flat.remainder(vocabulary).flatten()
