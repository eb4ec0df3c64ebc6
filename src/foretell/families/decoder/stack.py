"""What families of one stack of layers share: constants, genes, canonical form, what a time is made up of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.families.decoder.canonical import canonical, size
from foretell.families.decoder.closed_forms import Layers, layers_of
from foretell.families.decoder.genes import DecoderShape, StackBackbone, decoder_genes
from foretell.families.timing import layer_steps
from foretell.spaces import Architecture, Features, Gene, Population, Scalar, SearchSpace

__all__ = ["StackFamily"]

Array = npt.NDArray[np.float64]
B = TypeVar("B", bound=StackBackbone)

# Costs are 64-bit integers: products of these stay far below.
_LARGEST = 2**24
_PARTS = ("fixed", "layers", "attentions", "query_matrices", "kv_matrices", "heads", "ffns", "ffn_matrices", "output")


class StackFamily(Generic[B]):
    """Decoders and encoders as search spaces see them; nothing here needs torch.

    Attributes:
        backbone: The kind of constants.
        words: The constants that are no numbers, and what they may be.
        whole: Those that are whole numbers.
    """

    backbone: type[B]
    words: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "feed_forward": ("swiglu", "gelu"),
        "uniform": (True, False),
        "attention_bias": (True, False),
        "head_norms": (True, False),
        "precision": ("float32", "bfloat16", "float16"),
    }
    whole: ClassVar[tuple[str, ...]] = ("head_size", "context", "vocabulary")
    features: Mapping[str, Features] = MappingProxyType({})

    def constants(self, values: Mapping[str, Any], where: str) -> B:
        """The backbone that a space file describes."""
        known = [field.name for field in fields(self.backbone)]
        for key, value in values.items():
            if key not in known:
                raise UnknownNameError("constant", key, known, where)
            if key in self.words:
                words = self.words[key]
                if not any(value is word or (value == word and isinstance(word, str)) for word in words):
                    allowed = " or ".join(str(word).lower() for word in words)
                    raise InputError(f"{where}: {key} is {value!r}; expected {allowed}.")
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LARGEST:
                raise InputError(f"{where}: {key} is {value!r}; expected a positive number up to {_LARGEST:,}.")
        for key in self.whole:
            if not isinstance(values.get(key, 1), int):
                raise InputError(f"{where}: {key} is {values[key]!r}; expected a whole number.")
        if values.get("head_size", 2) % 2:
            raise InputError(f"{where}: head_size is {values['head_size']}; expected an even number.")
        return self.backbone(**values)

    def described(self, constants: B) -> dict[str, Any]:
        """The backbone; constants that came later are left out at their defaults, so that old names still hold."""
        later = {"attention_bias": False, "head_norms": False}
        return {"backbone": {k: v for k, v in asdict(constants).items() if k not in later or v != later[k]}}

    def genes(self, choices: Mapping[str, Sequence[Scalar]], constants: B) -> list[Gene]:
        """The five genes."""
        return decoder_genes(choices, constants)

    def canonical(self, space: SearchSpace, population: Population) -> Population:
        """See `foretell.families.decoder.canonical`."""
        return canonical(space, population)

    def size(self, space: SearchSpace) -> int:
        """See `foretell.families.decoder.canonical`."""
        return size(space)

    def member(self, architecture: Architecture) -> DecoderShape:
        """The dimensions of an architecture."""
        return DecoderShape.of(architecture)

    # ---- latency

    latency_features = "averages"
    latency_parts = _PARTS

    def parts(self, space: SearchSpace, encoded: Array, population: Population | None) -> Array:
        """Numbers of layers and parts, and the sizes of their matrices."""
        if population is None:
            raise InputError(f"latencies of {space.name} are predicted layer by layer; measure them with foretell.")
        return self.sums(layers_of(space, population))

    def sums(self, layers: Layers) -> Array:
        """The same of layers."""
        width = layers.width[:, 0]
        there = ((layers.heads > 0) | (layers.ffn > 0)).sum(1)
        heads, shared, ffn = (each.sum(1) for each in (layers.heads, layers.kv_heads, layers.ffn))
        attentions, networks = (layers.heads > 0).sum(1), (layers.ffn > 0).sum(1)
        one = np.ones(len(width))
        columns = [one, there, attentions, heads * width, shared * width, heads, networks, ffn * width, width]
        return np.stack(columns, axis=1).astype(np.float64)

    def steps(self, space: SearchSpace, population: Population, choices: Mapping[str, Sequence[int]]) -> Array:
        """The steps of all genes, and the sizes of the matrices."""
        parts = self.parts(space, np.empty((len(population), 0)), population)
        products = [parts[:, _PARTS.index(name)] for name in ("query_matrices", "kv_matrices", "ffn_matrices")]
        return layer_steps(space, population, choices, {"width": "layers"}, products)
