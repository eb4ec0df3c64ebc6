"""The figures that people look for first: does it keep the limits, how good is it, what did it take?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from foretell.costs import Constraint
from foretell.metrics import metric_named
from foretell.report.numbers import count, duration, money, number, short, span
from foretell.report.record import RunRecord

__all__ = ["Stage", "Tile", "stages", "subtitle", "tiles", "verdict"]

_STAGES = {
    "corpus": "fetch, clean and split the text",
    "latency": "measure this device",
    "supernet": "train the supernet; baselines and teacher beside it",
    "distil": "label architectures and distil the labels",
    "search": "search, and measure the best again",
    "train": "train the winner from scratch and score it",
}


@dataclass(frozen=True)
class Tile:
    """One figure, what it is, and what to think of it."""

    label: str
    value: str
    note: str
    mood: Literal["", "good", "bad"] = ""


@dataclass(frozen=True)
class Stage:
    """What a stage took, and its share of the whole, from 0 to 1."""

    name: str
    about: str
    seconds: str
    share: float
    dollars: str


def subtitle(run: RunRecord) -> str:
    """What was asked, in a line."""
    title = run.study.task_kind.title(run.study.corpus)
    return f"{title}, {run.space.name}, {run.result.search.schedule}"


def verdict(run: RunRecord) -> str:
    """Whether the limits hold, in a sentence."""
    if not len(run.limits):
        return "No limits were set."
    held = "keeps" if run.result.constraint_met else "does NOT keep"
    return f"The winner {held} {run.result.constraint.replace('<=', ' ≤ ').replace('>=', ' ≥ ')} when measured."


def tiles(run: RunRecord) -> list[Tile]:
    """Latency, quality, size, time and money."""
    result, winner = run.result, run.result.winner
    asked = sum(result.search.evaluations_asked.values())
    computed = sum(result.search.evaluations_distinct.values())
    judged, tested = result.reported
    validated = f"validation {number(winner.metrics.get(judged))}"
    others = "; ".join(f"{name} {number(value)}" for name, value in result.does_without.items())
    spent = "calls of language models, by all runs that share the ledger" if run.calls else "no paid call"
    return [
        _latency(run),
        Tile(f"Test {metric_named(tested).word}", number(winner.metrics.get(tested)), f"{validated}; {others}"),
        Tile("Parameters", count(winner.cost("parameters")), f"{short(winner.cost('flops'))} FLOPs"),
        Tile(
            "It took", duration(sum(result.stages.values())), f"{count(computed)} scores computed, {count(asked)} asked"
        ),
        Tile("It cost", money(run.dollars), spent),
    ]


def _latency(run: RunRecord) -> Tile:
    winner = run.result.winner
    measured, ends = winner.cost("latency_ms"), winner.latency_interval
    if measured is None:
        return Tile("Latency", f"{number(winner.cost('predicted_latency_ms'))} ms", "predicted, not measured")
    note = f"95 % interval {span(ends)}"
    limit = next((item for item in run.limits if item.cost == "latency_ms"), None)
    if limit is None:
        return Tile("Latency, measured", f"{number(measured)} ms", note)
    kept = bool(limit.holds(np.array([measured])).all())
    note += f"; limit {limit.format(limit.limit)} {_kept(limit, ends) if kept else 'NOT kept'}"
    return Tile("Latency, measured", f"{number(measured)} ms", note, "good" if kept else "bad")


def _kept(limit: Constraint, ends: Sequence[float] | None) -> str:
    sure = ends is None or bool(limit.holds(np.array(ends)).all())
    return "kept" if sure else "kept, though the interval reaches past it"


def stages(run: RunRecord) -> list[Stage]:
    """Seconds and dollars by stage; all money goes to the teacher."""
    seconds = run.result.stages
    total = sum(seconds.values()) or 1.0
    return [
        Stage(
            name,
            _STAGES.get(name, ""),
            duration(value),
            value / total,
            money(run.dollars if name == "distil" else 0.0),
        )
        for name, value in seconds.items()
    ]
