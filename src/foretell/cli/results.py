"""The result of a run as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foretell.cli.output import print_table, say
from foretell.cli.race import print_race, print_rules
from foretell.metrics import FIRST_METRICS, REPORTED, Metric, metric_from, metric_named

__all__ = ["print_comparison", "print_result", "print_trials"]


def print_result(result: Mapping[str, Any]) -> None:
    """Print what `result.json` holds: the winner, what it is compared with, and what it took."""
    entries = {"winner": result["winner"], **result["baselines"]}
    also = [metric_from(each) for each in result.get("metrics", ())]
    reported = result.get("reported", REPORTED)
    rows = [[*_row(name, entry, reported), *_values(entry, also)] for name, entry in entries.items()]
    for name, told in _floors(result).items():
        value = metric_named(reported[-1]).format(told["metrics"][reported[-1]])
        params = told["metrics"].get("parameters")
        params = "" if params is None else _count(params)
        rows.append([_DOES_WITHOUT.get(name, name), params, "", "", "", "", value, *("" for _ in also)])
    judged = [*(metric_named(name) for name in reported), *also]
    header = ["", "params", "FLOPs", "pred. ms", "meas. ms", *(metric.label for metric in judged)]
    print_table(f"{result['name']}: {result['constraint']} ({_verdict(result)})", header, rows)
    for better in _above(result, metric_named(reported[-1])):
        say(f"{better} than the winner, which has learnt too little:\ntrain longer (train: recipe: updates:).\n")
    _print_finalists(result["finalists"])
    if "race" in result:
        print_race(result["race"])
    if result.get("rules"):
        print_rules(result["rules"], _judged(result), result["winner"]["metrics"])
    if result["teacher"] is not None:
        _print_teacher(result["teacher"])
    _print_proposals(result["search"])
    genes = result["winner"]["architecture"]
    print_table("The winner's genes", ["gene", "value"], [[name, _value(value)] for name, value in genes.items()])
    seconds = result["stages"]
    total = [["total", f"{sum(seconds.values()):.1f}"]]
    print_table("Seconds", ["stage", "s"], [[name, f"{value:.1f}"] for name, value in seconds.items()] + total)
    asked, distinct = result["search"]["evaluations_asked"], result["search"]["evaluations_distinct"]
    for predictor in asked:
        say(f"{predictor}: {asked[predictor]:,} scores asked for, {distinct[predictor]:,} computed.")


def _floors(result: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = result.get("floors", {"copy_source": result.get("copy_source")})
    return found


def _above(result: Mapping[str, Any], metric: Metric) -> list[str]:
    """A sentence for each of those that do without learning and are better than the winner."""
    own = metric.goodness(result["winner"]["metrics"][metric.key])
    better = [name for name, told in _floors(result).items() if metric.goodness(told["metrics"][metric.key]) > own]
    return [
        f"To {_DOES_WITHOUT[name]} is better" if name in _DOES_WITHOUT else f"{name} needs no network and is better"
        for name in better
    ]


def _judged(result: Mapping[str, Any]) -> Metric:
    """What rules are compared by: the race's metric, else what was predicted of them, else the first reported one."""
    if "race" in result:
        return metric_from(result["race"]["metric"])
    said = [rule["predicted"]["metric"] for rule in result["rules"] if not rule["trained"] and rule["predicted"]]
    return metric_named(said[0] if said else result.get("reported", REPORTED)[0])


def print_trials(result: Mapping[str, Any]) -> None:
    """Print what `result.json` holds of a study of trials: the winner, the trials, and how far predictors go."""
    metric = metric_from(result["metric"])
    metric = metric.for_labels([each["metrics"][metric.key] for each in result["trials"] if "failed" not in each])
    winner = result["winner"]
    shown = [name for name in winner["costs"] if not name.startswith("latency_ms_")][:3]
    front = result.get("front", {}).get("trials", [])
    ranked = sorted(
        (each for each in result["trials"] if "failed" not in each),
        key=lambda each: (-each.get("fidelity", 1.0), -metric.goodness(each["metrics"][metric.key])),
    )
    rows = [
        [
            f"{each['trial']}",
            metric.format(each["metrics"][metric.key]),
            *(_cost(each["costs"].get(name)) for name in shown),
            _standing(each, front),
        ]
        for each in (ranked if front else ranked[:_BEST])
        if not front or each["trial"] in front
    ]
    limit = "" if result["constraint"] == "none" else f" under {result['constraint']}"
    title = (
        f"{result['name']}: {'the trade-offs' if front else 'the best'} of {result['search']['finished']} trials{limit}"
    )
    print_table(title, ["trial", metric.title, *shown, ""], rows)
    if "race" in result:
        print_race(result["race"])
    _print_proposals(result["search"])
    if result["rules"]:
        print_rules(result["rules"], metric, winner["metrics"])
    failed = [each for each in result["trials"] if "failed" in each]
    if failed:
        trials = "1 trial" if len(failed) == 1 else f"{len(failed)} trials"
        say(f"{trials} failed, the last one because {failed[-1]['failed']}\n")
    genes = winner["architecture"]
    print_table("The winner's genes", ["gene", "value"], [[name, _value(value)] for name, value in genes.items()])
    told = [[row["predictor"], _figure(row["mae"]), _figure(row["kendall_tau"])] for row in result["trust"]]
    if told:
        print_table("Predictors, each on trials unseen", ["predictor", "MAE", "tau"], told)


