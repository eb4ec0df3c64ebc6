"""Training throughput against `torch.nn.Transformer`, and of an elastic step against an extracted one.

One training step is zero_grad, forward, backward, fused Adam. Both sides see the same batches of random
tokens, whose lengths vary as in a length-bucketed corpus of short sentences; blocks of steps alternate
between the two, and the ratio is the median of the ratios of neighbouring blocks.

Stock and ours differ: ours has a fixed attention width of 64 whatever its embedding width, stock's is the
embedding width. `equal` rows have width 64, where both have the same number of parameters; `own` rows have
the widths of the search space (32, 64, 96), and both numbers of parameters are printed. Stock applies its
one dropout probability to attention weights and inside the feed-forward network as well; `--dropout 0`
compares without any.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell import spaces
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import EOS, PAD

Batch = tuple[Tensor, Tensor, Tensor, int]
SPACE = "small-seq2seq"
LAYERS = {"smallest": (1, 1, 32, 64, 2), "middle": (2, 2, 64, 128, 4), "largest": (4, 4, 96, 256, 4)}


class StockTransformer(nn.Module):
    """torch.nn.Transformer with a shared embedding, sinusoidal positions and torch's smoothed loss."""

    def __init__(
        self, shape: TransformerShape, vocabulary: int, pre_norm: bool, dropout: float, positions: Tensor
    ) -> None:
        super().__init__()
        self.width = shape.encoder_width
        self.embedding = nn.Embedding(vocabulary, self.width, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, 0.0, self.width**-0.5)
        self.register_buffer("positions", positions[:, : self.width])
        self.transformer = nn.Transformer(
            self.width,
            shape.encoder_heads[0],
            len(shape.encoder_ffn),
            len(shape.decoder_ffn),
            shape.encoder_ffn[0],
            dropout,
            batch_first=True,
            norm_first=pre_norm,
        )
        self.dropout = dropout

    def _embed(self, tokens: Tensor) -> Tensor:
        embedded = self.embedding(tokens) * math.sqrt(self.width) + self.positions[: tokens.shape[1]]
        return F.dropout(embedded, self.dropout, self.training)

    def teacher_forced_loss(self, source: Tensor, target_in: Tensor, target_out: Tensor) -> tuple[Tensor]:
        """The smoothed loss summed over real target tokens, as torch's users write it."""
        length = target_in.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool).triu(1)
        padding = source == PAD
        features = self.transformer(
            self._embed(source),
            self._embed(target_in),
            tgt_mask=causal,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
            tgt_is_causal=True,
        )
        logits = F.linear(features, self.embedding.weight).flatten(0, 1)
        total = F.cross_entropy(logits, target_out.flatten(), ignore_index=PAD, reduction="sum", label_smoothing=0.1)
        return (total,)


