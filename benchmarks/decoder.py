"""Speed of decoders against `transformers`' Llama, and of scoring a population against one by one; one JSON object.

    python benchmarks/decoder.py [--threads 1] [--repeats 7]

Both sides have the same weights (their logits are compared first), batches, optimiser (fused AdamW) and threads; Llama
runs with its sdpa attention and its cached `generate`. Blocks of work alternate between the two, timed in processor
seconds of this process; a ratio is the median of the ratios of neighbouring blocks.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from alternating import Turns, alternated
from foretell import spaces
from foretell.costs import CostModel
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.decoder.hugging_face import llama_config, llama_tensors
from foretell.families.decoder.network import LanguageModel
from foretell.predictors.supernet import SupernetPredictor
from foretell.search import Halving, HalvingScorer
from foretell.spaces import Population, SearchSpace
from foretell.tasks.language_model.batches import TextBatch

SPACE = "small-lm"
SHAPES = {
    "smallest": DecoderShape(64, (LayerShape(2, 1, 128),)),
    "middle": DecoderShape(96, (LayerShape(4, 2, 256),) * 3),
    "largest": DecoderShape(128, (LayerShape(4, 2, 384),) * 6),
}
"""Layers alike, of the space's sizes: plain Llama has no others."""
HALVED = (0.1, 0.2, 0.7)
_Work = Callable[[], object]


def batch_of(tokens: Tensor) -> TextBatch:
    """Every token from those before it."""
    return TextBatch(tokens[:, :-1], tokens[:, 1:], tokens[:, 1:].numel())


def llama_of(network: LanguageModel) -> LlamaForCausalLM:
    """The same network as `transformers` builds it."""
    config = LlamaConfig(**llama_config(network), attn_implementation="sdpa", eos_token_id=None)
    model = LlamaForCausalLM(config)
    missing, unknown = model.load_state_dict(llama_tensors(network), strict=False)
    if unknown or set(missing) - {"lm_head.weight"}:
        raise RuntimeError(f"Llama misses {missing} and does not know {unknown}.")
    model.tie_weights()
    return model


def trainer(network: nn.Module, logits: Callable[[Tensor], Tensor], batches: list[Tensor]) -> _Work:
    """Steps of zero_grad, forward, backward and AdamW over all batches."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def work() -> None:
        for tokens in batches:
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(logits(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()).backward()
            optimizer.step()

    return work


def own_trainer(network: LanguageModel, batches: list[Tensor]) -> _Work:
    """The same with the loss that foretell trains with."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def work() -> None:
        for tokens in batches:
            optimizer.zero_grad(set_to_none=True)
            total, *_ = network.loss(batch_of(tokens), smoothing=0.0)
            (total / tokens[:, 1:].numel()).backward()
            optimizer.step()

    return work


