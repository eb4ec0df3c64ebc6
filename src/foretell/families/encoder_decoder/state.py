"""What passes from the encoder to the decoder, and from one decoding step to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from foretell.nn.attention import Past
from foretell.nn.layers import Inner

__all__ = ["DecoderState", "EncoderOutput"]


@dataclass(frozen=True, eq=False)
class EncoderOutput:
    """What a decoder needs of the encoder; reusable by every architecture with the same encoder genes.

    In a mixture every architecture has feed-forward weights of its own, and so an encoding of its own.

    Attributes:
        layers: Outputs of the last encoder layers, the last one first, each [B, S, de].
        mask: 0 at tokens and minus infinity at padding, [B, 1, 1, S]; None when nothing is padded.
    """

    layers: tuple[Tensor, ...]
    mask: Tensor | None
    _joined: dict[int, tuple[Tensor, Tensor | None]] = field(default_factory=dict, repr=False)

    def memory(self, attended: int) -> tuple[Tensor, Tensor | None]:
        """The last `attended` layers one after the other along time [B, attended·S, de], and their mask."""
        if attended not in self._joined:
            memory = self.layers[0] if attended == 1 else torch.cat(self.layers[:attended], dim=1)
            mask = self.mask if self.mask is None or attended == 1 else self.mask.repeat(1, 1, 1, attended)
            self._joined[attended] = memory, mask
        return self._joined[attended]


@dataclass(eq=False)
class DecoderState:
    """What token-by-token decoding remembers; made by `Seq2SeqTransformer.start`.

    Attributes:
        position: Tokens seen so far.
        pasts: Each layer's own keys and values, [B·n, t, 2Q].
        crosses: Each layer's keys and values of the encoder, [B, M, 2Q], and their mask.
        inners: In a mixture each layer's feed-forward weights, made once for all steps; otherwise empty.
    """

    position: int
    pasts: list[Past]
    crosses: list[tuple[Tensor, Tensor | None]]
    inners: Sequence[Inner] = ()

    def select(self, hypotheses: Tensor) -> None:
        """Go on with these hypotheses (rows of the last step's tokens) only, in this order."""
        for past in self.pasts:
            past.select(hypotheses)

    def keep_sentences(self, sentences: Tensor) -> None:
        """Forget the encoder's side of every sentence but these."""
        kept: dict[int, Tensor] = {}
        for i, (keys_values, mask) in enumerate(self.crosses):
            if mask is not None and id(mask) not in kept:
                kept[id(mask)] = mask.index_select(0, sentences)
            selected = keys_values.index_select(0, sentences)
            self.crosses[i] = selected, None if mask is None else kept[id(mask)]
