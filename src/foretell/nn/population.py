"""The losses of many architectures of one supernet, with every layer that they share run once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from foretell.nn.dropout import Dropout
from foretell.nn.loss import summed_loss
from foretell.nn.state import EncoderOutput
from foretell.nn.tokens import PAD
from foretell.nn.transformer import Seq2SeqTransformer, embed_tokens, padding_mask
from foretell.spaces import TransformerShape

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
    What an architecture gets does not depend on which others are there.

    Args:
        network: The supernet, in evaluation mode.
        shapes: The architectures; all fit into the network.
        source: int64 [B, S].
        target_in: int64 [B, T].
        target_out: int64 [B, T], padding where a sentence has ended.
        smoothing: Label smoothing (REFERENCE 4).

    Returns:
        float64 [number of architectures].
    """
    return _Walk(network, shapes, source, target_in, target_out, smoothing).run()


class _Walk:
    """One batch; a node of the tree is a list of indices into the architectures that pass through it."""

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

    def run(self) -> Tensor:
        network = self.network
        for width, members in self._groups(range(len(self.shapes)), lambda shape: shape.encoder_width):
            positions = network.encoder_positions(0, self.source.shape[1], width)
            rows = network.tokens.slices(width, width).source
            x = embed_tokens(self.source, rows, positions)
            self._encoder(members, x, [], padding_mask(self.source, x.dtype), Dropout(0.0, 0, x))
        return self.losses

    def _groups(self, members: Iterable[int], key: Callable[[TransformerShape], _Key]) -> list[tuple[_Key, list[int]]]:
        groups: dict[_Key, list[int]] = {}
        for index in members:
            groups.setdefault(key(self.shapes[index]), []).append(index)
        return list(groups.items())

    def _encoder(self, members: list[int], x: Tensor, above: list[Tensor], mask: Tensor | None, keep: Dropout) -> None:
        """Run encoder layer number `len(above)` in each of its versions, then all that follows."""
        depth = len(above)
        done = [index for index in members if len(self.shapes[index].encoder_ffn) == depth]
        if done:
            self._decoders(done, above, mask)
        going = [index for index in members if len(self.shapes[index].encoder_ffn) > depth]
        for (heads, inner), group in self._groups(going, lambda s: (s.encoder_heads[depth], s.encoder_ffn[depth])):
            output = self.network.encoder[depth](x, heads, inner, mask, keep)
            self._encoder(group, output, [*above, output], mask, keep)

    def _decoders(self, members: list[int], outputs: list[Tensor], mask: Tensor | None) -> None:
        network = self.network
        reach = max(max(self.shapes[index].attended) for index in members)
        last_first = outputs[: -reach - 1 : -1]
        if network.encoder_norm is not None:
            last_first = [network.encoder_norm(output) for output in last_first]
        encoded = EncoderOutput(tuple(last_first), mask)
        for width, group in self._groups(members, lambda shape: shape.decoder_width):
            positions = network.decoder_positions(0, self.target_in.shape[1], width)
            rows = network.tokens.slices(self.shapes[group[0]].encoder_width, width)
            y = embed_tokens(self.target_in, rows.target, positions)
            self._decoder(group, 0, y, encoded, rows.output, Dropout(0.0, 0, y))

    def _decoder(
        self, members: list[int], depth: int, y: Tensor, encoded: EncoderOutput, output: Tensor, keep: Dropout
    ) -> None:
        """Run decoder layer number `depth` in each of its versions, then all that follows."""
        done = [index for index in members if len(self.shapes[index].decoder_ffn) == depth]
        if done:
            self.losses[done] = self._loss(y, output)
        going = [index for index in members if len(self.shapes[index].decoder_ffn) > depth]
        layer = self.network.decoder[depth] if going else None
        for attended, reached in self._groups(going, lambda shape: shape.attended[depth]):
            memory, mask = encoded.memory(attended)
            keys_values = layer.cross_attention.keys_values(memory)  # type: ignore[union-attr, operator]
            for (heads, inner), group in self._groups(
                reached,
                lambda s: ((s.decoder_self_heads[depth], s.decoder_cross_heads[depth]), s.decoder_ffn[depth]),
            ):
                following = layer(y, keys_values, mask, heads, inner, keep)  # type: ignore[misc]
                self._decoder(group, depth + 1, following, encoded, output, keep)

    def _loss(self, y: Tensor, output: Tensor) -> float:
        if self.network.decoder_norm is not None:
            y = self.network.decoder_norm(y)
        features = y.flatten(0, 1)
        if len(self.real) < len(features):
            features = features.index_select(0, self.real)
        return summed_loss(features, output, self.targets, self.smoothing)
