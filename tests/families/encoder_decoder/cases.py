"""Small networks and batches that the tests of this room share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st

from foretell import spaces
from foretell.families.encoder_decoder.genes import Backbone, TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.families.encoder_decoder.spaces import encoder_decoder_space
from foretell.nn import EOS, PAD
from foretell.spaces import SearchSpace

quick = settings(max_examples=12, deadline=None, derandomize=True, database=None)

_REDUCED = {
    "encoder-embed-dim": (40, 32),
    "encoder-layer-num": (3, 2, 1),
    "encoder-ffn-embed-dim-all": (48, 32, 16),
    "encoder-self-attention-heads-all": (4, 2),
    "decoder-embed-dim": (40, 32, 24),
    "decoder-layer-num": (3, 2, 1),
    "decoder-ffn-embed-dim-all": (48, 32, 16),
    "decoder-self-attention-heads-all": (4, 2),
    "decoder-ende-attention-heads-all": (4, 2),
    "decoder-arbitrary-ende-attn-all": (-1, 1, 2),
}


def _reduced(norm: str, embeddings: str) -> SearchSpace:
    """HAT's genes, a sixteenth as wide."""
    return encoder_decoder_space(f"{norm}-{embeddings}", _REDUCED, Backbone(32, norm, embeddings))


SPACES = {
    "small-seq2seq": spaces.create("small-seq2seq"),
    **{f"{n}-{e}": _reduced(n, e) for n in ("pre", "post") for e in ("shared", "separate")},
}


def supernet(name: str, vocabulary: int = 50, seed: int = 0, **options: float) -> Seq2SeqTransformer:
    space = SPACES[name]
    torch.manual_seed(seed)
    network = Seq2SeqTransformer(TransformerShape.of(space.largest()), space.constants, vocabulary, **options)
    with torch.no_grad():  # biases and norms away from their initial values, so that slices of them matter
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def random_shape(name: str, seed: int) -> TransformerShape:
    space = SPACES[name]
    return TransformerShape.of(space.architectures(space.sample(1, np.random.default_rng(seed)))[0])


TINY = replace(random_shape("pre-shared", 0), attended=(2,), decoder_ffn=(16,), encoder_ffn=(16, 16))
TINY = replace(TINY, encoder_heads=(2, 4), decoder_self_heads=(4,), decoder_cross_heads=(2,))


def sentences(lengths: list[int], vocabulary: int = 50, seed: int = 0) -> torch.Tensor:
    """Right-padded sentences of these lengths that end in `EOS`."""
    rng = np.random.default_rng(seed)
    rows = np.full((len(lengths), max(lengths)), PAD)
    for row, length in zip(rows, lengths, strict=True):
        row[: length - 1] = rng.integers(4, vocabulary, length - 1)
        row[length - 1] = EOS
    return torch.from_numpy(rows)


def shifted(target_out: torch.Tensor) -> torch.Tensor:
    return torch.cat((torch.full((len(target_out), 1), EOS), target_out[:, :-1]), dim=1)


names = st.sampled_from(sorted(SPACES))
seeds = st.integers(0, 10_000)
