"""A decoder as a picture: one stack of boxes."""

from __future__ import annotations

from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.picture import Box, Picture
from foretell.spaces import Architecture

__all__ = ["describe", "draw"]

_COLUMN, _ROW, _SPACE, _LAYER = 150.0, 22.0, 4.0, 12.0
_TOP, _NARROWEST, _LEFT = 30.0, 62.0, 8.0


def draw(
    architecture: Architecture, kind: str = "decoder", output: str = "output", shape: DecoderShape | None = None
) -> Picture:
    """The picture of an architecture, bottom to top as data flow; widths are shares of the space's largest.

    Args:
        architecture: Of a family with the genes of decoders.
        kind: What the stack is called.
        output: What the last box says.
        shape: Its dimensions, where its genes are others.
    """
    space = architecture.space
    shape = shape or DecoderShape.of(architecture)
    widest = max((float(g.numbers.max()) for g in space.genes if g.name == "width"), default=float(shape.width))
    most = max(1.0, float(space.gene("ffn").numbers.max()))
    parts = [("embedding", f"embed {shape.width}", shape.width / widest, 0)]
    gaps = [_LAYER]
    for layer in shape.layers:
        if layer.heads:
            parts.append(("attention", f"self, {layer.kv_heads} kv", 1.0, layer.heads))
            gaps.append(_SPACE if layer.ffn else _LAYER)
        if layer.ffn:
            parts.append(("ffn", f"ffn {layer.ffn}", layer.ffn / most, 0))
            gaps.append(_LAYER)
    parts.append(("output", output, 1.0, 0))
    height = _TOP + len(parts) * _ROW + sum(gaps) + 6
    boxes, y = [], height - 6
    for (part, text, share, heads), gap in zip(parts, [*gaps, 0.0], strict=True):
        width = _NARROWEST + (_COLUMN - _NARROWEST) * share
        y -= _ROW
        boxes.append(Box(part, _LEFT + (_COLUMN - width) / 2, y, width, _ROW, text, heads))
        y -= gap
    titles = [(kind, _LEFT + _COLUMN / 2)]
    return Picture(_COLUMN + 2 * _LEFT, height, boxes, [], titles, describe(architecture, kind, shape))


def describe(architecture: Architecture, kind: str = "decoder", shape: DecoderShape | None = None) -> str:
    """An architecture in a sentence."""
    shape = shape or DecoderShape.of(architecture)
    there = [layer for layer in shape.layers if layer.heads or layer.ffn]
    layers = "; ".join(map(_layer, there)) or "none"
    count = f"{len(there)} layer{'s' * (len(there) != 1)}"
    return f"{kind.capitalize()} of width {shape.width} with {count}: {layers}."


def _layer(layer: LayerShape) -> str:
    attention = f"{layer.heads} heads on {layer.kv_heads} key-value heads" if layer.heads else "no attention"
    return f"{attention}, {f'feed-forward width {layer.ffn}' if layer.ffn else 'no feed-forward network'}"
