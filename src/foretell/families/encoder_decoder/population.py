"""The losses of many architectures of one supernet, with every layer that they share run once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor

from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn.attention import padding_mask
from foretell.nn.embedding import embed_tokens
from foretell.nn.layers import DecoderLayer, EncoderLayer
from foretell.nn.loss import summed_loss
from foretell.nn.tokens import PAD

__all__ = ["population_losses"]

_Key = TypeVar("_Key", bound=Hashable)


@torch.inference_mode()
def population_losses(
    network: Seq2SeqTransformer,
    shapes: Sequence[TransformerShape],
    source: Tensor,
    target_in: Tensor,
    target_out: Tensor,
    smoothing: float,
) -> Tensor:
    """Label-smoothed loss of one batch under each architecture, in nats, summed over target tokens.

    A layer's output depends on the layers before it and on nothing after it. Architectures are therefore
    walked as a tree, the encoder's layers first and then the decoder's, and every node is computed once.
    Keys and values of an encoder layer are made once for all decoders that attend to it, and the decoder's
    first self-attention, which sees no encoder, once for all.
    What an architecture gets does not depend on which others are there. In a mixture no two architectures have
    a layer in common: each is folded into an ordinary network and run on its own.

    Args:
        network: The supernet, in evaluation mode.
        shapes: The architectures; all fit into the network.
        source: int64 [B, S].
        target_in: int64 [B, T].
        target_out: int64 [B, T], padding where a sentence has ended.
        smoothing: Label smoothing.

    Returns:
        float64 [number of architectures].
    """
    if network.mixture is None:
        return _Walk(network, shapes, source, target_in, target_out, smoothing).run()
    losses = [_Walk(network.extract(s), [s], source, target_in, target_out, smoothing).run() for s in shapes]
    return torch.cat([torch.zeros(0, dtype=torch.float64), *losses])


class _Memory:
    """One version of an encoder layer, with what decoder layers make of it: all that attend to it share that."""

    def __init__(self, output: Tensor, norm: Callable[[Tensor], Tensor] | None) -> None:
        self._output, self._norm = output, norm
        self._projected: dict[int, Tensor] = {}

    def keys_values(self, number: int, layer: DecoderLayer) -> Tensor:
        """Keys and values [B, S, 2Q] for decoder layer `number`."""
        if number not in self._projected:
            if self._norm is not None:
                self._output, self._norm = self._norm(self._output), None
            self._projected[number] = layer.cross_attention.keys_values(self._output)
        return self._projected[number]


@dataclass(frozen=True, eq=False)
class _Encoded:
    """What the decoders of one encoder see: its layers, the last one first, and its padding [B, 1, 1, S]."""

    layers: list[_Memory]
    mask: Tensor | None

    def keys_values(self, number: int, layer: DecoderLayer, attended: int) -> tuple[Tensor, Tensor | None]:
        """For decoder layer `number`: the last `attended` layers' along time [B, attended·S, 2Q], and the mask."""
        parts = [memory.keys_values(number, layer) for memory in self.layers[:attended]]
        mask = self.mask if self.mask is None or attended == 1 else self.mask.repeat(1, 1, 1, attended)
        return parts[0] if attended == 1 else torch.cat(parts, dim=1), mask


