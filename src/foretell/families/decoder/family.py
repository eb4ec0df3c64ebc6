"""What a search space of decoders knows of its genes; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.families.decoder.canonical import canonical, size
from foretell.families.decoder.closed_forms import COSTS, counted, layers_of
from foretell.families.decoder.genes import Backbone, DecoderShape, decoder_genes
from foretell.families.decoder.picture import draw
from foretell.families.picture import Picture
from foretell.families.timing import TimedSetting, Workload, layer_steps
from foretell.spaces import Architecture, Features, Gene, Population, Scalar, SearchSpace

if TYPE_CHECKING:
    from foretell.families.base import Network
    from foretell.families.decoder.network import LanguageModel
    from foretell.families.probe import Probe
    from foretell.nn import Mixture
    from foretell.tasks.language_model.batches import TextBatch

__all__ = ["FAMILY", "Decoder"]

Array = npt.NDArray[np.float64]

# Costs are 64-bit integers: products of these stay far below.
_LARGEST = 2**24
_PARTS = ("fixed", "layers", "attentions", "query_matrices", "kv_matrices", "heads", "ffns", "ffn_matrices", "output")
_WORDS = {
    "feed_forward": ("swiglu", "gelu"),
    "tied": (True, False),
    "uniform": (True, False),
    "precision": ("float32", "bfloat16", "float16"),
}


class Decoder:
    """The family; see `foretell.spaces.Family`, `foretell.families.base.NetworkFamily` and the other protocols."""

    name = "decoder"
    about = "the decoder-only language model"
    costs: Mapping[str, str] = MappingProxyType(COSTS)
    features: Mapping[str, Features] = MappingProxyType({})

    def constants(self, values: Mapping[str, Any], where: str) -> Backbone:
        """The backbone that a space file describes."""
        known = [field.name for field in fields(Backbone)]
        for key, value in values.items():
            if key not in known:
                raise UnknownNameError("constant", key, known, where)
            if key in _WORDS:
                if not any(value is word or (value == word and isinstance(word, str)) for word in _WORDS[key]):
                    allowed = " or ".join(str(word).lower() for word in _WORDS[key])
                    raise InputError(f"{where}: {key} is {value!r}; expected {allowed}.")
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _LARGEST:
                raise InputError(f"{where}: {key} is {value!r}; expected a positive number up to {_LARGEST:,}.")
        for key in ("head_size", "context", "vocabulary"):
            if not isinstance(values.get(key, 1), int):
                raise InputError(f"{where}: {key} is {values[key]!r}; expected a whole number.")
        if values.get("head_size", 2) % 2:
            raise InputError(f"{where}: head_size is {values['head_size']}; expected an even number.")
        return Backbone(**values)

    def described(self, constants: Backbone) -> dict[str, Any]:
        """The backbone."""
        return {"backbone": asdict(constants)}

    def genes(self, choices: Mapping[str, Sequence[Scalar]], constants: Backbone) -> list[Gene]:
        """The five genes."""
        return decoder_genes(choices, constants)

    def canonical(self, space: SearchSpace, population: Population) -> Population:
        """See `foretell.families.decoder.canonical`."""
        return canonical(space, population)

    def size(self, space: SearchSpace) -> int:
        """See `foretell.families.decoder.canonical`."""
        return size(space)

    def count(
        self, space: SearchSpace, population: Population, names: Sequence[str], sizes: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Costs in closed form; `sizes` may hold `vocabulary` and `length`, the tokens of the context."""
        found = counted(space, population, list(names), sizes.get("vocabulary"), sizes.get("length"))
        return {name: values.astype(np.float64) for name, values in found.items()}

    # ---- networks

    def member(self, architecture: Architecture) -> DecoderShape:
        """The dimensions of an architecture."""
        return DecoderShape.of(architecture)

    def nominal_sizes(self, space: SearchSpace) -> dict[str, Any]:
        """The backbone's vocabulary."""
        return {"vocabulary": Backbone.of(space).vocabulary}

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
            DecoderShape.of(architecture),
            Backbone.of(architecture.space),
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

    latency_features = "averages"
    latency_parts = _PARTS

    def workloads(self, space: SearchSpace) -> dict[str, Workload]:
        """One token more at the end of a context, which is what `latency` means, and reading a prompt."""
        sizes = {"tokens": Backbone.of(space).context}
        decode = Workload("one token more at the end of a context", sizes, "tokens")
        prefill = Workload("reading a prompt, up to the choice of the first token", sizes, "tokens")
        return {"latency_ms": decode, "decode_latency_ms": decode, "prefill_latency_ms": prefill}

    def timed_network(self, setting: TimedSetting, architecture: Architecture) -> LanguageModel:
        """See `foretell.families.decoder.timing`."""
        from foretell.families.decoder.timing import timed_network

        return timed_network(setting, architecture)

    def timed_step(self, setting: TimedSetting, network: LanguageModel) -> Callable[[], None]:
        """See `foretell.families.decoder.timing`."""
        from foretell.families.decoder.timing import timed_step

        return timed_step(setting, network)

    def parts(self, space: SearchSpace, encoded: Array, population: Population | None) -> Array:
        """Numbers of layers and parts, and the sizes of their matrices."""
        if population is None:
            raise InputError(f"latencies of {space.name} are predicted layer by layer; measure them with foretell.")
        layers = layers_of(space, population)
        width = layers.width[:, 0]
        there = ((layers.heads > 0) | (layers.ffn > 0)).sum(1)
        heads, shared, ffn = (each.sum(1) for each in (layers.heads, layers.kv_heads, layers.ffn))
        attentions, networks = (layers.heads > 0).sum(1), (layers.ffn > 0).sum(1)
        one = np.ones(len(population))
        columns = [one, there, attentions, heads * width, shared * width, heads, networks, ffn * width, width]
        return np.stack(columns, axis=1).astype(np.float64)

    def steps(self, space: SearchSpace, population: Population, choices: Mapping[str, Sequence[int]]) -> Array:
        """The steps of all genes, and the sizes of the matrices."""
        parts = self.parts(space, np.empty((len(population), 0)), population)
        products = [parts[:, _PARTS.index(name)] for name in ("query_matrices", "kv_matrices", "ffn_matrices")]
        return layer_steps(space, population, choices, {"width": "layers"}, products)


FAMILY = Decoder()
