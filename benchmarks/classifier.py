"""Training and scoring speed of encoders against transformers' BERT of the same dimensions, random weights.

    python benchmarks/classifier.py

A training step is zero_grad, forward, backward, fused AdamW; scoring is the loss without gradients. Both sides see the
same padded batches of labelled texts; blocks of batches alternate between the two, and the ratio is the median of those
of neighbouring blocks, by processor time of one thread. The two are not the same network: BERT has biases, learnt
positions and a pooler, ours has rotary positions and none of these. Needs the extra `hf`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from alternating import alternated
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.encoder.genes import Backbone
from foretell.families.encoder.network import TextClassifier
from foretell.nn import PAD
from foretell.tasks.classification import LabelledBatch, labelled_batches
from foretell.tasks.translation.encoded import Sequences

SHAPES = {"small": (2, 64, 4, 256), "MiniLM": (6, 384, 12, 1536)}
"""Layers, width, heads, inner width."""
CLASSES = 41
Step = Callable[[LabelledBatch], None]


def make_batches(texts: int, tokens: int, vocabulary: int, rng: np.random.Generator) -> list[LabelledBatch]:
    """Texts of 3 to 31 random tokens, sorted by length as in training."""
    lists = [rng.integers(4, vocabulary, rng.integers(3, 32)).tolist() for _ in range(texts)]
    return labelled_batches(Sequences.of(lists), rng.integers(CLASSES, size=texts), tokens)[0]


def ours(layers: int, width: int, heads: int, inner: int, vocabulary: int) -> nn.Module:
    """Our encoder."""
    backbone = Backbone(head_size=width // heads, feed_forward="gelu", context=32, classes=CLASSES)
    shape = DecoderShape(width, (LayerShape(heads, heads, inner),) * layers)
    return TextClassifier(shape, backbone, vocabulary, dropout=0.1)


def theirs(layers: int, width: int, heads: int, inner: int, vocabulary: int) -> nn.Module:
    """BERT for the classification of texts."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=64,
        attention_probs_dropout_prob=0.0,
        num_labels=CLASSES,
        pad_token_id=PAD,
    )
    return BertForSequenceClassification(config)


def loss_of(network: nn.Module, batch: LabelledBatch) -> torch.Tensor:
    """The mean cross-entropy of a batch."""
    if isinstance(network, TextClassifier):
        return network.loss(batch, smoothing=0.0)[0] / batch.tokens
    mask = (batch.inputs != PAD).long()
    return network(input_ids=batch.inputs, attention_mask=mask, labels=batch.targets).loss


def trainer(network: nn.Module) -> Step:
    """One training step on a batch."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def step(batch: LabelledBatch) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss_of(network.train(), batch).backward()
        optimiser.step()

    return step


def scorer(network: nn.Module) -> Step:
    """The loss of a batch."""

    @torch.inference_mode()
    def step(batch: LabelledBatch) -> None:
        loss_of(network.eval(), batch)

    return step


def all_of(step: Step, batches: list[LabelledBatch]) -> Callable[[], None]:
    """The step on each batch."""

    def work() -> None:
        for batch in batches:
            step(batch)

    return work


def compare(first: Step, second: Step, batches: list[LabelledBatch], repeats: int) -> dict[str, object]:
    """Texts a second of both, and the median ratio with its quartiles."""
    turns, texts = alternated(all_of(first, batches), all_of(second, batches), repeats), sum(map(len, batches))
    return {
        "texts_per_second": round(texts / turns.seconds),
        "bert_texts_per_second": round(texts / turns.theirs),
        "ratio": round(turns.ratio, 2),
        "quartiles": [round(each, 2) for each in turns.quartiles],
    }


def main() -> None:
    """Print one JSON line for each shape and kind of step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=int, default=16_000)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=["small"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    batches = make_batches(options.texts, 2048, options.vocabulary, np.random.default_rng(0))
    for name in options.shapes:
        torch.manual_seed(0)
        pair = [make(*SHAPES[name], options.vocabulary) for make in (ours, theirs)]
        parameters = [sum(p.numel() for p in network.parameters()) for network in pair]
        for kind, make_step in (("training", trainer), ("scoring", scorer)):
            found = compare(make_step(pair[0]), make_step(pair[1]), batches, options.repeats)
            about = {"shape": name, "step": kind, "parameters": parameters[0], "bert_parameters": parameters[1]}
            print(json.dumps(about | found))


if __name__ == "__main__":
    main()
