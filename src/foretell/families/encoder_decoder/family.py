"""What a search space of encoder-decoder Transformers knows of its genes; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.families.encoder_decoder.closed_forms import Totals, embedding_parameters, flops, parameters
from foretell.families.encoder_decoder.genes import Backbone, TransformerShape, transformer_genes
from foretell.families.encoder_decoder.parts import PARTS, latency_parts
from foretell.families.encoder_decoder.picture import draw
from foretell.families.picture import Picture
from foretell.families.timing import TimedSetting, Workload, layer_steps
from foretell.spaces import Architecture, Gene, Population, Scalar, SearchSpace
from foretell.spaces.features import averages

if TYPE_CHECKING:
    from foretell.families.base import Network
    from foretell.families.encoder_decoder.network import Seq2SeqTransformer
    from foretell.families.probe import Probe
    from foretell.nn import Mixture
    from foretell.tasks.translation import Batch

__all__ = ["FAMILY", "EncoderDecoder"]

Array = npt.NDArray[np.float64]

# Costs are 64-bit integers: products of these stay far below.
_LARGEST = 2**24


@dataclass(frozen=True)
class _Averages:
    """One value a gene, averaged over active layers, divided by norms.

    Attributes:
        encode: From averages `[n, genes]` and the canonical rows to features.
    """

    encode: Callable[[SearchSpace, Array, Population], Array]

    def __call__(self, space: SearchSpace, population: Population) -> Array:
        return self.encode(space, averages(space, population), population)

    def names(self, space: SearchSpace) -> list[str]:
        """The names of the genes."""
        return [gene.name for gene in space.genes]


def _plain(_space: SearchSpace, means: Array, _rows: Population) -> Array:
    return means


def _for_latency(space: SearchSpace, means: Array, _rows: Population) -> Array:
    norm = Backbone.of(space).latency_norm
    return means / (_maxima(space) if norm is None else np.array(norm))


def _for_bleu(space: SearchSpace, means: Array, rows: Population) -> Array:
    scaled, active = means / _maxima(space), space.active(rows)
    for column, gene in enumerate(space.genes):
        if gene.bound is not None:
            columns = space.columns(gene.name)
            raw, there = gene.values.take(rows[:, columns]), active[:, columns]
            scaled[:, column] = (1 + (raw * there).sum(1) / there.sum(1)) / 3
    return scaled


def _maxima(space: SearchSpace) -> Array:
    return np.array([gene.numbers.max() for gene in space.genes])


class EncoderDecoder:
    """The family; see `foretell.spaces.Family` and `foretell.families.base.NetworkFamily`."""

    name = "encoder_decoder"
    about = "the Transformer encoder-decoder"
    costs: Mapping[str, str] = MappingProxyType(
        {
            "flops": "FLOPs of one sentence pair, the output layer included",
            "flops_without_output_layer": "FLOPs of one sentence pair, the projection to the vocabulary left out",
            "parameters": "every number that is stored, embeddings of the task's vocabulary included",
            "parameters_without_embeddings": "parameters of the encoder's and decoder's layers only",
        }
    )
    features: Mapping[str, _Averages] = MappingProxyType(
        {"hat": _Averages(_plain), "hat-latency": _Averages(_for_latency), "hat-bleu": _Averages(_for_bleu)}
    )
    """Published encodings: "hat" as in HAT's latency files, in the units of the genes, attention as the number of
    attended layers; "hat-latency" divided by the published norms of HAT's latency predictor; "hat-bleu" divided by
    the largest values, attention as (1 + mean of -1, 1, 2) / 3, as in the paper's distilled predictor (LLM-PP,
    `bleu_predictor.py`)."""

    def constants(self, values: Mapping[str, Any], where: str) -> Backbone:
        """The backbone that a space file describes."""
        known = [name for name in Backbone.__dataclass_fields__ if name != "latency_norm"]
        for key in values:
            if key not in known:
                raise UnknownNameError("backbone key", key, known, where)
        if "qkv_dim" not in values:
            raise InputError(f"{where}: the backbone has no qkv_dim; give one, or a space to be like.")
        for key in ("qkv_dim", "sentence_length", "vocabulary"):
            value = values.get(key, 1)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST:
                raise InputError(
                    f"{where}: backbone {key} is {value!r}; expected a positive integer up to {_LARGEST:,}."
                )
        for key, allowed in (("norm", ("pre", "post")), ("embeddings", ("shared", "separate"))):
            if key in values and values[key] not in allowed:
                raise InputError(f"{where}: backbone {key} is {values[key]!r}; expected {' or '.join(allowed)}.")
        return Backbone(**values)

    def described(self, constants: Backbone) -> dict[str, Any]:
        """The backbone, without what says nothing of the networks."""
        values = asdict(constants)
        del values["latency_norm"]
        return {"backbone": values}

    def genes(self, choices: Mapping[str, Sequence[Scalar]], constants: Backbone) -> list[Gene]:
        """The ten genes, in HAT's order."""
        return transformer_genes(choices, constants.qkv_dim)

    latency_features = "hat"
    latency_parts = PARTS

    def workloads(self, space: SearchSpace) -> dict[str, Workload]:
        """One translation by beam search."""
        sizes = {"sentence_length": Backbone.of(space).sentence_length, "beam": 4}
        return {"latency_ms": Workload("a translation of nominal length by beam search", sizes, "sentence_length")}

    def timed_network(self, setting: TimedSetting, architecture: Architecture) -> Seq2SeqTransformer:
        """See `foretell.families.encoder_decoder.timing`."""
        from foretell.families.encoder_decoder.timing import timed_network

        return timed_network(setting, architecture)

    def timed_step(self, setting: TimedSetting, network: Seq2SeqTransformer) -> Callable[[], None]:
        """See `foretell.families.encoder_decoder.timing`."""
        from foretell.families.encoder_decoder.timing import translation_step

        return translation_step(setting, network)

    def parts(self, space: SearchSpace, encoded: Array, population: Population | None) -> Array:
        """Sums over layers are depth times average, so nothing is lost where only averages are known."""
        return latency_parts(encoded)

    def steps(self, space: SearchSpace, population: Population, choices: Mapping[str, Sequence[int]]) -> Array:
        """The steps of all genes, and the sizes of the feed-forward matrices."""
        parts = latency_parts(space.features(population, "hat"))
        products = [parts[:, PARTS.index(f"{side}_ffn")] for side in ("encoder", "decoder")]
        depths = {f"{side}-embed-dim": f"{side}-layer-num" for side in ("encoder", "decoder")}
        return layer_steps(space, population, choices, depths, products)

    def count(
        self, space: SearchSpace, population: Population, names: Sequence[str], sizes: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Costs in closed form; `sizes` may hold `vocabulary` (one, or source's and target's) and `length`.

        Besides `costs` it counts "decoder_embedding_parameters": vocabulary x decoder width, as in published records.
        """
        totals = Totals.of(space, population)
        common: dict[str, Any] = {"vocabulary": sizes.get("vocabulary"), "totals": totals}
        found = {}
        for name in names:
            if name == "decoder_embedding_parameters":
                counted = embedding_parameters(space, population, count="decoder-width", **common)
            elif name.startswith("flops"):
                length = sizes.get("length")
                counted = flops(space, population, output_layer=name == "flops", sentence_length=length, **common)
            else:
                counted = parameters(space, population, embeddings=name == "parameters", **common)
            found[name] = counted.astype(np.float64)
        return found

    def member(self, architecture: Architecture) -> TransformerShape:
        """The dimensions of an architecture."""
        return TransformerShape.of(architecture)

    def nominal_sizes(self, space: SearchSpace) -> dict[str, Any]:
        """The backbone's vocabulary."""
        return {"vocabulary": Backbone.of(space).vocabulary}

    def probe(self, network: Network, batch: Any) -> Probe[Any, Any]:
        """See `foretell.families.probe.ProbedFamily`."""
        from foretell.families.encoder_decoder.network import Seq2SeqTransformer
        from foretell.families.encoder_decoder.probing import TranslationProbe

        assert isinstance(network, Seq2SeqTransformer)  # noqa: S101 - the family has built it
        return TranslationProbe(network, batch)

    def random_batch(self, space: SearchSpace, sizes: Mapping[str, Any]) -> Batch:
        """Sixteen pairs of random tokens."""
        from foretell.families.encoder_decoder.probing import random_batch

        return random_batch(space, sizes["vocabulary"])

    def build(
        self,
        architecture: Architecture,
        sizes: Mapping[str, Any],
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        mixture: Mixture | None = None,
    ) -> Seq2SeqTransformer:
        """A freshly initialised network, with `sizes["vocabulary"]` tokens.

        Positions and dropout are those of the space's widest embedding, as for a sub-network of a supernet. Routers
        read the averages by the published norms, where there are any.
        """
        from foretell.families.encoder_decoder.network import Seq2SeqTransformer

        backbone, widest = Backbone.of(architecture.space), TransformerShape.of(architecture.space.largest())
        return Seq2SeqTransformer(
            TransformerShape.of(architecture),
            backbone,
            sizes["vocabulary"],
            dropout=dropout,
            attention_dropout=attention_dropout,
            reference_widths=(widest.encoder_width, widest.decoder_width),
            mixture=None if mixture is None else replace(mixture, norm=backbone.latency_norm),
        )

    def picture(self, architecture: Architecture) -> Picture:
        """See `foretell.families.encoder_decoder.picture`."""
        return draw(architecture)

    def restore(self, config: dict[str, Any]) -> Seq2SeqTransformer:
        """See `Seq2SeqTransformer.from_config`."""
        from foretell.families.encoder_decoder.network import Seq2SeqTransformer

        return Seq2SeqTransformer.from_config(config)


FAMILY = EncoderDecoder()
