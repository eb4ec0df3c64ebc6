"""What only a GPU can show: trainings that share one, bf16 and torch.compile against eager fp32, populations scored.

- `shared`: two trainings with half a device each, beside one another, against the same two one after the other.
- `steps`: forward and backward of the largest architecture in fp32 and bf16, eager and compiled, milliseconds.
- `scoring`: a population scored by a supernet with fresh weights on the CPU, on the device, and shared out among all
  GPUs where there are several; and how far apart.

Run: python benchmarks/gpu.py [--study STUDY.yaml] [--device cuda] [--out results/gpu.csv]
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cluster import write_pairs
from foretell import spaces
from foretell.families.base import networks_of
from foretell.objectives import ExecutorSettings, Resources, make_executor, run_jobs
from foretell.predictors.supernet import SupernetPredictor
from foretell.study import StudyConfig, load_study
from foretell.study.jobs import scratch_job
from foretell.training import choose_device
from foretell.training.devices import Precision

STUDY = """
name: gpu
corpus: {name: files, paths: [PAIRS], valid_sentences: 512, test_sentences: 64}
vocabulary: 64
train: {recipe: {updates: 300, warmup: 20, validate_every: 100, max_tokens: 4096}, beam: 1}
"""
COLUMNS = ("what", "variant", "seconds", "note")
REPEATS, POPULATION = 5, 256


def shared(study: StudyConfig, folder: Path) -> list[dict[str, Any]]:
    """Two trainings, together and one after the other."""
    space = spaces.create(study.space)
    chosen, found, rows = [space.smallest(), space.largest()], {}, []
    for variant, gpu in (("one after the other", 1.0), ("half a device each", 0.5)):
        settings = ExecutorSettings(slots=int(1 / gpu), resources=Resources(gpu=gpu))
        jobs = [scratch_job(study, each, 1, each.key, store=folder / variant) for each in chosen]
        start = time.monotonic()
        found[variant] = run_jobs(jobs, executor=make_executor(settings, folder))
        rows.append(row("two trainings", variant, time.monotonic() - start))
    same = [a["metrics"] for a in found["half a device each"]] == [a["metrics"] for a in found["one after the other"]]
    rows[-1]["note"] = "the same labels" if same else "other labels"
    return rows


def steps(study: StudyConfig, device: torch.device, count: int) -> Iterator[dict[str, Any]]:
    """Median times of a step; those that have to be compiled first come last, which may take minutes."""
    space, task = spaces.create(study.space), study.make_task()
    batch = task.batches(study.train.recipe.max_tokens, 1).epoch(0)[0].to(device)
    for compiled in (False, True):
        for precision in ("fp32", "bf16"):
            network = networks_of(space).build(space.largest(), task.sizes).to(device).train()
            cast = Precision(precision, device)
            loss = torch.compile(network.loss, dynamic=True) if compiled else network.loss

            def step(network: Any = network, cast: Precision = cast, loss: Any = loss) -> None:
                with cast.autocast():
                    total = loss(batch, None, smoothing=0.1)[0]
                total.backward()
                network.zero_grad(set_to_none=True)

            start = time.monotonic()
            step()
            first = time.monotonic() - start
            times = [timed(step, device, count) for _ in range(REPEATS)]
            variant = f"{precision}, {'compiled' if compiled else 'eager'}"
            yield {**row("step", variant, statistics.median(times)), "note": f"the first {first:.1f} s"}


def timed(step: Any, device: torch.device, count: int) -> float:
    """Seconds of a step, mean of several."""
    wait(device)
    start = time.perf_counter()
    for _ in range(count):
        step()
    wait(device)
    return (time.perf_counter() - start) / count


def scoring(study: StudyConfig, device: torch.device) -> list[dict[str, Any]]:
    """A population on the CPU, on the device, and on all devices."""
    space, task, rows = spaces.create(study.space), study.make_task(), []
    population = space.canonical(space.sample(POPULATION, np.random.default_rng(0)))
    torch.manual_seed(0)
    network, batches = networks_of(space).build(space.largest(), task.sizes), task.validation_batches(2048)
    scores: list[Any] = []
    every = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    for where in (["cpu"], [str(device)], *([every] if len(every) > 1 else [])):
        predictor = SupernetPredictor(space, network, batches, devices=where)
        predictor.predict(population[:8])
        wait(device)
        start = time.monotonic()
        scores.append(predictor.predict(population).mean)
        rows.append(row(f"scores of {POPULATION}", " ".join(where), time.monotonic() - start))
    for place, other in enumerate(scores[1:], 1):
        rows[place]["note"] = f"at most {np.abs(scores[0] - other).max():.1e} bits apart"
    return rows


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def row(what: str, variant: str, seconds: float) -> dict[str, Any]:
    """One row of the table."""
    return {"what": what, "variant": variant, "seconds": round(seconds, 4), "note": ""}


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(prog="python benchmarks/gpu.py", description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, help="of a task and a space of yours")
    parser.add_argument("--device", default="cuda", help="cpu tries the steps and the scoring out")
    parser.add_argument("--steps", type=int, default=20, help="in a measurement, of which there are five")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        sys.exit("there is no GPU here that torch can use; run this on a machine that has one.")
    device, rows = choose_device(options.device), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.study is None:
            write_pairs(folder / "pairs.tsv")
            (folder / "study.yaml").write_text(STUDY.replace("PAIRS", str(folder / "pairs.tsv")))
        study = load_study(options.study or folder / "study.yaml")
        parts = [lambda: scoring(study, device), lambda: steps(study, device, options.steps)]
        for part in parts if device.type == "cpu" else [lambda: shared(study, folder), *parts]:
            for each in part():
                print(each, flush=True)
                rows.append(each)
    if options.out:
        with options.out.open("w", newline="") as file:
            print(f"# python benchmarks/gpu.py {' '.join(sys.argv[1:])}; {torch.cuda.get_device_name()}", file=file)
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
