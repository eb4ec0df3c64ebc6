"""What a search space of encoders knows of its genes; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.families.decoder.genes import DecoderShape
from foretell.families.decoder.picture import draw
from foretell.families.decoder.stack import StackFamily
from foretell.families.encoder.closed_forms import COSTS, counted
from foretell.families.encoder.genes import Backbone
from foretell.families.picture import Picture
from foretell.families.timing import TimedSetting, Workload
from foretell.spaces import Architecture, Population, SearchSpace

if TYPE_CHECKING:
    from foretell.families.base import Network
    from foretell.families.probe import Probe
    from foretell.nn import Mixture
    from foretell.tasks.classification.batches import LabelledBatch

__all__ = ["FAMILY", "Encoder"]

Array = npt.NDArray[np.float64]

_TOGETHER = 32
"""Texts of a batch that is timed, where nobody says otherwise."""


class Encoder(StackFamily[Backbone]):
    """The family; see `foretell.spaces.Family`, `foretell.families.base.NetworkFamily` and the other protocols."""

    name = "encoder"
    about = "the Transformer encoder that classifies texts"
    costs: Mapping[str, str] = MappingProxyType(COSTS)
    backbone = Backbone
    words: ClassVar[Mapping[str, tuple[Any, ...]]] = {**StackFamily.words, "pooling": ("mean", "first")}
    whole = (*StackFamily.whole, "classes")

    def count(
        self, space: SearchSpace, population: Population, names: Sequence[str], sizes: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Costs in closed form; `sizes` may hold `vocabulary`, `classes` and `length`, the tokens of a text."""
        found = counted(space, population, list(names), sizes)
        return {name: values.astype(np.float64) for name, values in found.items()}

    # ---- networks

    def nominal_sizes(self, space: SearchSpace) -> dict[str, Any]:
        """The backbone's vocabulary and classes."""
        backbone = Backbone.of(space)
        return {"vocabulary": backbone.vocabulary, "classes": backbone.classes}

    def build(
        self,
        architecture: Architecture,
        sizes: Mapping[str, Any],
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        mixture: Mixture | None = None,
    ) -> Network:
        """A freshly initialised network, with `sizes["vocabulary"]` tokens and `sizes["classes"]` classes."""
        from foretell.families.encoder.network import TextClassifier

        if mixture is not None:
            raise InputError("encoders have no mixtures of supernets; train a supernet of the kind sandwich or spos.")
        return TextClassifier(
            DecoderShape.of(architecture),
            Backbone.of(architecture.space),
            sizes["vocabulary"],
            classes=sizes.get("classes"),
            dropout=dropout,
            attention_dropout=attention_dropout,
        )

    def restore(self, config: dict[str, Any]) -> Network:
        """See `foretell.nn.transformer.Transformer.from_config`."""
        from foretell.families.encoder.network import TextClassifier

        return TextClassifier.from_config(config)

    def probe(self, network: Network, batch: Any) -> Probe[Any, Any]:
        """See `foretell.families.probe.ProbedFamily`."""
        from foretell.families.encoder.network import TextClassifier
        from foretell.families.encoder.probing import ClassifierProbe

        assert isinstance(network, TextClassifier)  # noqa: S101 - the family has built it
        return ClassifierProbe(network, batch)

    def random_batch(self, space: SearchSpace, sizes: Mapping[str, Any]) -> LabelledBatch:
        """Texts of random tokens."""
        from foretell.families.encoder.probing import random_batch

        return random_batch(space, sizes["vocabulary"], sizes["classes"])

    def picture(self, architecture: Architecture) -> Picture:
        """See `foretell.families.decoder.picture`."""
        return draw(architecture, "encoder", "classes")

    # ---- latency

    def workloads(self, space: SearchSpace) -> dict[str, Workload]:
        """One text, which is what `latency` means, and many together."""
        tokens = Backbone.of(space).context
        one = Workload("classifying one text", {"tokens": tokens, "texts": 1}, "tokens")
        many = Workload("classifying many texts together", {"tokens": tokens, "texts": _TOGETHER}, "texts")
        return {"latency_ms": one, "batch_latency_ms": many}

    def timed_network(self, setting: TimedSetting, architecture: Architecture) -> Network:
        """See `foretell.families.encoder.timing`."""
        from foretell.families.encoder.timing import timed_network

        return timed_network(setting, architecture)

    def timed_step(self, setting: TimedSetting, network: Any) -> Callable[[], None]:
        """See `foretell.families.encoder.timing`."""
        from foretell.families.encoder.timing import timed_step

        return timed_step(setting, network)


FAMILY = Encoder()
