"""What weight sharing costs: elastic, sandwich and mixture steps, and the memory of a mixture at WMT's size.

One training step is zero_grad, forward, backward, fused Adam, as in `training_step.py`, on the small space.
Blocks of steps alternate between the two sides, in CPU time, and a ratio is the median of the ratios of
neighbouring blocks; then the median over architectures (random ones and both extremes).

- elastic: a step of the supernet as an architecture over one of the extracted stand-alone network (at most 1.15).
- sandwich: a step with a random architecture, the largest and the smallest over the three networks' own
  elastic steps (at most 1.1).
- mixing: a step of a mixture of two experts over the plain supernet's, same architecture (at most 1.25).
- compile: `torch.compile` of a stand-alone network's forward pass over the plain one, and the CPU seconds of
  compiling; `--compile` asks for it.
- memory: peak resident memory of one training step in fp32 of neuron-wise MoS with two experts on WMT'14
  En-De's space and vocabulary, 2,048 tokens a side, in a process of its own (at most 24 GB). It takes minutes
  and about eight gigabytes; `--memory` asks for it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from foretell import spaces
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import Mixture
from training_step import Batch, compare, make_batches, named_shape, stepper

SPACE, WMT = "small-seq2seq", "hat-wmt14-en-de"
MIXTURES = ("layer-wise", "neuron-wise")


def supernet(space: str, vocabulary: int, dropout: float, mixture: Mixture | None = None) -> Seq2SeqTransformer:
    """A freshly initialised supernet of a space."""
    found = spaces.create(space)
    shape = TransformerShape.of(found.largest())
    return Seq2SeqTransformer(shape, found.backbone, vocabulary, dropout=dropout, mixture=mixture)


def sandwich_step(network: Seq2SeqTransformer, shapes: list[TransformerShape]) -> Callable[[Batch], None]:
    """A function that takes one training step with several architectures."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, betas=(0.9, 0.98), fused=True)
    network.train()

    def step(batch: Batch) -> None:
        source, target_in, target_out, tokens = batch
        optimizer.zero_grad(set_to_none=True)
        for shape in shapes:
            loss = network.teacher_forced_loss(source, target_in, target_out, shape=shape)[0] / (tokens * len(shapes))
            loss.backward()
        optimizer.step()

    return step


def one_after_another(steps: list[Callable[[Batch], None]]) -> Callable[[Batch], None]:
    """All of these steps on each batch."""

    def step(batch: Batch) -> None:
        for each in steps:
            each(batch)

    return step


def ratios(options: argparse.Namespace, batches: list[Batch], shapes: list[TransformerShape]) -> dict[str, list[float]]:
    """Time of the first over the second, by kind, one for each architecture."""
    smallest, largest = shapes[:2]
    found: dict[str, list[float]] = {"elastic": [], "sandwich": [], **{f"mixing_{kind}": [] for kind in MIXTURES}}

    def ratio(name: str, first: Callable[[Batch], None], second: Callable[[Batch], None]) -> None:
        found[name].append(1 / compare(first, second, batches, options.repeats)[2])
        print({name: round(found[name][-1], 3)}, file=sys.stderr)

    for shape in shapes:
        network = supernet(SPACE, options.vocabulary, options.dropout)
        ratio("elastic", stepper(network, shape), stepper(network.extract(shape)))
        for kind in MIXTURES:
            mixed = supernet(SPACE, options.vocabulary, options.dropout, Mixture(kind, options.experts))
            ratio(f"mixing_{kind}", stepper(mixed, shape), stepper(network, shape))
    for shape in shapes[2:]:
        network, three = supernet(SPACE, options.vocabulary, options.dropout), [shape, largest, smallest]
        alone = one_after_another([stepper(network, each) for each in three])
        ratio("sandwich", sandwich_step(network, three), alone)
    return found


def compiled(options: argparse.Namespace, batches: list[Batch]) -> dict[str, float]:
    """A training step with the forward pass compiled (any lengths) over the plain one; a middle-sized network."""
    shape, backbone = named_shape("middle", "own"), spaces.create(SPACE).backbone
    plain, network = (Seq2SeqTransformer(shape, backbone, options.vocabulary, dropout=options.dropout) for _ in "12")
    network._features = torch.compile(network._features, dynamic=True)
    step, start = stepper(network), time.process_time()
    for batch in batches:
        step(batch)
    spent = time.process_time() - start
    ratio = 1 / compare(step, stepper(plain), batches, options.repeats)[2]
    return {"ratio": round(ratio, 3), "compiling_cpu_seconds": round(spent, 1)}


def peak_memory(tokens: int, experts: int) -> dict[str, float]:
    """Gigabytes and seconds of one training step of the largest network of WMT's mixture."""
    torch.set_num_threads(1)
    space = spaces.create(WMT)
    vocabulary = space.backbone.vocabulary
    mixture = Mixture("neuron-wise", experts, norm=space.latency_norm)
    network = supernet(WMT, vocabulary, 0.3, mixture)
    ready = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    length = space.backbone.sentence_length
    sentences = torch.randint(4, vocabulary, (tokens // length + 1, length))
    start = time.process_time()
    stepper(network, network.shape)((sentences, sentences, sentences, sentences.numel()))
    return {
        "parameters_millions": round(network.parameter_count(embeddings=True) / 1e6, 1),
        "parameters_without_embeddings_millions": round(network.parameter_count(embeddings=False) / 1e6, 1),
        "tokens": sentences.numel(),
        "before_the_step_gb": round(ready / 2**20, 2),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def in_a_process_of_its_own(tokens: int, experts: int) -> dict[str, float]:
    """`peak_memory`, unseen by this process's own peak."""
    arguments = [sys.executable, __file__, "--only-memory", "--memory-tokens", str(tokens), "--experts", str(experts)]
    result: dict[str, float] = json.loads(subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout)
    return result


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few blocks and architectures: a smoke test")
    parser.add_argument("--compile", action="store_true", help="also what torch.compile is worth")
    parser.add_argument("--memory", action="store_true", help="also a training step of WMT's mixture")
    parser.add_argument("--only-memory", action="store_true", help="nothing else, in this process")
    parser.add_argument("--memory-tokens", type=int, default=2048)
    parser.add_argument("--tokens", type=int, default=350, help="target tokens a batch")
    parser.add_argument("--vocabulary", type=int, default=2000)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--experts", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7, help="alternated blocks of each side")
    parser.add_argument("--batches", type=int, default=8, help="batches a block")
    parser.add_argument("--architectures", type=int, default=6, help="random architectures beside both extremes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.only_memory:
        print(json.dumps(peak_memory(options.memory_tokens, options.experts)))
        return
    if options.quick:
        options.repeats, options.batches, options.architectures = 3, 2, 1
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    batches = make_batches(options.batches, options.tokens, options.vocabulary, rng)
    space = spaces.create(SPACE)
    chosen = [space.smallest(), space.largest(), *space.architectures(space.sample(options.architectures, rng))]
    found = ratios(options, batches, [TransformerShape.of(architecture) for architecture in chosen])
    result = {
        "benchmark": "supernet",
        "torch": torch.__version__,
        **{name: value for name, value in vars(options).items() if "memory" not in name and name != "compile"},
        "median": {name: round(statistics.median(values), 3) for name, values in found.items()},
        "worst": {name: round(max(values), 3) for name, values in found.items()},
        "limits": {"elastic": 1.15, "sandwich": 1.1, "mixing": 1.25, "memory_gb": 24},
        "compile": compiled(options, batches) if options.compile else None,
        "memory": in_a_process_of_its_own(options.memory_tokens, options.experts) if options.memory else None,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
