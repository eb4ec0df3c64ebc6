"""What a search space of decoders knows of its genes; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.families.decoder.closed_forms import COSTS, Layers, counted, layers_of
from foretell.families.decoder.genes import Backbone
from foretell.families.decoder.picture import draw
from foretell.families.decoder.stack import StackFamily
from foretell.families.picture import Picture
from foretell.families.timing import LLAMA_CPP, TORCH, Step, TimedSetting, Workload
from foretell.spaces import Architecture, Population, SearchSpace

if TYPE_CHECKING:
    from foretell.families.base import Network
    from foretell.families.decoder.network import LanguageModel
    from foretell.families.probe import Probe
    from foretell.nn import Mixture
    from foretell.tasks.language_model.batches import TextBatch

__all__ = ["FAMILY", "Decoder"]

Array = npt.NDArray[np.float64]


class Decoder(StackFamily[Backbone]):
    """The family; see `foretell.spaces.Family`, `foretell.families.base.NetworkFamily` and the other protocols."""

    name = "decoder"
    about = "the decoder-only language model"
    costs: Mapping[str, str] = MappingProxyType(COSTS)
    backbone = Backbone
    words: ClassVar[Mapping[str, tuple[Any, ...]]] = {**StackFamily.words, "tied": (True, False)}

    def count(
        self, space: SearchSpace, population: Population, names: Sequence[str], sizes: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Costs in closed form; `sizes` may hold `vocabulary` and `length`, the tokens of the context."""
        layers, shared = self.layers(space, population), self.shared(space)
        found = counted(layers, shared, list(names), sizes.get("vocabulary"), sizes.get("length"))
        return {name: values.astype(np.float64) for name, values in found.items()}

    def layers(self, space: SearchSpace, population: Population) -> Layers:
        """The sizes of all layers of a population."""
        return layers_of(space, population)

    # ---- networks

    def shared(self, space: SearchSpace) -> Backbone:
        """What the networks of a space have in common."""
        return Backbone.of(space)

    def nominal_sizes(self, space: SearchSpace) -> dict[str, Any]:
        """The backbone's vocabulary."""
        return {"vocabulary": self.shared(space).vocabulary}

    def build(
        self,
        architecture: Architecture,
        sizes: Mapping[str, Any],
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        mixture: Mixture | None = None,
    ) -> LanguageModel:
        """A freshly initialised network, with `sizes["vocabulary"]` tokens."""
        from foretell.families.decoder.network import LanguageModel

        if mixture is not None:
            raise InputError("decoders have no mixtures of supernets; train a supernet of the kind sandwich or spos.")
        return LanguageModel(
            self.member(architecture),
            self.shared(architecture.space),
            sizes["vocabulary"],
            dropout=dropout,
            attention_dropout=attention_dropout,
        )

    def restore(self, config: dict[str, Any]) -> LanguageModel:
        """See `LanguageModel.from_config`."""
        from foretell.families.decoder.network import LanguageModel

        return LanguageModel.from_config(config)

    def probe(self, network: Network, batch: Any) -> Probe[Any, Any]:
        """See `foretell.families.probe.ProbedFamily`."""
        from foretell.families.decoder.network import LanguageModel
        from foretell.families.decoder.probing import TextProbe

        assert isinstance(network, LanguageModel)  # noqa: S101 - the family has built it
        return TextProbe(network, batch)

    def random_batch(self, space: SearchSpace, sizes: Mapping[str, Any]) -> TextBatch:
        """Blocks of random tokens."""
        from foretell.families.decoder.probing import random_batch

        return random_batch(space, sizes["vocabulary"])

    def picture(self, architecture: Architecture) -> Picture:
        """See `foretell.families.decoder.picture`."""
        return draw(architecture)

    # ---- latency

    def workloads(self, space: SearchSpace) -> dict[str, Workload]:
        """One token more at the end of a context, which is what `latency` means, and reading a prompt."""
        shared = self.shared(space)
        about: dict[str, Any] = {"sizes": {"tokens": shared.context}, "at": "tokens"}
        if shared.feed_forward == "swiglu":  # llama.cpp knows no other
            about["runtimes"] = (TORCH, LLAMA_CPP)
        decode = Workload("one token more at the end of a context", **about, version=2)
        prefill = Workload("reading a prompt, up to the choice of the first token", **about)
        return {"latency_ms": decode, "decode_latency_ms": decode, "prefill_latency_ms": prefill}

    def timed_network(self, setting: TimedSetting, architecture: Architecture) -> Any:
        """See `foretell.families.decoder.timing` and `foretell.families.decoder.timing_in_llama_cpp`."""
        from foretell.families.decoder import timing, timing_in_llama_cpp

        make = timing_in_llama_cpp.timed_server if setting.runtime == LLAMA_CPP else timing.timed_network
        return make(setting, self.member(architecture), self.shared(architecture.space))

    def timed_step(self, setting: TimedSetting, network: Any) -> Step:
        """See `foretell.families.decoder.timing` and `foretell.families.decoder.timing_in_llama_cpp`."""
        from foretell.families.decoder import timing, timing_in_llama_cpp

        make = timing_in_llama_cpp.timed_completion if setting.runtime == LLAMA_CPP else timing.timed_step
        return make(setting, network)


FAMILY = Decoder()
