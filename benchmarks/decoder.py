"""Speed of decoders against `transformers`' Llama, and of scoring a population against one by one; one JSON object.

    python benchmarks/decoder.py [--threads 1] [--repeats 7]

Both sides have the same weights (their logits are compared first), batches, optimiser (fused AdamW) and threads; Llama
runs with its sdpa attention and its cached `generate`. Blocks of work alternate between the two, timed in processor
seconds of this process; a ratio is the median of the ratios of neighbouring blocks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from foretell import spaces
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.decoder.hugging_face import llama_config, llama_tensors
from foretell.families.decoder.network import LanguageModel
from foretell.tasks.language_model.batches import TextBatch

SPACE = "small-lm"
SHAPES = {
    "smallest": DecoderShape(64, (LayerShape(2, 1, 128),)),
    "middle": DecoderShape(96, (LayerShape(4, 2, 256),) * 3),
    "largest": DecoderShape(128, (LayerShape(4, 2, 384),) * 6),
}
"""Layers alike, of the space's sizes: plain Llama has no others."""
_Work = Callable[[], object]


def alternated(ours: _Work, theirs: _Work, repeats: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of theirs over ours."""
    ours(), theirs()
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(repeats):
        for i in (0, 1) if repeat % 2 else (1, 0):
            start = time.process_time()
            (ours, theirs)[i]()
            seconds[i].append(time.process_time() - start)
    ratio = statistics.median(b / a for a, b in zip(*seconds, strict=True))
    return statistics.median(seconds[0]), statistics.median(seconds[1]), ratio


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
        "training_tokens_per_second": round(learnt / training[0]),
        "llama_training_tokens_per_second": round(learnt / training[1]),
        "training_ratio": round(training[2], 2),
        "decoded_tokens_per_second": round(tokens / writing[0]),
        "llama_decoded_tokens_per_second": round(tokens / writing[1]),
        "decoding_ratio": round(writing[2], 2),
    }


def population(options: argparse.Namespace) -> dict[str, object]:
    """Scoring 64 architectures with one supernet: together, and one by one."""
    space = spaces.create(SPACE)
    rng = np.random.default_rng(options.seed)
    shapes = [DecoderShape.of(each) for each in space.architectures(space.canonical(space.sample(64, rng)))]
    network = LanguageModel(DecoderShape.of(space.largest()), space.constants, space.constants.vocabulary).eval()
    tokens = torch.randint(4, space.constants.vocabulary, (options.rows, space.constants.context + 1))
    batch = batch_of(tokens)

    def together() -> Tensor:
        return network.losses(shapes, batch, smoothing=0.0)

    @torch.inference_mode()
    def one_by_one() -> Tensor:
        return torch.stack([network.loss(batch, shape, smoothing=0.0)[0] for shape in shapes])

    torch.testing.assert_close(together().float(), one_by_one(), rtol=1e-5, atol=1e-3)
    seconds = alternated(together, one_by_one, options.repeats)
    return {"architectures": 64, "seconds": round(seconds[0], 3), "ratio": round(seconds[2], 2)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8, help="texts a batch, each as long as the context")
    parser.add_argument("--batches", type=int, default=6, help="batches a block")
    parser.add_argument("--repeats", type=int, default=7, help="alternated blocks of each side")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [against_llama(options, name) for name in SHAPES]
    print(json.dumps({"torch": torch.__version__, **vars(options), "rows": rows, "population": population(options)}))


if __name__ == "__main__":
    main()
