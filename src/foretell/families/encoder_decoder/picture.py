"""An architecture as a picture: where the boxes of its encoder and decoder stacks stand."""

from __future__ import annotations

from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.picture import Box, Link, Picture
from foretell.spaces import Architecture, SearchSpace

__all__ = ["describe", "draw"]

_COLUMN, _GAP, _ROW, _SPACE, _LAYER = 150.0, 48.0, 22.0, 4.0, 12.0
_TOP, _NARROWEST = 30.0, 62.0


def draw(architecture: Architecture) -> Picture:
    """The picture of an architecture of the Transformer family; widths are shares of the space's largest."""
    shape, space = TransformerShape.of(architecture), architecture.space
    height = _TOP + max(_height(len(shape.encoder_ffn), 2), _height(len(shape.decoder_ffn), 3)) + 6
    encoder = _Stack(space, "encoder", 8.0, height)
    encoder.embed(shape.encoder_width)
    for ffn, heads in zip(shape.encoder_ffn, shape.encoder_heads, strict=True):
        encoder.layer([("attention", "self", heads)], ffn)
    decoder = _Stack(space, "decoder", 8.0 + _COLUMN + _GAP, height)
    decoder.embed(shape.decoder_width)
    links = []
    layers = zip(shape.decoder_ffn, shape.decoder_self_heads, shape.decoder_cross_heads, shape.attended, strict=True)
    for ffn, own, cross, attended in layers:
        decoder.layer([("attention", "self", own), ("cross", "cross", cross)], ffn)
        target = decoder.boxes[-2]
        links += [
            Link(8.0 + _COLUMN, source, target.x, target.y + target.height / 2)
            for source in encoder.middles[-attended:]
        ]
    decoder.cap()
    return Picture(
        width=2 * _COLUMN + _GAP + 16,
        height=height,
        boxes=encoder.boxes + decoder.boxes,
        links=links,
        titles=[("encoder", encoder.x + _COLUMN / 2), ("decoder", decoder.x + _COLUMN / 2)],
        text=describe(architecture),
    )


def describe(architecture: Architecture) -> str:
    """An architecture in a sentence."""
    shape = TransformerShape.of(architecture)
    return (
        f"Encoder of width {shape.encoder_width} with {_layers(len(shape.encoder_ffn))}: feed-forward widths "
        f"{_list(shape.encoder_ffn)}, heads {_list(shape.encoder_heads)}. Decoder of width {shape.decoder_width} with "
        f"{_layers(len(shape.decoder_ffn))}: feed-forward widths {_list(shape.decoder_ffn)}, heads "
        f"{_list(shape.decoder_self_heads)}, heads towards the encoder {_list(shape.decoder_cross_heads)}, which see "
        f"the encoder's last {_list(shape.attended)} layers."
    )


def _layers(n: int) -> str:
    return f"{n} layer" if n == 1 else f"{n} layers"


def _list(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))


def _height(layers: int, parts: int) -> float:
    return 2 * (_ROW + _LAYER) + layers * (parts * (_ROW + _SPACE) - _SPACE + _LAYER)


class _Stack:
    """Puts boxes on each other, from the floor up."""

    def __init__(self, space: SearchSpace, side: str, x: float, floor: float) -> None:
        self.space, self.side, self.x, self.y = space, side, x, floor - 6
        self.boxes: list[Box] = []
        self.middles: list[float] = []

    def _largest(self, gene: str) -> int:
        return int(self.space.gene(f"{self.side}-{gene}").numbers.max())

    def _put(self, kind: str, text: str, share: float, heads: int = 0) -> Box:
        width = _NARROWEST + (_COLUMN - _NARROWEST) * share
        self.y -= _ROW
        box = Box(kind, self.x + (_COLUMN - width) / 2, self.y, width, _ROW, text, heads)
        self.boxes.append(box)
        return box

    def embed(self, width: int) -> None:
        self._put("embedding", f"embed {width}", width / self._largest("embed-dim"))
        self.y -= _LAYER

    def layer(self, attentions: list[tuple[str, str, int]], ffn: int) -> None:
        floor = self.y
        for kind, name, heads in attentions:
            self._put(kind, name, 1.0, heads)
            self.y -= _SPACE
        self._put("ffn", f"ffn {ffn}", ffn / self._largest("ffn-embed-dim-all"))
        self.middles.append((floor + self.y) / 2)
        self.y -= _LAYER

    def cap(self) -> None:
        self._put("output", "output", 1.0)
