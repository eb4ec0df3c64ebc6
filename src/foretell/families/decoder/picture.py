"""A decoder as a picture: one stack of boxes."""

from __future__ import annotations

from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.picture import Box, Picture
from foretell.spaces import Architecture

__all__ = ["describe", "draw"]

_COLUMN, _ROW, _SPACE, _LAYER = 150.0, 22.0, 4.0, 12.0
_TOP, _NARROWEST, _LEFT = 30.0, 62.0, 8.0


def draw(architecture: Architecture, kind: str = "decoder", output: str = "output") -> Picture:
    """The picture of an architecture, bottom to top as data flow; widths are shares of the space's largest.

    Args:
        architecture: Of a family with the genes of decoders.
        kind: What the stack is called.
        output: What the last box says.
    """
    shape, space = DecoderShape.of(architecture), architecture.space
    widest, most = (max(1.0, float(space.gene(name).numbers.max())) for name in ("width", "ffn"))
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
    return Picture(_COLUMN + 2 * _LEFT, height, boxes, [], titles, describe(architecture, kind))


def describe(architecture: Architecture, kind: str = "decoder") -> str:
    """An architecture in a sentence."""
    shape = DecoderShape.of(architecture)
    layers = "; ".join(_layer(layer) for layer in shape.layers) or "none"
    count = f"{len(shape.layers)} layer{'s' * (len(shape.layers) != 1)}"
    return f"{kind.capitalize()} of width {shape.width} with {count}: {layers}."


def _layer(layer: LayerShape) -> str:
    attention = f"{layer.heads} heads on {layer.kv_heads} key-value heads" if layer.heads else "no attention"
    return f"{attention}, {f'feed-forward width {layer.ffn}' if layer.ffn else 'no feed-forward network'}"
