"""The genes of a pretrained decoder's parts, and the space that a checkpoint has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from foretell.errors import InputError, UnknownNameError
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape, StackBackbone
from foretell.spaces import Architecture, Gene, Scalar, SearchSpace

__all__ = ["GENES", "PrunedBackbone", "narrows", "parts_choices", "pruned_genes", "pruned_shape", "pruned_space"]

GENES: Mapping[str, tuple[str, bool]] = {
    "layers": ("layers of the checkpoint", False),
    "kept": ("whether the layer is kept (1) or left out (0)", True),
    "groups": ("key-value heads of the layer that are kept, with their query heads; 0: no attention", True),
    "ffn": ("inner neurons of the layer that are kept; 0: no feed-forward network", True),
    "width": ("channels of the embeddings and layers that are kept", False),
}
"""Description of each gene, and whether each layer has its own; a space without the last keeps all channels."""

_STEPS = 12  # about so many widths of feed-forward networks
_ROW = 32  # what kernels and quantised types like widths to be a multiple of


@dataclass(frozen=True)
class PrunedBackbone(Backbone):
    """What all members share: the decoder's constants, and what pruning leaves alone.

    Attributes:
        width: Of embeddings and layers, all channels.
        ratio: Query heads that share a key-value head.
    """

    family = "pruned"

    width: int = 64
    ratio: int = 1

    @property
    def decoder(self) -> Backbone:
        """The constants that a network has."""
        return Backbone(**{field.name: getattr(self, field.name) for field in fields(Backbone)})


def pruned_genes(choices: Mapping[str, Sequence[Scalar]], constants: StackBackbone) -> list[Gene]:
    """The genes of a space.

    Args:
        choices: The admissible values of every gene of `GENES`, with or without the width.
        constants: Says whether all layers that are kept are alike.

    Raises:
        UnknownNameError: A name that is no gene of the family.
        InputError: A gene without choices, or with others than whole numbers.
    """
    for name in choices:
        if name not in GENES:
            raise UnknownNameError("gene", name, GENES)
    genes = []
    for name, (description, per_layer) in GENES.items():
        if name == "width" and name not in choices:
            continue
        values = tuple(choices.get(name, ()))
        whole = all(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**15 for value in values)
        if not values or not whole:
            raise InputError(f"the gene {name} has the choices {list(values)}; expected whole numbers up to 32,767.")
        alike = constants.uniform and name != "kept"
        genes.append(Gene(name, values, description, "layers" if per_layer and not alike else None))
    return genes


def narrows(space: SearchSpace) -> bool:
    """Whether members of a space of parts differ in the channels of their embeddings and layers."""
    return any(gene.name == "width" for gene in space.genes)


def pruned_shape(architecture: Architecture, width: int, ratio: int) -> DecoderShape:
    """The dimensions of an architecture; layers that are left out keep their places, with nothing in them.

    Args:
        architecture: Of a space of parts.
        width: Of the whole network.
        ratio: Query heads that share a key-value head.
    """
    values = architecture.to_dict()
    count = len(values["kept"])
    groups, ffn = (each if isinstance(each, list) else [each] * count for each in (values["groups"], values["ffn"]))
    layers = tuple(
        LayerShape(g * ratio, g, f) if kept else LayerShape(0, 0, 0)
        for kept, g, f in zip(values["kept"], groups, ffn, strict=True)
    )
    return DecoderShape(values.get("width", width), layers)


def pruned_space(
    name: str,
    shape: DecoderShape,
    backbone: Backbone,
    *,
    uniform: bool = False,
    step: int | None = None,
    hidden_width: bool = False,
) -> SearchSpace:
    """The space of what can be left of a decoder.

    Args:
        name: Of the checkpoint.
        shape: Its dimensions; all layers are alike.
        backbone: What its layers have in common.
        uniform: Keep layers alike, as plain runtimes want them; which are kept is still chosen.
        step: Between feed-forward widths; None: a twelfth, as a multiple of 32.
        hidden_width: Whether channels of the embeddings and layers may go, too: up to half of them, in steps of 32.

    Raises:
        InputError: Layers differ, the step is larger than the width, or there are no channels to spare.
    """
    choices, layer = parts_choices(name, shape, uniform=uniform, step=step), shape.layers[0]
    if hidden_width:
        choices["width"] = _channels(name, shape.width)
    constants = PrunedBackbone(
        **{**asdict(backbone), "uniform": uniform}, width=shape.width, ratio=layer.heads // layer.kv_heads
    )
    return SearchSpace(pruned_genes(choices, constants), name, "what is left", family="pruned", constants=constants)


def _channels(name: str, width: int) -> list[int]:
    """How many channels may be kept, all of them first: norms want many, matrices multiples of 32."""
    step = max(_ROW, width // _STEPS // _ROW * _ROW)
    found = sorted({width, *(each for each in range(step, width, step) if 2 * each >= width)}, reverse=True)
    if len(found) == 1:
        raise InputError(f"the layers of {name} are {width} channels wide, too few for a step of {step}; keep them.")
    return found


def parts_choices(name: str, shape: DecoderShape, *, uniform: bool, step: int | None) -> dict[str, list[int]]:
    """The choices of every gene of `GENES`, the whole network first; see `pruned_space`."""
    if len(set(shape.layers)) != 1:
        raise InputError(f"the layers of {name} differ; give a checkpoint whose layers are alike.")
    layer = shape.layers[0]
    step = step or max(_ROW, layer.ffn // _STEPS // _ROW * _ROW)
    if not 0 < step <= layer.ffn:
        raise InputError(f"the step {step} is not between 1 and the feed-forward width {layer.ffn}; choose another.")
    least = 1 if uniform else 0
    widths = sorted({layer.ffn, *range(step, layer.ffn, step), *([] if uniform else [0])}, reverse=True)
    return {
        "layers": [len(shape.layers)],
        "kept": [1, 0],
        "groups": list(range(layer.kv_heads, least - 1, -1)),
        "ffn": widths,
    }