_BEST = 5  # trials shown
_DOES_WITHOUT = {"copy_source": "copy the source"}
"""Who does without learning, in words."""


def _standing(trial: Mapping[str, Any], front: Sequence[int]) -> str:
    if not trial["kept"]:
        return "breaks the limit"
    if trial["trial"] in front:
        return "on the front"
    return f"trained {trial['fidelity']:.2%}" if "fidelity" in trial else ""


def _cost(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def _print_proposals(search: Mapping[str, Any]) -> None:
    """What a language model that proposes came up with; nothing where none does."""
    said = search.get("proposals")
    if said is not None:
        counts = ", ".join(f"{said[name]} {name}" for name in ("valid", "repaired", "repeated", "dropped"))
        counts += f", {said['judged']} judged worse than others" if said.get("judged") else ""
        mutants = f"; {said['instead']} mutants stood in" if said["instead"] else ""
        say(
            f"Asked for {said['asked']} architectures, a language model came up with: {counts}{mutants} "
            f"({said['tokens']:,} tokens, {said['seconds']:.0f} s).\n"
        )


def _print_teacher(teacher: Mapping[str, Any]) -> None:
    """What each predictor alone, and all together, would have scored on labels that they had not seen."""
    rows = [
        [row["predictor"], _figure(row["mae"]), _figure(row["kendall_tau"]), _figure(row.get("weight"))]
        for row in teacher["rows"]
    ]
    header = ["predictor", "MAE", "tau", "weight"]
    if rows:
        print_table(f"Who taught the distilled predictor, each on {teacher['labels']} labels unseen", header, rows)
    if teacher["llm"]:
        say(f"llm is {teacher['llm']}, asked about {teacher['asked']:,} architectures besides.\n")
    if teacher["note"]:
        say(f"Note: {teacher['note']}\n")


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _print_finalists(finalists: Sequence[Mapping[str, Any]]) -> None:
    """What was predicted of the finalists, and what was then measured."""
    rows = []
    for number, entry in enumerate(finalists, 1):
        predicted, interval = entry["predicted_latency_ms"], entry["predicted_interval_ms"]
        cells = [_short(predicted), _range(interval), _short(entry["latency_ms"]), _range(entry["interval_ms"])]
        rows.append([str(number), *cells, "yes" if entry["kept"] else "no"])
    header = ["finalist", "pred. ms", "90 % of errors", "meas. ms", "95 % interval", "kept"]
    print_table("The search's best, measured again", header, rows)


def _range(ends: Sequence[float]) -> str:
    return f"{_short(ends[0])} to {_short(ends[1])}"


def _short(value: float) -> str:
    """Two digits after the point as long as they mean something."""
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def _count(value: float) -> str:
    """A count of parameters: exact while it is short."""
    return f"{value:,.0f}" if value < 1e7 else f"{value / 1e6:.1f} M"


def _flops(value: float) -> str:
    return f"{value / 1e6:.1f} M" if value < 1e9 else f"{value / 1e9:.2f} G"


def _row(name: str, entry: Mapping[str, Any], reported: Sequence[str]) -> list[str]:
    costs, metrics = entry["costs"], entry["metrics"]
    return [
        name,
        _count(costs["parameters"]),
        _flops(costs["flops"]),
        _optional(costs, "predicted_latency_ms"),
        _optional(costs, "latency_ms"),
        *(metric_named(name).format(metrics[name]) for name in reported),
    ]


def _values(entry: Mapping[str, Any], metrics: Sequence[Metric]) -> list[str]:
    return [metric.format(entry["metrics"][metric.key]) for metric in metrics]


def _optional(values: Mapping[str, float], name: str) -> str:
    return _short(values[name]) if name in values else ""


def _value(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _verdict(result: Mapping[str, Any]) -> str:
    return "kept" if result["constraint_met"] else "NOT kept when measured"


def print_comparison(result: Mapping[str, Any]) -> None:
    """Print what `compare.json` holds: one row a preset and seed."""
    measured: dict[str, float] = next((row["metrics"] for row in result["rows"] if "metrics" in row), {})
    tests = (name.replace("valid", "test") for name in FIRST_METRICS.values())
    judged = next((name for name in tests if name in measured), REPORTED[-1])
    rows = []
    for row in result["rows"]:
        run, asked = sum(row["evaluations_run"].values()), sum(row["evaluations_asked"].values())
        cells = [
            f"{row['preset']} ({row['seed']})",
            f"{row['supernet_loss']:.4f}",
            str(row["rank"]),
            f"{row['seconds']:,.{0 if row['seconds'] >= 1000 else 1}f}",
            f"{asked:,}",
            f"{run:,}",
            _short(row["costs"]["latency_ms"]),
            f"{row['costs']['parameters'] / 1e6:.3f}",
        ]
        if "metrics" in row:
            cells.append(metric_named(judged).format(row["metrics"][judged]))
        rows.append(cells)
    header = ["preset (seed)", "loss", "rank", "s", "asked", "run", "ms", "M params"]
    if rows and len(rows[0]) > len(header):
        header.append(metric_named(judged).word)
    protocol = result["protocol"]
    print_table(f"{protocol['constraint']}; loss: {protocol['judge']}", header, rows)
