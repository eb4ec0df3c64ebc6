"""A comparison at equal time as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.cli.output import print_table, say

__all__ = ["print_equal_time"]


def print_equal_time(result: Mapping[str, Any]) -> None:
    """Print what `equal-time.json` holds: winners, best first, as fresh trainings judge them."""
    protocol = result["protocol"]
    rows = [
        [
            row["method"],
            str(row["seed"]),
            _mean(row["judged"]["test_chrf"]),
            _ends(row["judged"]["test_chrf"]),
            _mean(row["judged"]["test_bleu"]),
            f"{row['seconds']:,.0f}" + ("" if row["in_time"] else " (over)"),
            str(row["trainings"]),
            f"{row['costs'].get('parameters', 0):,.0f}",
        ]
        for row in result["rows"]
    ]
    header = ["method", "seed", "test chrF", "range", "test BLEU", "seconds", "in full", "params"]
    print_table(f"Winners at {protocol['seconds']:g} s under {protocol['constraint']}", header, rows)
    seeds = ", ".join(map(str, protocol["judged_by_training_seeds"]))
    say(f"Winners were trained anew with the seeds {seeds}; seconds are those of {protocol['workers']} workers by the")
    say("virtual clock; the range is the 95 % interval of the mean, of two seeds both values.")
    for row in result["rows"]:
        if lost := row["judged"]["test_chrf"].get("diverged"):
            seeds = " and ".join(map(str, lost))
            who = f"the winner of {row['method']}, seed {row['seed']},"
            say(f"foretell: note: {who} diverged with the training seed {seeds}.")


def _mean(judged: Mapping[str, Any]) -> str:
    return "diverged" if judged["mean"] is None else f"{judged['mean']:.2f}"


def _ends(judged: Mapping[str, Any]) -> str:
    if len(judged["values"]) < 2:
        return ""
    low, high = judged["interval"] or (min(judged["values"]), max(judged["values"]))
    return f"{low:.2f} to {high:.2f}"