def against_llama(options: argparse.Namespace, name: str) -> dict[str, object]:
    """Training and decoding of one size."""
    backbone = spaces.create(SPACE).constants
    torch.manual_seed(options.seed)
    network = LanguageModel(SHAPES[name], backbone, backbone.vocabulary)
    llama = llama_of(network)
    size = (options.rows, backbone.context + 1)
    batches = [torch.randint(4, backbone.vocabulary, size) for _ in range(options.batches)]
    with torch.no_grad():
        torch.testing.assert_close(network(batches[0]), llama(batches[0]).logits, atol=1e-4, rtol=0)
    prompt = batches[0][:1, : backbone.context // 2]
    tokens = backbone.context // 2

    def generated() -> Tensor:
        return llama.eval().generate(prompt, max_new_tokens=tokens, do_sample=False, pad_token_id=1)

    def written() -> list[list[int]]:
        return network.write(prompt[0].tolist(), tokens, temperature=0)

    writing = alternated(written, generated, options.repeats)
    network.train(), llama.train()
    stock = trainer(llama, lambda inputs: llama(inputs, use_cache=False).logits, batches)
    training = alternated(own_trainer(network, batches), stock, options.repeats)
    learnt = options.batches * options.rows * backbone.context
    return {
        "shape": name,
        "parameters": network.parameter_count(embeddings=True),
        "training": told(training, learnt),
        "decoding": told(writing, tokens),
    }


def told(turns: Turns, tokens: int) -> dict[str, object]:
    """Tokens a second of both, and how many times those of Llama ours are."""
    return {
        "tokens_per_second": round(tokens / turns.seconds),
        "llama": round(tokens / turns.theirs),
        "ratio": round(turns.ratio, 2),
        "quartiles": [round(each, 2) for each in turns.quartiles],
    }


def bred(space: SearchSpace, rng: np.random.Generator) -> Population:
    """64 architectures as a search asks for them in its tenth generation, here one for many FLOPs; no two are alike."""
    costs, rows = CostModel(space), drawn(space, rng)
    for _ in range(9):
        best = rows[np.argsort(-costs.cost(rows, "flops"), kind="stable")[:16]]
        mutants = space.mutate(best[rng.integers(16, size=200)], 0.1, rng)
        mixed = space.crossover(best[rng.integers(16, size=200)], best[rng.integers(16, size=200)], rng)
        children = np.unique(space.canonical(np.concatenate([mutants, mixed])), axis=0)
        rows = children[rng.permutation(len(children))[:64]]
    return rows


def drawn(space: SearchSpace, rng: np.random.Generator) -> Population:
    """64 random ones; no two are alike."""
    rows = np.unique(space.canonical(space.sample(200, rng)), axis=0)
    return rows[rng.permutation(len(rows))[:64]]


def population(options: argparse.Namespace, kind: str) -> dict[str, object]:
    """Scoring 64 architectures with one supernet: together, and one by one."""
    space, rng = spaces.create(SPACE), np.random.default_rng(options.seed)
    rows = bred(space, rng) if kind == "tenth generation" else drawn(space, rng)
    shapes = [DecoderShape.of(each) for each in space.architectures(rows)]
    network = LanguageModel(DecoderShape.of(space.largest()), space.constants, space.constants.vocabulary).eval()
    tokens = torch.randint(4, space.constants.vocabulary, (options.rows, space.constants.context + 1))
    batch = batch_of(tokens)

    def together() -> Tensor:
        return network.losses(shapes, batch, smoothing=0.0)

    @torch.inference_mode()
    def one_by_one() -> Tensor:
        return torch.stack([network.loss(batch, shape, smoothing=0.0)[0] for shape in shapes])

    torch.testing.assert_close(together().float(), one_by_one(), rtol=1e-5, atol=1e-3)
    turns = alternated(together, one_by_one, options.repeats)
    quartiles = [round(each, 2) for each in turns.quartiles]
    return {
        "population": kind,
        "architectures": len(shapes),
        "seconds": round(turns.seconds, 3),
        "ratio": round(turns.ratio, 2),
        "quartiles": quartiles,
    }


def halved(options: argparse.Namespace) -> dict[str, object]:
    """The 16 parents of a tenth generation of 64, chosen on growing parts of the validation text, and one by one."""
    space = spaces.create(SPACE)
    rows = bred(space, np.random.default_rng(options.seed))
    shapes = [DecoderShape.of(each) for each in space.architectures(rows)]
    network = LanguageModel(DecoderShape.of(space.largest()), space.constants, space.constants.vocabulary).eval()
    size = (options.rows, space.constants.context + 1)
    batches = [batch_of(torch.randint(4, space.constants.vocabulary, size)) for _ in range(2 * options.batches)]

    def together() -> object:
        predictor = SupernetPredictor(space, network, batches, smoothing=0.0, name="supernet", precision="fp32")
        return HalvingScorer(predictor, "supernet", halving=Halving(shares=HALVED)).scores(rows, survivors=16)

    @torch.inference_mode()
    def one_by_one() -> object:
        return [sum(network.loss(batch, shape, smoothing=0.0)[0] for batch in batches) for shape in shapes]

    turns = alternated(together, one_by_one, options.repeats)
    return {
        "population": f"tenth generation, halved on {', '.join(f'{share:.0%}' for share in HALVED)}",
        "architectures": len(shapes),
        "seconds": round(turns.seconds, 3),
        "ratio": round(turns.ratio, 2),
        "quartiles": [round(each, 2) for each in turns.quartiles],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8, help="texts a batch, each as long as the context")
    parser.add_argument("--batches", type=int, default=6, help="batches a block")
    parser.add_argument("--repeats", type=int, default=7, help="alternated blocks of each side")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--populations", action="store_true", help="these alone")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    rows = [] if options.populations else [against_llama(options, name) for name in SHAPES]
    populations = [*(population(options, kind) for kind in ("random", "tenth generation")), halved(options)]
    print(json.dumps({**versions, **vars(options), "rows": rows, "populations": populations}, indent=1))


if __name__ == "__main__":
    main()
