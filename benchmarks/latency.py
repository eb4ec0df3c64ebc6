"""How well latency is predicted: HAT's published files, and this machine.

    python benchmarks/latency.py published ../shared/data/hat/latency_dataset [--hat-mlp]
    python benchmarks/latency.py device [--n 200] [--fresh 50]
    python benchmarks/latency.py device --n 80 --space small-lm --cost prefill_latency [--runtime llama.cpp]

The first fits every file as `foretell latency fit --curve` does and prints its errors beside those of HAT's
MLP on the same split. The second measures architectures of the small space as
`foretell latency measure` does, then fresh ones until their medians are known to 2 %, and prints how far
each form is off on these. Both take one thread and say how long they took.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from foretell import spaces
from foretell.costs import (
    LatencySamples,
    LatencySetting,
    Repeats,
    drift_summary,
    fit_latency,
    learning_curve,
    measure_latency,
    random_and_extreme,
    read_samples,
)
from foretell.costs.latency import DEFAULT_FORMS, Runtime, samples_of_records
from foretell.costs.latency.selection import fit_candidates
from foretell.published.hat_latency import import_hat_latency
from foretell.study.device import timed_workload

# RMSE in ms / MAPD in percent.
HAT_MLP = {
    "wmt14ende_gpu_titanxp": "16.7 / 6.1",
    "wmt14enfr_gpu_titanxp": "4.1 / 2.0",
    "wmt19ende_gpu_titanxp": "17.0 / 6.4",
    "iwslt14deen_gpu_titanxp": "12.9 / 6.2",
    "wmt14ende_cpu_xeon": "16.8 / 4.6",
    "wmt14enfr_cpu_xeon": "14.7 / 4.1",
    "wmt14ende_cpu_raspberrypi": "505 / 4.7",
    "wmt14enfr_cpu_raspberrypi": "86 / 1.1",
}


def published(folder: Path, hat_mlp: bool) -> None:
    """Every file of the folder."""
    forms = [*DEFAULT_FORMS, "hat-mlp"] if hat_mlp else None
    for file in sorted(folder.glob("*_all.csv")):
        name = file.stem.removesuffix("_all")
        with tempfile.TemporaryDirectory() as place:
            import_hat_latency(file, Path(place) / "samples.jsonl")
            samples = read_samples(Path(place) / "samples.jsonl")
        if forms is not None:
            forms.remove("layers") if "layers" in forms else None
        start = time.perf_counter()
        found = fit_latency(samples, forms)
        print(
            f"\n{name}: HAT's MLP {HAT_MLP[name]}; chosen {found.predictor.name}; {time.perf_counter() - start:.2f} s"
        )
        print("  slow:", ", ".join(f"{b.first}-{b.last} {b.excess:+.0%}" for b in found.drift_blocks) or "none")
        for model in found.models:
            parts = [f"{model[f'rmse_ms{s}']:.1f} / {model[f'mapd{s}']:.2f}" for s in ("", "_blind", "_undisturbed")]
            print(f"  {model['name']:<9} {parts[0]:>14}  blind {parts[1]:>14}  undisturbed {parts[2]:>14}")
        for point in learning_curve(samples):
            print(f"  {point['samples']:>5} samples: {point['rmse_ms']:.1f} ms, {point['mapd']:.2f} %")


def device(n: int, fresh: int, space_name: str, cost: str, runtime: Runtime) -> None:
    """This machine."""
    space = spaces.create(space_name)
    workload, sizes = timed_workload(space, cost)
    setting = LatencySetting(space, space.constants.vocabulary, sizes, workload, runtime=runtime)
    rows = random_and_extreme(space, n + fresh)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "samples.jsonl"
        records = measure_latency(setting, rows[:n], path)
        seconds = time.perf_counter() - start
        drift = drift_summary(records)
        tight = Repeats(most=200, relative_width=0.02, seconds=2.0)
        measure_latency(setting, rows[n:], path, repeats=tight)
        everything = samples_of_records(space, [*read_records(path)])
    train, test = everything.take(np.arange(n)), everything.take(np.arange(n, len(everything)))
    width = float(np.median([record["relative_width"] for record in records]))
    load = os.getloadavg()[0]
    print(f"{n} architectures in {seconds:.0f} s; load {load:.1f}; median interval {width:.1%}; drift {drift}")
    for candidate in fit_candidates(DEFAULT_FORMS, train.inputs, train.ms, train.weights, strict=False):
        errors = np.abs(candidate.form.predict(test.inputs) / test.ms - 1)
        told = f"mean {errors.mean():.2%}, median {np.median(errors):.2%}"
        print(f"  {candidate.name:<9} cross-validated {candidate.error:.2%}, on {len(test)} fresh ones {told}")
    report_chosen(train, test)


def report_chosen(train: LatencySamples, test: LatencySamples) -> None:
    """What a user gets: the chosen form, its interval, and the curve."""
    assert test.inputs.population is not None
    found = fit_latency(train)
    off = np.abs(found.predictor.predict(test.inputs.population) / test.ms - 1).mean()
    low, high = found.predictor.interval(test.inputs.population, 0.9)
    covered = ((low <= test.ms) & (test.ms <= high)).mean()
    print(f"  chosen {found.predictor.name}: {off:.2%} on fresh ones, {covered:.0%} of them inside its 90 % interval")
    rng = np.random.default_rng(0)
    for size in sorted({50, 100, len(train)}):
        if size > len(train):
            continue
        errors = []
        for _ in range(5 if size < len(train) else 1):
            some = train.take(np.sort(rng.choice(len(train), size, replace=False)))
            off = np.abs(fit_latency(some).predictor.predict(test.inputs.population) / test.ms - 1).mean()
            errors.append(off)
        print(f"  {size:>5} samples: {np.mean(errors):.2%}")


def read_records(path: Path) -> list[dict[str, object]]:
    """All lines of a file of samples."""
    from foretell.records import read_jsonl

    return read_jsonl(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("published")
    first.add_argument("folder", type=Path)
    first.add_argument("--hat-mlp", action="store_true")
    second = commands.add_parser("device")
    second.add_argument("--n", type=int, default=200)
    second.add_argument("--fresh", type=int, default=50)
    second.add_argument("--space", default="small-seq2seq")
    second.add_argument("--cost", default="latency")
    second.add_argument("--runtime", choices=get_args(Runtime), default="torch")
    options = parser.parse_args()
    if options.command == "published":
        published(options.folder, options.hat_mlp)
    else:
        device(options.n, options.fresh, options.space, options.cost, options.runtime)
