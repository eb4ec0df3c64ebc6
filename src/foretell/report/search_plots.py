"""The plots that show a search: its scores, what they took, and all that it saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foretell.report.plot import GREY, Band, Guide, Panel, Plot, Series
from foretell.report.record import RunRecord
from foretell.report.seen import Seen
from foretell.spaces import Architecture

__all__ = ["ABSCISSAE", "evaluations", "pareto", "scores", "unit_of"]

ABSCISSAE = {"latency_ms": "predicted latency, ms", "flops": "FLOPs of a sentence pair"}


def unit_of(run: RunRecord, predictor: str) -> str:
    """What a predictor's score is, in a few words."""
    if predictor == "supernet":
        return "minus validation loss, bits a token"
    return f"imitates {run.teacher}"


def _units(run: RunRecord) -> str:
    return "; ".join(f"{name}: {unit_of(run, name)}" for name in run.schedule.predictors)


def _colour(run: RunRecord, predictor: str) -> int:
    return run.schedule.predictors.index(predictor) % 6


def _bands(run: RunRecord) -> list[Band]:
    return [
        Band(each.predictor, each.first - 0.5, each.last + 0.5, _colour(run, each.predictor))
        for each in run.schedule.stretches
    ]


def scores(run: RunRecord) -> Plot:
    """Best and mean score of each generation; one axis for each of two predictors."""
    series, names = [], run.schedule.predictors
    for predictor in names:
        rows = [each for each in run.result.search.history if each.predictor == predictor]
        x = np.array([each.iteration for each in rows], dtype=float)
        right = names.index(predictor) > 0
        for label, values, dashed in (
            ("best", [r.best for r in rows], False),
            ("population mean", [r.mean for r in rows], True),
        ):
            series.append(
                Series(
                    f"{predictor}: {label}",
                    x,
                    np.array(values, dtype=float),
                    kind="line",
                    colour=_colour(run, predictor),
                    symbol="diamond" if dashed else "circle",
                    size=6,
                    dashed=dashed,
                    right=right,
                )
            )
    titles = [f"{name} score" for name in names]
    last = run.result.search.history[-1]
    return Plot(
        name="scores",
        title="Score by iteration",
        about="Best and mean score of each generation. The ground is shaded by who scores: each predictor has a unit "
        f"of its own ({_units(run)}), so lines of different predictors cannot be compared. A mean that has "
        "come up to the best says that the population has nothing left to choose from.",
        alt=f"Best and mean score over {last.iteration} iterations; the last generation has {last.best:.4g} and "
        f"{last.mean:.4g} under the {last.predictor} predictor.",
        panels=[
            Panel(
                "", "iteration", titles[0], series, bands=_bands(run), whole=True, right=titles[1] if titles[1:] else ""
            )
        ],
    )


def evaluations(run: RunRecord) -> Plot:
    """Scores asked for and computed so far."""
    history = run.result.search.history
    x = np.array([each.iteration for each in history], dtype=float)
    totals = {label: _running(run, label) for label in ("asked", "distinct")}
    names = {"asked": "asked for", "distinct": "computed, each architecture once"}
    series = [
        Series(names[label], x, values, kind="line", colour=3 + n, symbol="circle" if n else "square", size=6)
        for n, (label, values) in enumerate(totals.items())
    ]
    return Plot(
        name="evaluations",
        title="Evaluations asked for and run",
        about="All predictors together. A search asks again and again for architectures that it knows; only new ones "
        "are computed, and the distance between the lines is what the cache saved.",
        alt=f"{totals['asked'][-1]:,.0f} scores were asked for and {totals['distinct'][-1]:,.0f} computed.",
        panels=[Panel("", "iteration", "scores so far", series, bands=_bands(run), whole=True)],
    )


def _running(run: RunRecord, label: str) -> np.ndarray:
    """A count over all predictors, by iteration; the history has it for each predictor."""
    latest: dict[str, int] = {}
    totals = []
    for each in run.result.search.history:
        latest[each.predictor] = getattr(each, label)
        totals.append(sum(latest.values()))
    return np.array(totals, dtype=float)


def pareto(run: RunRecord, chosen: Sequence[int] | None = None) -> Plot:
    """Score over latency of all that was seen, a panel for each predictor, the one that decided first.

    Args:
        run: The run.
        chosen: Rows of `run.seen` to draw; None draws all.
    """
    names = [run.judge, *(name for name in run.schedule.predictors if name != run.judge)]
    drawn = np.arange(len(run.seen)) if chosen is None else np.asarray(chosen, dtype=np.intp)
    limits = [
        Guide("limit", "vertical", item.limit)
        for item in run.limits
        if item.cost == run.seen.abscissa and item.confidence is None
    ]
    front = run.seen.front(run.judge)
    return Plot(
        name="pareto",
        title="Every architecture that the search saw",
        about="Up is better, left is cheaper; the steps are the front, which nothing seen beats in both "
        f"({_units(run)}). Hover or tap for the genes; a click copies an architecture as YAML for foretell train.",
        alt=f"{len(run.seen):,} architectures; {len(front)} of them are on the front of {run.judge} score and "
        f"{ABSCISSAE[run.seen.abscissa]}.",
        panels=[
            Panel(
                f"scored by {name}" + (", which decided" if name == run.judge and names[1:] else ""),
                ABSCISSAE[run.seen.abscissa],
                f"{name} score",
                _cloud(run, name, drawn),
                guides=limits,
            )
            for name in names
        ],
        header=["architecture", ABSCISSAE[run.seen.abscissa], f"{run.judge} score"],
        rows=[
            [run.space.architecture(run.seen.population[row]).key, *_place(run.seen, run.judge, row)] for row in front
        ],
        keys=front.tolist(),
    )


def _place(seen: Seen, name: str, row: int) -> tuple[str, str]:
    return f"{seen.costs[seen.abscissa][row]:.4g}", f"{seen.scores[name][row]:.4f}"


def _cloud(run: RunRecord, name: str, drawn: np.ndarray) -> list[Series]:
    seen = run.seen
    cost, score = seen.costs[seen.abscissa], seen.scores[name]

    def at(rows: np.ndarray) -> dict[str, Any]:
        return {"x": cost[rows], "y": score[rows], "keys": rows}

    parts = [
        Series("seen", colour=GREY, faint=True, size=5, **at(np.intersect1d(seen.scored(name), drawn))),
        Series("front", kind="steps", size=6, **at(seen.front(name))),
        Series("finalist", colour=1, symbol="diamond", size=10, **at(_rows(run, run.finalists, name))),
        Series("winner", colour=4, symbol="star", size=15, **at(_rows(run, [run.winner], name))),
    ]
    return [series for series in parts if len(series.x)]


def _rows(run: RunRecord, architectures: Sequence[Architecture], predictor: str) -> np.ndarray:
    found = [run.seen.row(each) for each in architectures]
    known = set(run.seen.scored(predictor).tolist())
    return np.array([row for row in found if row in known], dtype=np.intp)
