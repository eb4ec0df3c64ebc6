"""The race, and what simple rules would have picked, as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foretell.cli.output import print_table, say
from foretell.metrics import Metric, metric_from

__all__ = ["print_race", "print_rules"]


def print_race(race: Mapping[str, Any]) -> None:
    """Print how a race ended: who went how far, and what each rung cost."""
    metric, rungs = metric_from(race["metric"]), race["rungs"]
    rows = []
    for place, entry in enumerate(race["standings"], 1):
        seen = {each["share"]: each["metrics"] for each in entry["seen"]}
        cells = [_seen(metric, seen.get(rung["share"])) for rung in rungs]
        chance = "failed" if "failed" in entry else f"{100 * entry['chance']:.0f} %"
        rows.append([str(place), str(entry["entrant"] + 1), *cells, chance])
    header = ["", "entrant", *(f"{round(100 * rung['share'], 1):g} %" for rung in rungs), "best?"]
    print_table(f"The race: {metric.label} on each rung", header, rows)
    costs = [
        [
            f"{round(100 * rung['share'], 1):g} %",
            str(rung["trained"]),
            str(rung["failed"]),
            str(rung["early"]),
            _s(rung["seconds"]),
        ]
        for rung in rungs
    ]
    print_table("What each rung cost", ["rung", "trained", "failed", "early", "s"], costs)
    way = "each rung trained anew" if race["anew"] else "each training the continuation of the one before"
    say(f"The winner is the best of those that raced with probability {race['probability']:.2f}.")
    say(f"The race was planned to take {race['planned_trainings']:.1f} full trainings,\n{way}.\n")


def print_rules(rules: Sequence[Mapping[str, Any]], metric: Metric, winner: Mapping[str, float]) -> None:
    """Print what simple rules would have picked, below the winner's metrics."""
    rows = [["the winner", metric.format(winner[metric.key]), "trained"]] if metric.key in winner else []
    for entry in rules:
        if entry["trained"]:
            value, how = metric.format(entry["metrics"][metric.key]), "trained"
        elif entry["predicted"] is not None:
            said = entry["predicted"]
            spread = "" if said["std"] is None else f" +- {metric.format(said['std'])}"
            value, how = f"{metric.format(said['mean'])}{spread}", f"predicted by {said['by']}"
        else:
            value, how = "", "not trained"
        if entry.get("reached"):
            how += f", raced to {round(100 * entry['reached'], 1):g} %"
        rows.append([entry["rule"], value, how])
    print_table("What simple rules would have picked", ["rule", metric.label, ""], rows)


def _seen(metric: Metric, metrics: Mapping[str, float] | None) -> str:
    return "" if metrics is None or metric.key not in metrics else metric.format(metrics[metric.key])


def _s(seconds: float) -> str:
    return f"{seconds:,.1f}" if seconds < 1000 else f"{seconds:,.0f}"
