"""A trained network as two programs that other runtimes can run: the encoder, and one step of the decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.families.encoder_decoder.state import DecoderState, EncoderOutput
from foretell.nn.attention import Past
from foretell.nn.dropout import Dropout
from foretell.nn.embedding import embed_tokens

if TYPE_CHECKING:
    from torch.export import ExportedProgram

__all__ = ["EncoderProgram", "StepProgram", "trace_programs"]

_FIRST_WORD = 4
_SENTENCE, _PAST, _HYPOTHESES = 7, 3, 4
"""Sizes while tracing; all three may vary afterwards."""


class EncoderProgram(nn.Module):
    """From one sentence, int64 [1, S] without padding, to every decoder layer's keys and values [1, M, 2Q]."""

    def __init__(self, network: Seq2SeqTransformer) -> None:
        super().__init__()
        self.network = network

    def forward(self, source: Tensor) -> tuple[Tensor, ...]:
        """Run the encoder; `Seq2SeqTransformer.encode` without the question whether anything is padded.

        That question depends on data, which a traced program cannot.
        """
        network, shape = self.network, self.network.shape
        rows = network.tokens.slices(shape.encoder_width, shape.decoder_width)
        x = embed_tokens(source, rows.source, network.encoder_positions(0, source.shape[1], shape.encoder_width))
        nothing = Dropout(0.0, 0, x)
        outputs = []
        for layer, heads, inner in zip(network.encoder, shape.encoder_heads, shape.encoder_ffn, strict=True):
            x = layer(x, heads, inner, None, nothing)
            outputs.append(x)
        last_first = outputs[: -max(shape.attended) - 1 : -1]
        if network.encoder_norm is not None:
            last_first = [network.encoder_norm(output) for output in last_first]
        state = network.start(EncoderOutput(tuple(last_first), None))
        return tuple(keys_values for keys_values, _ in state.crosses)


class StepProgram(nn.Module):
    """One token more of every hypothesis: tokens [n], own and encoder's keys and values -> logits [n, V] and own."""

    def __init__(self, network: Seq2SeqTransformer) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor, pasts: tuple[Tensor, ...], crosses: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Run one step; `pasts` are [n, t, 2Q] for each layer, t = 0 at first."""
        state = DecoderState(pasts[0].shape[1], [Past(past) for past in pasts], [(cross, None) for cross in crosses])
        logits = self.network.logits(self.network.step(tokens, state))
        return (logits, *(past.keys_values for past in state.pasts if past.keys_values is not None))


def trace_programs(network: Seq2SeqTransformer) -> tuple[ExportedProgram, ExportedProgram]:
    """Both programs by `torch.export`, for sentences and hypotheses of any number (hypotheses: at least two)."""
    varies: Any = torch.export.Dim.DYNAMIC
    encoder, step = EncoderProgram(network).eval(), StepProgram(network).eval()
    source = torch.full((1, _SENTENCE), _FIRST_WORD)
    width = 2 * network.backbone.qkv_dim
    with torch.no_grad():
        crosses = encoder(source)
        pasts = tuple(torch.zeros(_HYPOTHESES, _PAST, width) for _ in crosses)
        tokens = torch.full((_HYPOTHESES,), _FIRST_WORD)
        shapes = ({0: varies}, tuple({0: varies, 1: varies} for _ in pasts), tuple({1: varies} for _ in crosses))
        first = torch.export.export(encoder, (source,), dynamic_shapes=({1: varies},))
        second = torch.export.export(step, (tokens, pasts, crosses), dynamic_shapes=shapes)
    return first, second
