"""`foretell latency`: what architectures take on a device, measured and predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from foretell.cli.network import next_of_network
from foretell.cli.output import JsonOption, next_step, print_json, print_table, say

if TYPE_CHECKING:
    from foretell.costs import LatencyFit

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Measure latency on this device, and predict it from few samples.")

_DEVICE = "cpu, cuda or cuda:N."
_FORCE = "Use a predictor for another space or device than it was fitted on."
_SPACE = "A search space by name, or a YAML file."


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(_group, name="latency")


@_group.command("measure")
def _measure(
    space: Annotated[str, typer.Option("--space", help=_SPACE)] = "small-seq2seq",
    device: Annotated[str, typer.Option("--device", help=_DEVICE)] = "cpu",
    n: Annotated[int, typer.Option("--n", min=2, help="Architectures: both extremes and random ones.")] = 200,
    out: Annotated[Path, typer.Option("--out", help="JSON lines to append to.")] = Path("latency.jsonl"),
    vocabulary: Annotated[int | None, typer.Option("--vocabulary", min=8, help="Tokens; default: the space's.")] = None,
    length: Annotated[int | None, typer.Option("--length", min=1, help="Tokens a side; default: the space's.")] = None,
    beam: Annotated[int, typer.Option("--beam", min=1, help="Hypotheses of the beam search.")] = 4,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Sentences translated together.")] = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Of the CPU, for one translation.")] = 1,
    precision: Annotated[
        str, typer.Option("--precision", help="float32, bfloat16, float16; q8_0: llama.cpp.")
    ] = "float32",
    cost: Annotated[str, typer.Option("--cost", help="Such as prefill_latency@512; default: latency.")] = "latency_ms",
    runtime: Annotated[str, typer.Option("--runtime", help="torch; llama.cpp: decoders, on the CPU.")] = "torch",
    width: Annotated[float, typer.Option("--width", help="Stop when the median's interval is so narrow.")] = 0.05,
    resources: Annotated[bool, typer.Option("--resources", help="Also measure energy and peak memory.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the architectures and their order.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Time translations with architectures of a space, each against a probe that tells the machine's drift.

    Each sample is on the disk when the next one starts; after an interruption the same command goes on, and
    with a larger `--n` it adds to what is there.

    Example: `foretell latency measure --space small-seq2seq --n 200 --out latency.jsonl`
    Example: `foretell latency measure --space small-lm --cost prefill_latency@512 --runtime llama.cpp`
    """
    from foretell import spaces
    from foretell.costs import LatencySetting, Repeats, drift_summary, measure_latency, random_and_extreme
    from foretell.costs.latency import Precision, Runtime
    from foretell.errors import InputError, known_name
    from foretell.families.base import nominal_sizes
    from foretell.study.device import timed_workload

    precision = known_name("precision", precision, get_args(Precision))
    runtime = known_name("runtime", runtime, get_args(Runtime))
    if not 0 < width < 1:
        raise InputError(f"the width {width:g} is not between 0 and 1; 0.05 stops at an interval of 5 %.")
    chosen = spaces.create(space)
    name, sizes = timed_workload(chosen, cost)
    given = {"sentence_length": length, "beam": beam}
    sizes |= {name: value for name, value in given.items() if name in sizes and value is not None}
    setting = LatencySetting(
        chosen,
        vocabulary or nominal_sizes(chosen)["vocabulary"],
        sizes,
        name,
        device=device,
        threads=threads,
        batch=batch,
        precision=precision,  # type: ignore[arg-type]
        runtime=runtime,  # type: ignore[arg-type]
    )
    rows = random_and_extreme(chosen, n, seed)
    repeats = Repeats(relative_width=width)
    records = measure_latency(setting, rows, out, repeats=repeats, resources=resources, seed=seed)
    if resources and records[0].get("energy_j") is None:
        say("foretell: note: this system exposes no energy counter that can be read.", err=True)
    drift, described = drift_summary(records), setting.describe()
    if as_json:
        print_json({"samples": len(records), "out": str(out), "drift": drift, "setting": described})
    else:
        _print_measured(records, drift, described, out)
        next_step("What they predict", "latency", "fit", out, "--out", out.with_suffix(".json"))


