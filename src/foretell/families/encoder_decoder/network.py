"""The encoder-decoder Transformer that is its own supernet (HAT, arXiv 2005.14187; docs/deviations.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.errors import InputError
from foretell.families.base import Network
from foretell.families.encoder_decoder.encoding import encode_shape
from foretell.families.encoder_decoder.fitting import check_consistent, check_fits, network_arguments, shape_to_json
from foretell.families.encoder_decoder.genes import Backbone, TransformerShape
from foretell.families.encoder_decoder.state import DecoderState, EncoderOutput
from foretell.nn.attention import Past, padding_mask
from foretell.nn.dropout import Dropout
from foretell.nn.elastic import ElasticLayerNorm
from foretell.nn.embedding import TokenMatrices, TokenRows, embed_tokens
from foretell.nn.layers import DecoderLayer, EncoderLayer, FeedForward, Inner
from foretell.nn.loss import token_loss
from foretell.nn.mixture import MixedWeights, Mixture, MixtureFeedForward
from foretell.nn.positions import SinusoidalPositions
from foretell.nn.tokens import PAD
from foretell.tasks.translation import Batch

__all__ = ["Seq2SeqTransformer"]


class Seq2SeqTransformer(Network):
    """An encoder-decoder Transformer that can run as any smaller one by using leading slices.

    With `shape` left out it is an ordinary network and slices nothing. Batches are padded on the right
    with `PAD`; padding never changes the outputs at other positions. All methods that take a `shape`
    raise `InputError` when it does not fit into the network.

    Args:
        shape: The largest dimensions, and those used when a call names none.
        backbone: What does not vary: total attention width, kind of norm, kind of embeddings.
        vocabulary: Size of the vocabulary, or of the source's and the target's.
        dropout: Probability of dropping at the reference width; a network of width d uses
            dropout · d / reference everywhere (HAT's rule without its exception, docs/deviations.md).
        attention_dropout: Dropout of attention weights, not rescaled.
        reference_widths: Encoder and decoder width of the supernet that this network belongs to, which set
            the positions' frequencies and the dropout's scale; None: its own.
        mixture: Mix each layer's feed-forward network from experts, in proportions that depend on the
            architecture; None: slices alone.

    Raises:
        InputError: Shared embeddings of two sizes, or dimensions that contradict each other.
    """

    family = "encoder_decoder"

    def __init__(
        self,
        shape: TransformerShape,
        backbone: Backbone,
        vocabulary: int | tuple[int, int],
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        reference_widths: tuple[int, int] | None = None,
        mixture: Mixture | None = None,
    ) -> None:
        super().__init__()
        check_consistent(shape, backbone)
        self.shape = shape
        self.backbone = backbone
        self.vocabulary = (vocabulary, vocabulary) if isinstance(vocabulary, int) else vocabulary
        if backbone.embeddings == "shared" and self.vocabulary[0] != self.vocabulary[1]:
            raise InputError(
                f"shared embeddings need one vocabulary, found sizes {self.vocabulary}; "
                "use a joint vocabulary or separate embeddings."
            )
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        widths = (shape.encoder_width, shape.decoder_width)
        self.reference_widths = reference_widths or widths
        self.mixture = mixture
        self._fitting = {shape}
        self.tokens = TokenMatrices(self.vocabulary, widths, backbone.embeddings)
        self.encoder_positions = SinusoidalPositions(widths[0], self.reference_widths[0])
        self.decoder_positions = SinusoidalPositions(widths[1], self.reference_widths[1])
        self._build_layers(shape, backbone.qkv_dim, backbone.norm == "pre")

    def _build_layers(self, shape: TransformerShape, qkv_dim: int, pre_norm: bool) -> None:
        de, dd, p = shape.encoder_width, shape.decoder_width, self.attention_dropout
        feed: Any = FeedForward
        if self.mixture is not None:
            inputs = len(encode_shape(shape, shape, self.mixture))
            feed = partial(MixtureFeedForward, inputs=inputs, mixture=self.mixture)
        self.encoder = nn.ModuleList(
            EncoderLayer(de, inner, qkv_dim, p, pre_norm=pre_norm, feed_forward=feed) for inner in shape.encoder_ffn
        )
        self.decoder = nn.ModuleList(
            DecoderLayer(dd, de, inner, qkv_dim, p, pre_norm=pre_norm, feed_forward=feed) for inner in shape.decoder_ffn
        )
        self.encoder_norm = ElasticLayerNorm(de) if pre_norm else None
        self.decoder_norm = ElasticLayerNorm(dd) if pre_norm else None

    # Running ------------------------------------------------------------------------------------------

    def forward(self, source: Tensor, target_in: Tensor, shape: TransformerShape | None = None) -> Tensor:
        """Logits of every next token.

        Args:
            source: int64 [B, S].
            target_in: int64 [B, T], starts with `EOS`.
            shape: The architecture to run as; None: the network itself.

        Returns:
            [B, T, V target].
        """
        features, output = self._features(source, target_in, self._resolve(shape))
        return F.linear(features, output)

    def features(self, source: Tensor, target_in: Tensor, shape: TransformerShape | None = None) -> Tensor:
        """As `forward`, without the output layer: [B, T, dd]."""
        return self._features(source, target_in, self._resolve(shape))[0]

    def logits(self, features: Tensor, shape: TransformerShape | None = None) -> Tensor:
        """The output layer: features [..., dd] -> [..., V target]."""
        return F.linear(features, self._rows(self._resolve(shape)).output)

    def loss(
        self, batch: Batch, member: TransformerShape | None = None, *, smoothing: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See `Network.loss`."""
        return self.teacher_forced_loss(batch.source, batch.target_in, batch.target_out, smoothing, member)

    def losses(self, members: Sequence[TransformerShape], batch: Batch, *, smoothing: float) -> Tensor:
        """See `Network.losses`."""
        from foretell.families.encoder_decoder.population import population_losses

        return population_losses(self, members, batch.source, batch.target_in, batch.target_out, smoothing)

    def predictions(self, batch: Batch, member: TransformerShape | None = None) -> tuple[Tensor, Tensor]:
        """See `Network.predictions`."""
        targets = batch.target_out.flatten()
        real = (targets != PAD).nonzero().squeeze(1)
        features = self.features(batch.source, batch.target_in, member).flatten(0, 1)
        return self.logits(features.index_select(0, real), member), targets.index_select(0, real)

    def teacher_forced_loss(
        self,
        source: Tensor,
        target_in: Tensor,
        target_out: Tensor,
        smoothing: float = 0.1,
        shape: TransformerShape | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Label-smoothed loss, with the output layer evaluated at real target tokens only.

        Args:
            source: int64 [B, S].
            target_in: int64 [B, T].
            target_out: int64 [B, T], padding where the sentence has ended.
            smoothing: Label smoothing, 0 for none.
            shape: The architecture to run as; None: the network itself.

        Returns:
            Scalars: the smoothed loss in nats summed over tokens (differentiable once), the negative
            log-likelihood in nats summed over tokens, and the number of tokens (int64).
        """
        features, output = self._features(source, target_in, self._resolve(shape))
        return token_loss(features, output, target_out, smoothing)

    def encode(
        self, source: Tensor, shape: TransformerShape | None = None, *, layers: int | None = None
    ) -> EncoderOutput:
        """Run the encoder.

        Args:
            source: int64 [B, S].
            shape: The architecture to run as; None: the network itself.
            layers: How many of the last layers' outputs to keep (at most as many as there are); None: as
                many as the architecture's decoder attends to. Keep 3 to decode with any decoder.
        """
        shape = self._resolve(shape)
        kept = min(layers or max(shape.attended), len(shape.encoder_ffn))
        return self._run_encoder(source, self._rows(shape).source, shape, kept)

    def _run_encoder(self, source: Tensor, rows: Tensor, shape: TransformerShape, kept: int) -> EncoderOutput:
        width = shape.encoder_width
        x = embed_tokens(source, rows, self.encoder_positions(0, source.shape[1], width))
        drop = self._drop(self.dropout * width / self.reference_widths[0], 2 * len(shape.encoder_ffn) + 1, x)
        mask = padding_mask(source, x.dtype)
        x = drop(x)
        outputs = []
        inners = self._mixed(self.encoder, shape) or shape.encoder_ffn
        for layer, heads, inner in zip(self.encoder, shape.encoder_heads, inners, strict=False):
            x = layer(x, heads, inner, mask, drop)
            outputs.append(x)
        last_first = outputs[: -kept - 1 : -1]
        if self.encoder_norm is not None:
            # Every attended layer passes the final norm: the decoder's keys have one scale.
            last_first = [self.encoder_norm(output) for output in last_first]
        return EncoderOutput(tuple(last_first), mask)

    def decode(self, target_in: Tensor, encoded: EncoderOutput, shape: TransformerShape | None = None) -> Tensor:
        """Run the decoder over whole sentences.

        Args:
            target_in: int64 [B, T].
            encoded: From `encode` with the same encoder genes.
            shape: The architecture to run as; None: the network itself.

        Returns:
            Features [B, T, dd].
        """
        shape = self._resolve(shape)
        return self._decode(target_in, encoded, self._rows(shape).target, shape)

    def _decode(self, target_in: Tensor, encoded: EncoderOutput, rows: Tensor, shape: TransformerShape) -> Tensor:
        state = DecoderState(0, [], self._cross_keys_values(encoded, shape), self._mixed(self.decoder, shape))
        return self._run_decoder(target_in, state, rows, shape)

    def _features(self, source: Tensor, target_in: Tensor, shape: TransformerShape) -> tuple[Tensor, Tensor]:
        """Features [B, T, dd] and the output layer [V, dd] to put on them."""
        rows = self._rows(shape)
        encoded = self._run_encoder(source, rows.source, shape, max(shape.attended))
        return self._decode(target_in, encoded, rows.target, shape), rows.output

    def _rows(self, shape: TransformerShape) -> TokenRows:
        return self.tokens.slices(shape.encoder_width, shape.decoder_width)

    def start(self, encoded: EncoderOutput, shape: TransformerShape | None = None) -> DecoderState:
        """Prepare token-by-token decoding: project every layer's keys and values of the encoder once."""
        shape = self._resolve(shape)
        pasts = [Past() for _ in shape.attended]
        return DecoderState(0, pasts, self._cross_keys_values(encoded, shape), self._mixed(self.decoder, shape))

    def _cross_keys_values(self, encoded: EncoderOutput, shape: TransformerShape) -> list[tuple[Tensor, Tensor | None]]:
        if max(shape.attended) > len(encoded.layers):
            raise InputError(
                f"the decoder attends to the last {max(shape.attended)} encoder layers, "
                f"{len(encoded.layers)} are given; encode with layers={max(shape.attended)}."
            )
        crosses = []
        layers = cast("Iterable[DecoderLayer]", self.decoder)
        for layer, attended in zip(layers, shape.attended, strict=False):
            memory, mask = encoded.memory(attended)
            crosses.append((layer.cross_attention.keys_values(memory), mask))
        return crosses

    def step(self, tokens: Tensor, state: DecoderState, shape: TransformerShape | None = None) -> Tensor:
        """Read one more token of every hypothesis.

        Args:
            tokens: int64 [B·n], n hypotheses of a sentence next to each other.
            state: From `start`; advances by the tokens.
            shape: The architecture to run as; None: the network itself.

        Returns:
            Features of the last position, [B·n, dd].
        """
        shape = self._resolve(shape)
        features = self._run_decoder(tokens[:, None], state, self._rows(shape).target, shape)
        state.position += 1
        return features.squeeze(1)

    def _run_decoder(self, tokens: Tensor, state: DecoderState, rows: Tensor, shape: TransformerShape) -> Tensor:
        width = shape.decoder_width
        positions = self.decoder_positions(state.position, tokens.shape[1], width)
        x = embed_tokens(tokens, rows, positions)
        drop = self._drop(self.dropout * width / self.reference_widths[1], 3 * len(shape.decoder_ffn) + 1, x)
        x = drop(x)
        pasts: Sequence[Past | None] = state.pasts or [None] * len(shape.decoder_ffn)
        heads = zip(shape.decoder_self_heads, shape.decoder_cross_heads, strict=True)
        genes = zip(heads, state.inners or shape.decoder_ffn, strict=True)
        for layer, (head, inner), cross, past in zip(self.decoder, genes, state.crosses, pasts, strict=False):
            x = layer(x, *cross, head, inner, drop, past)
        return x if self.decoder_norm is None else self.decoder_norm(x)

    def _mixed(self, layers: nn.ModuleList, shape: TransformerShape) -> Sequence[Inner]:
        """The feed-forward weights of the architecture's layers in one stack; empty where nothing is mixed."""
        if self.mixture is None:
            return ()
        width, inners = shape.encoder_width, shape.encoder_ffn
        if layers is self.decoder:
            width, inners = shape.decoder_width, shape.decoder_ffn
        like = next(self.parameters())
        code = torch.tensor(encode_shape(shape, self.shape, self.mixture), dtype=like.dtype, device=like.device)
        mixing = (cast("MixtureFeedForward", layer.feed_forward) for layer in layers)
        return [feed.mix(code, width, inner) for feed, inner in zip(mixing, inners, strict=False)]

    def _drop(self, probability: float, sites: int, like: Tensor) -> Dropout:
        return Dropout(probability if self.training else 0.0, sites, like)

    def _resolve(self, shape: TransformerShape | None) -> TransformerShape:
        if shape is None:
            return self.shape
        if shape not in self._fitting:
            check_fits(shape, self.shape, self.backbone)
            self._fitting.add(shape)
        return shape

    def translate(self, source: Tensor, *, beam: int, length_penalty: float, max_length: Tensor) -> list[list[int]]:
        """See `foretell.families.encoder_decoder.decoding.beam_search`."""
        from foretell.families.encoder_decoder.decoding import beam_search

        return beam_search(self, source, beam=beam, length_penalty=length_penalty, max_length=max_length)

    # Extraction, description, size --------------------------------------------------------------------

    def extract(self, member: TransformerShape | None = None) -> Self:
        """A stand-alone network with copies of the slices that `member` uses, and the same outputs.

        A mixture is folded: the stand-alone network has the architecture's own weights, no experts, no routers.
        """
        shape = self._resolve(member)
        config = {**self.config(), "shape": shape_to_json(shape), "mixture": None}
        some = next(self.parameters())
        with torch.random.fork_rng(devices=[]), torch.device(some.device):
            network = self.from_config(config)
        network.to(dtype=some.dtype).train(self.training)
        with torch.no_grad():
            theirs = dict(self.named_parameters()) | self._folded(shape)
            for name, parameter in network.named_parameters():
                parameter.copy_(theirs[name][tuple(slice(size) for size in parameter.shape)])
        return network

    def _folded(self, shape: TransformerShape) -> dict[str, Tensor]:
        """The mixed weights under the names that they have in an ordinary network."""
        stacks = {"encoder": self.encoder, "decoder": self.decoder}
        mixed = {stack: cast("Sequence[MixedWeights]", self._mixed(layers, shape)) for stack, layers in stacks.items()}
        return {
            f"{stack}.{number}.feed_forward.{name}": tensor
            for stack, weights in mixed.items()
            for number, layer in enumerate(weights)
            for name, tensor in layer.named()
        }

    def config(self) -> dict[str, Any]:
        """Everything but the weights, as JSON values; `from_config` rebuilds the network."""
        mixture = {} if self.mixture is None else {"mixture": asdict(self.mixture)}
        return mixture | {
            "shape": shape_to_json(self.shape),
            "backbone": asdict(self.backbone),
            "vocabulary": list(self.vocabulary),
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "reference_widths": list(self.reference_widths),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A network with fresh weights from what `config` returned.

        Raises:
            InputError: Keys are missing, unknown or do not fit together.
        """
        return cls(**network_arguments(config))

    def parameter_count(self, *, embeddings: bool) -> int:
        """Number of parameters, with or without the token matrices."""
        total = sum(p.numel() for p in self.parameters())
        return total if embeddings else total - sum(p.numel() for p in self.tokens.parameters())
