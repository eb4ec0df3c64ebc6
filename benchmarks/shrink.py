"""Speed and memory of shrinking a pretrained model, and of what comes out of it in llama.cpp; one JSON object.

    python benchmarks/shrink.py                        loading, scoring against transformers, sharing layers
    python benchmarks/shrink.py --run runs/shrunk      and: the run's GGUF against its parent's, greedy text compared

Compared things alternate; a ratio is the median of the ratios of neighbouring measurements. Seconds are wall-clock.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from alternating import Turns, alternated
from foretell.families.base import networks_of
from foretell.families.decoder.cutting import cut, leading_parts
from foretell.families.decoder.hugging_face import llama_config, llama_tensors
from foretell.families.pruned.genes import pruned_space
from foretell.llama_cpp import import_runtime, serve
from foretell.predictors.supernet import SupernetPredictor
from foretell.study import export_network
from foretell.study.shrinking.sources import find_model, pretrained_of
from foretell.tasks.language_model.batches import TextBatch
from foretell.training import fast_precision

_FIRST = """
import time; start = time.perf_counter()
import torch
from foretell.study.shrinking.sources import find_model
network = find_model({model!r}).checkpoint.load()
with torch.inference_mode():
    network(torch.arange(10, 522)[None])
print(time.perf_counter() - start)
"""
_PROMPT = "def setup(hass, config):\n"


def told(turns: Turns) -> dict[str, float]:
    """Median seconds of both, and the median of theirs over ours."""
    return {"seconds": turns.seconds, "theirs": turns.theirs, "ratio": turns.ratio}


def first_score(model: str) -> dict[str, float]:
    """A fresh process, from nothing to the first forward pass of 512 tokens."""
    said = subprocess.run(
        [sys.executable, "-c", _FIRST.format(model=model)], capture_output=True, text=True, check=True
    ).stdout
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    return {"seconds": float(said), "peak_gb": peak}


def scoring(model: str, repeats: int) -> dict[str, Any]:
    """2,048 tokens: a part against `transformers`, forward of the same part, and 8 parts together and one by one."""
    from transformers import LlamaConfig, LlamaForCausalLM

    source = find_model(model)
    checkpoint = source.checkpoint
    network = checkpoint.load()
    space = pruned_space(source.name, checkpoint.shape, checkpoint.backbone)
    count, most = len(checkpoint.shape.layers), checkpoint.shape.layers[0]
    narrow = int(space.gene("ffn").numbers[4])
    spelt = [[count, *[1] * count, *[most.kv_heads] * count, *[narrow] * count] for _ in range(9)]
    for number, row in enumerate(spelt[1:]):  # each without the attention of one of the later layers, as searches ask
        row[1 + count + count - 8 + number if count > 8 else 1 + count + number % count] = 0
    rows = space.canonical(space.read(spelt))
    tokens = torch.randint(10, checkpoint.vocabulary, (4, 513), generator=torch.Generator().manual_seed(0))
    batches = [TextBatch(each[:, :-1], each[:, 1:], each[:, 1:].numel()) for each in (tokens[:2], tokens[2:])]

    def predictor(**options: Any) -> SupernetPredictor:
        return SupernetPredictor(space, network, batches, smoothing=0.0, **options)

    member = networks_of(space).member(space.architectures(rows[:1])[0])
    part = cut(network, leading_parts(member, None))
    theirs = LlamaForCausalLM(LlamaConfig(**llama_config(part)))
    theirs.load_state_dict(llama_tensors(part), strict=False)
    theirs.eval()

    @torch.inference_mode()
    def forward() -> None:
        for batch in batches:
            theirs(batch.inputs)

    found, clock = {}, time.perf_counter
    for precision in dict.fromkeys(("fp32", fast_precision("cpu"))):
        shared, alone = predictor(precision=precision), predictor(precision=precision, share=False)
        together = predictor(precision=precision, threads=1)  # as one by one
        found[precision] = {
            "one_against_transformers": told(alternated(lambda: shared.predict(rows[:1]), forward, repeats, clock)),  # noqa: B023
            "eight_against_one_by_one": told(
                alternated(
                    lambda: together.predict(rows[1:]),  # noqa: B023
                    lambda: [alone.predict(row[None]) for row in rows[1:]],  # noqa: B023
                    1,
                    clock,
                )
            ),
        }
    return found


def in_llama_cpp(run: Path, repeats: int) -> dict[str, Any]:
    """The run's GGUF and its parent's in the same type: megabytes, tokens a second; and whether texts are the same."""
    runtime = import_runtime("leave --run out")
    result = json.loads((run / "result.json").read_text())
    shrunk = pretrained_of(run)
    assert shrunk is not None
    network, tokenizer = shrunk.checkpoint.load(), shrunk.checkpoint.tokenizer()
    prompt = tokenizer.prompt(_PROMPT)
    ours = network.write(prompt, 64, temperature=0, never=(), end=tokenizer.end)[0]

    def server(path: Path) -> Any:
        exact = {
            "flash_attn_type": runtime.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED,
            "cache_type_k": runtime.ggml_type.GGML_TYPE_F32,
            "cache_type_v": runtime.ggml_type.GGML_TYPE_F32,
        }
        return serve(runtime, path, context=1024, **exact)

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "parent"
        export_network(Path(result["model"]), "gguf", whole, "f32")
        files = {"shrunk": run / "exported" / "gguf" / "model.gguf", "parent": whole / "model.gguf"}
        servers = {name: server(path) for name, path in files.items()}
        long = (prompt * 512)[:512]
        speeds: dict[str, dict[str, list[float]]] = {name: {"prefill": [], "decode": []} for name in files}
        for _ in range(repeats):
            for name, each in servers.items():
                body = {"prompt": long, "n_predict": 64, "cache_prompt": False, "temperature": 0.0, "ignore_eos": True}
                told = each.handle_completions(body)["timings"]
                speeds[name]["prefill"].append(told["prompt_per_second"])
                speeds[name]["decode"].append(told["predicted_per_second"])
        body = {"prompt": prompt, "n_predict": 64, "temperature": 0.0, "cache_prompt": False}
        said = servers["shrunk"].handle_completions(body)["choices"][0]["text"]
        sizes = {name: path.stat().st_size / 1e6 for name, path in files.items()}
    wanted = tokenizer.decode([ours])[0]
    ratios = {
        kind: statistics.median(a / b for a, b in zip(speeds["shrunk"][kind], speeds["parent"][kind], strict=True))
        for kind in ("prefill", "decode")
    }
    medians = {name: {kind: statistics.median(v) for kind, v in told.items()} for name, told in speeds.items()}
    return {"megabytes": sizes, "tokens_per_second": medians, "ratio": ratios, "same_greedy_text": said == wanted}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="local:smollm2-135m")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    found: dict[str, Any] = {
        "first_score": first_score(options.model),
        "scoring": scoring(options.model, options.repeats),
    }
    if options.run:
        found["llama.cpp"] = in_llama_cpp(options.run, options.repeats)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
