"""The family of what is left of a pretrained encoder under a layer for classes; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.families.decoder.genes import DecoderShape
from foretell.families.decoder.picture import draw
from foretell.families.encoder.closed_forms import COSTS
from foretell.families.encoder.family import Encoder
from foretell.families.encoder.genes import Backbone
from foretell.families.picture import Picture
from foretell.families.pruned.family import Parts
from foretell.families.pruned.genes import parts_choices, pruned_genes
from foretell.families.timing import TimedSetting
from foretell.spaces import Architecture, Population, SearchSpace

if TYPE_CHECKING:
    from foretell.families.base import Network
    from foretell.families.encoder.bert.classifier import BertClassifier
    from foretell.families.encoder.bert.network import BertBackbone
    from foretell.nn import Mixture

__all__ = ["FAMILY", "Bert", "PrunedEncoder", "encoder_parts"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PrunedEncoder(Backbone):
    """What all parts of an encoder share; heads and their keys go together.

    Attributes:
        width: Of embeddings and layers.
        activation: Of the feed-forward networks.
    """

    family = "bert"
    ratio: ClassVar[int] = 1

    width: int = 64
    activation: Literal["gelu", "gelu_tanh", "relu"] = "gelu"

    def bert(self, vocabulary: int) -> BertBackbone:
        """The constants that a network has."""
        from foretell.families.encoder.bert.network import BertBackbone

        return BertBackbone(self.head_size, self.context, vocabulary, self.epsilon, self.activation)


class Bert(Parts, Encoder):
    """The family; its members are parts of one network at their own places."""

    name = "bert"
    about = "what is left of a pretrained BERT-shaped encoder that classifies texts"
    costs: Mapping[str, str] = MappingProxyType(COSTS)
    backbone = PrunedEncoder
    words: ClassVar[Mapping[str, tuple[Any, ...]]] = {**Encoder.words, "activation": ("gelu", "gelu_tanh", "relu")}
    whole = (*Encoder.whole, "width")

    def count(
        self, space: SearchSpace, population: Population, names: Sequence[str], sizes: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Costs in closed form; `sizes` as for `Encoder.count`."""
        backbone, layers = PrunedEncoder.of(space), self.layers(space, population)
        pieces, classes = sizes.get("vocabulary") or backbone.vocabulary, sizes.get("classes") or backbone.classes
        length, width = sizes.get("length") or backbone.context, backbone.width
        channels, neurons = backbone.head_size * layers.heads, layers.ffn
        linear = (4 * width * channels + 2 * width * neurons).sum(1)
        vectors = (3 * channels + neurons + 3 * width * ((channels > 0).astype(np.int64) + (neurons > 0))).sum(1)
        output = (width + 1) * classes
        inner, embedded = linear + vectors + 2 * width + output, (pieces + backbone.context) * width
        text = length * (2 * linear + 4 * length * channels.sum(1))
        counted = {
            "flops": text + 2 * width * classes,
            "flops_without_output_layer": text,
            "parameters": inner + embedded,
            "parameters_without_embeddings": inner,
            "weight_bytes": (inner + embedded) * backbone.bytes,
            "memory_bytes": (inner + embedded) * backbone.bytes,
        }
        return {name: counted[name].astype(np.float64) for name in names}

    def build(
        self,
        architecture: Architecture,
        sizes: Mapping[str, Any],
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        mixture: Mixture | None = None,
    ) -> BertClassifier:
        """None: they are cut out of one that was read."""
        raise InputError("parts of a pretrained encoder are cut out of it; give it to `foretell shrink`.")

    def restore(self, config: dict[str, Any]) -> BertClassifier:
        """See `BertClassifier.from_config`."""
        from foretell.families.encoder.bert.classifier import BertClassifier

        return BertClassifier.from_config(config)

    def picture(self, architecture: Architecture) -> Picture:
        """See `foretell.families.decoder.picture`."""
        return draw(architecture, "encoder", "classes", shape=self.member(architecture))

    def timed_network(self, setting: TimedSetting, architecture: Architecture) -> Network:
        """A part with random weights, on the setting's device, in its precision."""
        import torch

        from foretell.families.encoder.bert.classifier import BertClassifier

        backbone, whole = PrunedEncoder.of(setting.space), self.member(architecture)
        there = DecoderShape(whole.width, tuple(layer for layer in whole.layers if layer.heads or layer.ffn))
        with torch.random.fork_rng(devices=[]), torch.device(setting.device):
            torch.manual_seed(0)
            network = BertClassifier(there, backbone.bert(setting.vocabulary), backbone.classes).eval()
        return network.to(getattr(torch, setting.precision))


def encoder_parts(
    name: str, shape: DecoderShape, backbone: BertBackbone, classes: int, *, uniform: bool, step: int | None
) -> SearchSpace:
    """The space of what can be left of an encoder; see `foretell.families.pruned.genes.pruned_space`."""
    choices = parts_choices(name, shape, uniform=uniform, step=step)
    constants = PrunedEncoder(
        head_size=backbone.head_size,
        epsilon=backbone.epsilon,
        context=backbone.context,
        vocabulary=backbone.vocabulary,
        uniform=uniform,
        classes=classes,
        width=shape.width,
        activation=backbone.activation,
    )
    return SearchSpace(pruned_genes(choices, constants), name, "what is left", family="bert", constants=constants)


FAMILY = Bert()