class _Walk:
    """One batch; a node of the tree is a list of indices into the architectures that pass through it.

    A layer is two nodes, or three: what its attention makes is shared by all its feed-forward widths.
    """

    def __init__(
        self,
        network: Seq2SeqTransformer,
        shapes: Sequence[TransformerShape],
        source: Tensor,
        target_in: Tensor,
        target_out: Tensor,
        smoothing: float,
    ) -> None:
        self.network, self.shapes, self.smoothing = network, shapes, smoothing
        self.source, self.target_in = source, target_in
        targets = target_out.flatten()
        self.real = (targets != PAD).nonzero().squeeze(1)
        self.targets = targets.index_select(0, self.real)
        self.losses = torch.zeros(len(shapes), dtype=torch.float64)
        self._openings: dict[tuple[int, int], Tensor] = {}

    def run(self) -> Tensor:
        network = self.network
        mask = padding_mask(self.source, next(network.parameters()).dtype)
        for width, members in self._groups(range(len(self.shapes)), lambda shape: shape.encoder_width):
            positions = network.encoder_positions(0, self.source.shape[1], width)
            rows = network.tokens.slices(width, width).source
            self._encoder(members, embed_tokens(self.source, rows, positions), [], mask)
        return self.losses

    def _groups(self, members: Iterable[int], key: Callable[[TransformerShape], _Key]) -> list[tuple[_Key, list[int]]]:
        groups: dict[_Key, list[int]] = {}
        for index in members:
            groups.setdefault(key(self.shapes[index]), []).append(index)
        return list(groups.items())

    def _encoder(self, members: list[int], x: Tensor, above: list[_Memory], mask: Tensor | None) -> None:
        """Run encoder layer number `len(above)` in each of its versions, then all that follows."""
        depth = len(above)
        done = [index for index in members if len(self.shapes[index].encoder_ffn) == depth]
        if done:
            self._decoders(done, _Encoded(above[::-1], mask))
        going = [index for index in members if len(self.shapes[index].encoder_ffn) > depth]
        for heads, group in self._groups(going, lambda shape: shape.encoder_heads[depth]):
            layer = cast("EncoderLayer", self.network.encoder[depth])
            mixed = _mix(layer, x, heads, mask)
            for inner, same in self._groups(group, lambda shape: shape.encoder_ffn[depth]):
                output = _feed(layer, mixed, inner)
                self._encoder(same, output, [*above, _Memory(output, self.network.encoder_norm)], mask)

    def _decoders(self, members: list[int], encoded: _Encoded) -> None:
        for width, group in self._groups(members, lambda shape: shape.decoder_width):
            output = self.network.tokens.slices(self.shapes[group[0]].encoder_width, width).output
            for heads, same in self._groups(group, lambda shape: shape.decoder_self_heads[0]):
                self._crossed(same, 0, self._opening(width, heads), encoded, output)

    def _opening(self, width: int, heads: int) -> Tensor:
        """The first decoder layer up to where it first looks at the encoder: the same for all encoders."""
        if (width, heads) not in self._openings:
            positions = self.network.decoder_positions(0, self.target_in.shape[1], width)
            y = embed_tokens(self.target_in, self.network.tokens.slices(width, width).target, positions)
            self._openings[width, heads] = _mix(cast("DecoderLayer", self.network.decoder[0]), y, heads, causal=True)
        return self._openings[width, heads]

    def _crossed(self, members: list[int], depth: int, y: Tensor, encoded: _Encoded, output: Tensor) -> None:
        """The rest of decoder layer number `depth` in each of its versions, then all that follows."""
        layer = cast("DecoderLayer", self.network.decoder[depth])
        for attended, reached in self._groups(members, lambda shape: shape.attended[depth]):
            keys_values, mask = encoded.keys_values(depth, layer, attended)
            for heads, group in self._groups(reached, lambda shape: shape.decoder_cross_heads[depth]):
                looked = _look(layer, y, keys_values, heads, mask)
                for inner, same in self._groups(group, lambda shape: shape.decoder_ffn[depth]):
                    self._decoder(same, depth + 1, _feed(layer, looked, inner), encoded, output)

    def _decoder(self, members: list[int], depth: int, y: Tensor, encoded: _Encoded, output: Tensor) -> None:
        """Score the architectures that end before decoder layer number `depth`, and go on with the others."""
        done = [index for index in members if len(self.shapes[index].decoder_ffn) == depth]
        if done:
            self.losses[done] = self._loss(y, output)
        going = [index for index in members if len(self.shapes[index].decoder_ffn) > depth]
        for heads, group in self._groups(going, lambda shape: shape.decoder_self_heads[depth]):
            mixed = _mix(cast("DecoderLayer", self.network.decoder[depth]), y, heads, causal=True)
            self._crossed(group, depth, mixed, encoded, output)

    def _loss(self, y: Tensor, output: Tensor) -> float:
        features = y.flatten(0, 1)
        if len(self.real) < len(features):
            features = features.index_select(0, self.real)
        if self.network.decoder_norm is not None:
            features = self.network.decoder_norm(features)
        return summed_loss(features, output, self.targets, self.smoothing)


def _mix(
    layer: EncoderLayer | DecoderLayer, x: Tensor, heads: int, mask: Tensor | None = None, *, causal: bool = False
) -> Tensor:
    """A layer's self-attention, with its residual connection and norm."""
    if layer.pre_norm:
        return layer.attention(layer.attention_norm(x), heads, mask, causal=causal).add_(x)
    return layer.attention_norm(layer.attention(x, heads, mask, causal=causal).add_(x))


def _look(layer: DecoderLayer, x: Tensor, keys_values: Tensor, heads: int, mask: Tensor | None) -> Tensor:
    """A layer's attention to the encoder, with its residual connection and norm."""
    if layer.pre_norm:
        return layer.cross_attention(layer.cross_attention_norm(x), keys_values, heads, mask).add_(x)
    return layer.cross_attention_norm(layer.cross_attention(x, keys_values, heads, mask).add_(x))


def _feed(layer: EncoderLayer | DecoderLayer, x: Tensor, inner: int) -> Tensor:
    """A layer's feed-forward network, with its residual connection and norm."""
    if layer.pre_norm:
        return layer.feed_forward(layer.feed_forward_norm(x), inner).add_(x)
    return layer.feed_forward_norm(layer.feed_forward(x, inner).add_(x))
