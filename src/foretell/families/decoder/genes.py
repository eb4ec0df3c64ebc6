"""The decoder-only family: its genes, what its members share, and a member's dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from foretell.errors import InputError, UnknownNameError
from foretell.spaces import Gene, Scalar, constants_of

if TYPE_CHECKING:
    from foretell.spaces import Architecture, SearchSpace

__all__ = ["GENES", "Backbone", "DecoderShape", "LayerShape", "StackBackbone", "decoder_genes"]

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class StackBackbone:
    """What every architecture of a space of stacks has in common, whatever reads them.

    Attributes:
        head_size: Channels of every attention head, an even number.
        feed_forward: "swiglu" (three matrices) or "gelu" (two).
        theta: Base of the rotary frequencies.
        epsilon: Of the norms.
        context: The longest text, in tokens; FLOPs, memory and latency are of a full one where nobody says otherwise.
        vocabulary: Nominal vocabulary size for counting; a task's own size replaces it where one is known.
        precision: Of weights and cache, for memory.
        uniform: Whether all layers are alike, so that their genes are chosen once.
        attention_bias: Whether queries, keys and values have biases, as in Qwen2.
        head_norms: Whether every head's queries and keys are normed, as in Qwen3.
    """

    family: ClassVar[str]

    head_size: int = 64
    feed_forward: Literal["swiglu", "gelu"] = "swiglu"
    theta: float = 10000.0
    epsilon: float = 1e-5
    context: int = 256
    vocabulary: int = 2000
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    uniform: bool = False
    attention_bias: bool = False
    head_norms: bool = False

    @property
    def bytes(self) -> int:
        """Of one number."""
        return _BYTES[self.precision]

    @classmethod
    def of(cls, space: SearchSpace) -> Self:
        """What the architectures of a space have in common.

        Raises:
            InputError: The space is not of this family.
        """
        return constants_of(space, cls, cls.family)


@dataclass(frozen=True)
class Backbone(StackBackbone):
    """What every decoder of a space has in common.

    Attributes:
        tied: Whether the output layer is the embedding.
    """

    family = "decoder"

    tied: bool = True


GENES: Mapping[str, tuple[str, bool]] = {
    "width": ("width of the embeddings and layers", False),
    "layers": ("number of layers", False),
    "heads": ("number of attention heads of each layer; 0: the layer has no attention", True),
    "kv-heads": ("number of key-value heads of each layer, at most its heads, which share them", True),
    "ffn": ("inner width of the feed-forward network of each layer; 0: the layer has none", True),
}
"""Description of each gene, and whether each layer has its own."""


def decoder_genes(choices: Mapping[str, Sequence[Scalar]], constants: StackBackbone) -> list[Gene]:
    """The genes of a space.

    Args:
        choices: The admissible values of every gene of `GENES`.
        constants: Says whether all layers are alike.

    Raises:
        UnknownNameError: A name that is no gene of the family.
        InputError: A gene without choices, choices that make no sense, or numbers of heads that key-value heads do
            not divide.
    """
    for name in choices:
        if name not in GENES:
            raise UnknownNameError("gene", name, GENES)
    genes = []
    for name, (description, per_layer) in GENES.items():
        if name not in choices:
            raise InputError(f"the gene {name} has no choices; list its values (one value makes it constant).")
        values = _whole(name, choices[name], least=0 if name in ("heads", "ffn") else 1)
        depth = "layers" if per_layer and not constants.uniform else None
        genes.append(Gene(name, tuple(values), description, depth))
    by_name = {gene.name: [int(value) for value in gene.numbers] for gene in genes}
    for heads in by_name["heads"]:
        for shared in by_name["kv-heads"]:
            if shared < heads and heads % shared:
                raise InputError(
                    f"{heads} heads cannot share {shared} key-value heads; each number of heads must be a multiple of "
                    "each smaller number of kv-heads."
                )
    return genes


def _whole(name: str, choices: Sequence[Scalar], least: int) -> list[int]:
    whole = [c for c in choices if isinstance(c, int) and not isinstance(c, bool)]
    if len(whole) != len(choices) or (whole and not least <= min(whole) <= max(whole) < 2**15):
        raise InputError(f"gene {name} has the choices {list(choices)}; expected whole numbers from {least} to 32,767.")
    return whole


@dataclass(frozen=True)
class LayerShape:
    """The dimensions of one layer.

    Attributes:
        heads: Query heads, 0 for a layer without attention.
        kv_heads: Key-value heads; they divide the heads.
        ffn: Inner feed-forward width, 0 for none.
    """

    heads: int
    kv_heads: int
    ffn: int


@dataclass(frozen=True)
class DecoderShape:
    """The dimensions of one decoder; everything a network is built from. Layers that do nothing are not there.

    Attributes:
        width: Of embeddings and layers.
        layers: From the first to the last.
    """

    width: int
    layers: tuple[LayerShape, ...]

    @property
    def uniform(self) -> bool:
        """Whether all layers are alike and have both parts, as plain Llama's have."""
        return len(set(self.layers)) == 1 and bool(self.layers[0].heads and self.layers[0].ffn)

    @classmethod
    def of(cls, architecture: Architecture) -> Self:
        """The dimensions of an architecture of the family."""
        values = architecture.to_dict()
        columns = [values[name] for name in ("heads", "kv-heads", "ffn")]
        rows = zip(*columns, strict=True) if isinstance(columns[0], list) else [columns] * values["layers"]
        layers = (LayerShape(h, min(k, h), f) for h, k, f in rows if h or f)
        return cls(values["width"], tuple(layers))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `dataclasses.asdict` made of a shape.

        Raises:
            KeyError: A field is missing; likewise TypeError and ValueError for what is no number.
        """
        layers = (LayerShape(**{name: int(size) for name, size in each.items()}) for each in values["layers"])
        return cls(int(values["width"]), tuple(layers))