def make_batches(count: int, tokens: int, vocabulary: int, rng: np.random.Generator) -> list[Batch]:
    """Right-padded batches of about `tokens` target tokens, both sides between 3 and 16 long."""
    batches = []
    for _ in range(count):
        longest = int(rng.integers(6, 15))
        rows = max(1, tokens // longest)
        targets = rng.integers(max(3, longest - 1), longest + 1, rows)
        sources = np.clip(targets + rng.integers(-2, 3, rows), 3, None)
        source = _sentences(sources, vocabulary, rng)
        target_out = _sentences(targets, vocabulary, rng)
        target_in = torch.cat((torch.full((rows, 1), EOS), target_out[:, :-1]), dim=1)
        batches.append((source, target_in, target_out, int(targets.sum())))
    return batches


def _sentences(lengths: np.ndarray, vocabulary: int, rng: np.random.Generator) -> Tensor:
    tokens = rng.integers(4, vocabulary, (len(lengths), lengths.max()))
    columns = np.arange(lengths.max())[None, :]
    tokens[columns == lengths[:, None] - 1] = EOS
    tokens[columns >= lengths[:, None]] = PAD
    return torch.from_numpy(tokens)


def stepper(network: nn.Module, shape: TransformerShape | None = None) -> Callable[[Batch], None]:
    """A function that takes one training step on a batch."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.98), fused=True)
    extra = {} if shape is None else {"shape": shape}
    network.train()

    def step(batch: Batch) -> None:
        source, target_in, target_out, tokens = batch
        optimizer.zero_grad(set_to_none=True)
        loss = network.teacher_forced_loss(source, target_in, target_out, **extra)[0] / tokens
        loss.backward()
        optimizer.step()

    return step


def compare(
    first: Callable[[Batch], None], second: Callable[[Batch], None], batches: list[Batch], repeats: int
) -> tuple[float, float, float]:
    """Median tokens/s of both, and the median of first ÷ second over neighbouring blocks."""
    for step in (first, second):
        for batch in batches[:3]:
            step(batch)
    speeds: tuple[list[float], list[float]] = ([], [])
    tokens = sum(batch[3] for batch in batches)
    for repeat in range(repeats):
        for i in (0, 1) if repeat % 2 else (1, 0):
            start = time.process_time()
            for batch in batches:
                (first, second)[i](batch)
            speeds[i].append(tokens / (time.process_time() - start))
    ratio = statistics.median(a / b for a, b in zip(*speeds, strict=True))
    return statistics.median(speeds[0]), statistics.median(speeds[1]), ratio


def named_shape(name: str, widths: str) -> TransformerShape:
    """A uniform architecture; `widths` "equal" replaces its widths by the attention's."""
    encoder, decoder, width, inner, heads = LAYERS[name]
    width = width if widths == "own" else spaces.create(SPACE).constants.qkv_dim
    e, d = (heads,) * encoder, (heads,) * decoder
    return TransformerShape(width, (inner,) * encoder, e, width, (inner,) * decoder, d, d, (1,) * decoder)


def against_stock(options: argparse.Namespace, batches: list[Batch]) -> list[dict[str, object]]:
    """One row for each shape and kind of width: throughput of both sides and their ratio."""
    backbone = spaces.create(SPACE).constants
    rows = []
    for widths in ("equal", "own"):
        for name in LAYERS:
            shape = named_shape(name, widths)
            ours = Seq2SeqTransformer(shape, backbone, options.vocabulary, dropout=options.dropout)
            table = ours.encoder_positions(0, 64, shape.encoder_width)
            pre_norm = backbone.norm == "pre"
            warnings.filterwarnings("ignore", "enable_nested_tensor")
            stock = StockTransformer(shape, options.vocabulary, pre_norm, options.dropout, table)
            mine, theirs, ratio = compare(stepper(ours), stepper(stock), batches, options.repeats)
            rows.append(
                {
                    "shape": name,
                    "widths": widths,
                    "parameters": ours.parameter_count(embeddings=True),
                    "stock_parameters": sum(p.numel() for p in stock.parameters()),
                    "tokens_per_second": round(mine),
                    "stock_tokens_per_second": round(theirs),
                    "ratio": round(ratio, 3),
                }
            )
            print(rows[-1], file=sys.stderr)
    return rows


def elastic(options: argparse.Namespace, batches: list[Batch], rng: np.random.Generator) -> dict[str, object]:
    """Elastic step ÷ extracted step, over random architectures and the extremes."""
    space = spaces.create(SPACE)
    largest = TransformerShape.of(space.largest())
    shapes = [TransformerShape.of(a) for a in space.architectures(space.sample(options.architectures, rng))]
    shapes = [TransformerShape.of(space.smallest()), largest, *shapes]
    ratios, without = [], []
    for shape in shapes:
        supernet = Seq2SeqTransformer(largest, space.constants, options.vocabulary, dropout=options.dropout)
        network = supernet.extract(shape)
        alone, sliced, _ = compare(stepper(network), stepper(supernet, shape), batches, options.repeats)
        ratios.append(alone / sliced)
        passes = compare(passer(network), passer(supernet, shape), batches, options.repeats)
        without.append(passes[0] / passes[1])
        print({"elastic": round(ratios[-1], 3), "no_adam": round(without[-1], 3)}, file=sys.stderr)
    return {
        "architectures": len(shapes),
        "elastic_over_extracted_median": round(statistics.median(ratios), 3),
        "elastic_over_extracted_smallest": round(ratios[0], 3),
        "elastic_over_extracted_largest": round(ratios[1], 3),
        "elastic_over_extracted_worst": round(max(ratios), 3),
        "forward_backward_only_median": round(statistics.median(without), 3),
    }


def passer(network: nn.Module, shape: TransformerShape | None = None) -> Callable[[Batch], None]:
    """As `stepper`, without the optimiser's step."""
    extra = {} if shape is None else {"shape": shape}

    def step(batch: Batch) -> None:
        network.zero_grad(set_to_none=True)
        network.teacher_forced_loss(*batch[:3], **extra)[0].backward()

    return step


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=350, help="target tokens a batch")
    parser.add_argument("--vocabulary", type=int, default=2000)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--repeats", type=int, default=7, help="alternated blocks of each side")
    parser.add_argument("--batches", type=int, default=12, help="batches a block")
    parser.add_argument("--architectures", type=int, default=8, help="random architectures for elastic steps")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    batches = make_batches(options.batches, options.tokens, options.vocabulary, rng)
    result = {
        "benchmark": "training_step",
        "torch": torch.__version__,
        **vars(options),
        "padding": round(1 - sum(b[3] for b in batches) / sum(b[2].numel() for b in batches), 3),
        "against_stock": against_stock(options, batches),
        "elastic": elastic(options, batches, rng),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