@_group.command("fit")
def _fit(
    samples: Annotated[Path, typer.Argument(help="JSON lines of `latency measure` or `import hat-latency`.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the predictor to this JSON file.")] = None,
    models: Annotated[
        list[str] | None, typer.Option("--model", help="A candidate; may be given several times. Default: all fast.")
    ] = None,
    space: Annotated[str | None, typer.Option("--space", help=_SPACE)] = None,
    curve: Annotated[bool, typer.Option("--curve", help="Also the error after 50, 100, 200, 500, 2000.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fit predictors of latency, choose one by cross-validation with blocks in time, and say how good each is.

    Errors are those on a tenth of the samples that no fit and no choice has seen. Where nothing was paired
    with a probe, slow stretches are found, named, and lose their say.

    Example: `foretell latency fit latency.jsonl --out predictor.json`
    """
    from foretell import spaces
    from foretell.costs import fit_latency, learning_curve, read_samples

    data = read_samples(samples, spaces.create(space) if space else None)
    found = fit_latency(data, models)
    points = learning_curve(data, models) if curve else []
    if out is not None:
        found.predictor.save(out)
    if as_json:
        extra: dict[str, Any] = {"learning_curve": points} if curve else {}
        print_json({**found.to_dict(), **extra, "out": str(out) if out else None})
    else:
        _print_fit(found, points)
        if out is None:
            next_step("Kept for others by", "latency", "fit", samples, "--out", samples.with_suffix(".json"))
        else:
            chosen = data.setting["space"]
            next_step("What it says of the same architectures", "latency", "predict", out, samples, "--space", chosen)


@_group.command("predict")
def _predict(
    predictor: Annotated[Path, typer.Argument(help="JSON file of `latency fit --out`.")],
    architectures: Annotated[Path, typer.Argument(help="Architectures, as YAML or observations.")],
    space: Annotated[str, typer.Option("--space", help=_SPACE)] = "small-seq2seq",
    device: Annotated[str | None, typer.Option("--device", help="Refuse a predictor of another device.")] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Share of latencies in the interval.")] = 0.9,
    force: Annotated[bool, typer.Option("--force", help=_FORCE)] = False,
    as_json: JsonOption = False,
) -> None:
    """Predict latency with its interval.

    Example: `foretell latency predict predictor.json winner/architecture.yaml --space small-seq2seq --device cpu`
    """
    from foretell import spaces
    from foretell.costs import LatencyPredictor, device_name
    from foretell.errors import InputError
    from foretell.study.architectures import read_architectures

    if not 0 < confidence < 1:
        raise InputError(f"the confidence {confidence:g} is not between 0 and 1; 0.9 asks for nine in ten.")
    chosen = spaces.create(space)
    named = device_name(device) if device else None
    fitted = LatencyPredictor.load(predictor, chosen, device_name=named, force=force)
    found = read_architectures(architectures, chosen)
    rows = chosen.population(found)
    low, high = fitted.interval(rows, confidence)
    values = zip(found, fitted.predict(rows).tolist(), low.tolist(), high.tolist(), strict=True)
    lines = [{"architecture_key": a.key, "latency_ms": best, "interval_ms": [lo, hi]} for a, best, lo, hi in values]
    if as_json:
        print_json({"confidence": confidence, "device_name": fitted.setting.get("device_name"), "predictions": lines})
        return
    cells = [
        [line["architecture_key"], *(f"{v:.2f}" for v in (line["latency_ms"], *line["interval_ms"]))] for line in lines
    ]
    print_table(f"Predicted by {fitted.name}", ["architecture", "ms", f"{confidence:.0%} from", "to"], cells)
    fastest = min(lines, key=lambda line: line["latency_ms"])["architecture_key"]
    next_step("The fastest of them is trained by", "train", f"{architectures}:{fastest}", "--space", space)


@_group.command("export")
def _export(
    run: Annotated[Path, typer.Argument(help="A run of `foretell search`, or a folder of `foretell train`.")],
    form: Annotated[str, typer.Option("--format", help="torch (torch.export) or onnx (the [onnx] extra).")] = "torch",
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; default: RUN/exported.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Export a trained network as encoder and decoder step, and measure it beside the original.

    Both are timed in turns with the same beam search around them, so the numbers compare the networks alone.

    Example: `foretell latency export runs/home-assistant-en-de --format onnx`
    """
    from foretell.costs import export_network
    from foretell.study.use import trained_network

    found = export_network(trained_network(run), form, out or run / "exported")
    if as_json:
        print_json(found)
        return
    rows = [["as trained", f"{found['original_ms']:.2f}"], [f"exported ({form})", f"{found['exported_ms']:.2f}"]]
    print_table(f"{found['tokens']} tokens, beam {found['beam']}", ["", "ms"], rows)
    say(f"{', '.join(found['files'])} written to {found['out']}; logits differ by at most {found['difference']:.1e}.")
    next_of_network("translation", run)


def _print_measured(
    records: list[dict[str, Any]], drift: dict[str, float], described: dict[str, Any], out: Path
) -> None:
    values = sorted(record["latency_ms"] for record in records)
    widths = sorted(record["relative_width"] for record in records)
    middle = len(values) // 2
    rows = [
        ["architectures", f"{len(values)}"],
        ["fastest, median, slowest", f"{values[0]:.2f}, {values[middle]:.2f}, {values[-1]:.2f} ms"],
        ["median width of an interval", f"{widths[middle]:.1%}"],
        ["drift of the probe: median, worst", f"{drift['median_drift']:.0%}, {drift['worst_drift']:.0%}"],
        ["samples with more than 10 % drift", f"{drift['disturbed_share']:.0%}"],
        ["written to", str(out)],
    ]
    print_table(f"Latency of {described['space']} on {described['device_name']}", ["", ""], rows)


def _print_fit(found: LatencyFit, points: list[dict[str, Any]]) -> None:
    header = ["model", "RMSE ms", "MAPD %", "blind RMSE", "blind MAPD", "s"]
    names = ("rmse_ms", "mapd", "rmse_ms_blind", "mapd_blind", "seconds")
    rows = [[m["name"], *(f"{m[name]:.2f}" for name in names)] for m in found.models]
    print_table(f"Errors on held-out samples ({found.samples} in all)", header, rows)
    for block in found.drift_blocks:
        say(f"slow block: rows {block.first} to {block.last}, {block.excess:+.0%}; its rows have little say.")
    say(f"chosen by cross-validation: {found.predictor.name}, {found.predictor.mape:.1%} off on average.")
    if points:
        cells = [
            [str(p["samples"]), f"{p['rmse_ms']:.2f}", f"{p['mapd']:.2f}", ", ".join(dict.fromkeys(p["chosen"]))]
            for p in points
        ]
        print_table("Error after so many samples", ["samples", "RMSE ms", "MAPD %", "chosen"], cells)
