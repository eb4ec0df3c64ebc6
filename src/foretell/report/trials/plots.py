"""The plots of a study of trials: its best so far, the metric against a cost, and what each choice came to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foretell.display import plain
from foretell.report.numbers import amount
from foretell.report.plot import GREY, RED, Guide, Panel, Plot, Series, Symbol
from foretell.report.trials.record import TrialRecord
from foretell.spaces import Gene, Scalar

__all__ = ["against_cost", "best_so_far", "by_choice", "cost_title", "spelled"]

Vector = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

_TITLES = {"latency_ms": "latency, ms"}
_GOLDEN = 0.6180339887


def cost_title(name: str) -> str:
    """A cost as an axis calls it."""
    return _TITLES.get(name, plain(name.replace("_", " ")))


def spelled(value: Scalar | list[Scalar] | tuple[Scalar, ...]) -> str:
    """A gene's value as text."""
    return plain(" ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value))


def best_so_far(run: TrialRecord, rows: Rows) -> Plot:
    """The metric by trial, and the best of all trials up to each.

    Args:
        run: The study.
        rows: The trials to draw.
    """
    return Plot(
        name="best-so-far",
        title="Best so far",
        about=_text(
            f"Each mark is a trial, the steps are the best so far; {run.metric.direction}.",
            _worth(run),
            "What was trained in part is not compared with what was trained in full." if _parts(run) else "",
            _edges(run),
            "A click copies a trial's genes as YAML.",
        ),
        alt=f"{int(run.finished.sum())} trials have a value; the best, {run.metric.format(run.values[run.winner])}, "
        f"came with trial {run.best.trial}.",
        panels=[
            Panel("", "trial", run.metric.title, [steps(run), *_marks(run, run.numbers, rows)], whole=True),
        ],
        header=["trial that was the best so far", run.metric.title, "how it was chosen"],
        rows=[
            [str(run.result.trials[row].trial), run.metric.format(run.values[row]), run.how(row)] for row in run.records
        ],
        keys=run.records.tolist(),
    )


def steps(run: TrialRecord, name: str = "best so far", colour: int = 2) -> Series:
    """The best value up to each trial, as a line that ends at the last one."""
    x = np.append(run.numbers[run.records], run.numbers.max())
    y = np.append(run.values[run.records], run.values[run.records[-1]]) if len(run.records) else np.array([np.nan])
    return Series(name, x[-len(y) :], y, kind="steps", colour=colour, size=4)


def _text(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _worth(run: TrialRecord) -> str:
    """What choosing came to after the design, in a sentence; nothing where only one of them has values."""
    first, later = run.kept & run.designed, run.kept & ~run.designed
    if not first.any() or not later.any():
        return ""
    metric = run.metric
    start, end = metric.best(run.values[first]), metric.best(run.values[later])
    gain = metric.goodness(end) - metric.goodness(start)
    told = f"reached {metric.format(end)}" if gain > 0 else f"found nothing better ({metric.format(end)})"
    return (
        f"The best of {int(first.sum())} finished trials of the design has {metric.format(start)}; {int(later.sum())} "
        f"{run.chooser} {told}."
    )


def _parts(run: TrialRecord) -> bool:
    return bool((run.finished & ~run.whole).any())


def _edges(run: TrialRecord) -> str:
    """What the marks at the edge are."""
    found = [
        *(["failed"] if not run.finished.all() else []),
        *(["are far worse than the axis reaches"] if run.far.any() else []),
    ]
    return f"Marks at the edge of the axis {' or '.join(found)}." if found else ""


def _marks(run: TrialRecord, x: Vector, rows: Rows) -> list[Series]:
    """The trials over some quantity, apart by how they were chosen and how they ended."""
    drawn = np.zeros(len(run), dtype=bool)
    drawn[rows] = True
    drawn &= np.isfinite(x)
    near = drawn & run.kept & ~run.far
    looks: list[tuple[str, npt.NDArray[np.bool_], int, Symbol, float]] = [
        (run.chooser, near & ~run.designed, 0, "circle", 8),
        ("designed", near & run.designed, 1, "diamond", 9),
        ("breaks a limit", drawn & run.whole & ~run.kept & ~run.far, GREY, "triangle-up", 8),
        ("trained in part", drawn & run.finished & ~run.whole & ~run.far, GREY, "circle", 5),
        ("far worse", drawn & run.far, GREY, "square", 8),
        ("failed", drawn & ~run.finished, RED, "cross", 8),
    ]
    y = np.where(run.finished & ~run.far, run.values, run.edge)
    series = [
        Series(name, x[mask], y[mask], colour=colour, symbol=symbol, size=size, keys=np.flatnonzero(mask))
        for name, mask, colour, symbol, size in looks
        if mask.any()
    ]
    place = np.array([run.winner], dtype=np.intp)
    star = Series("winner", x[place], y[place], colour=4, symbol="star", size=15, keys=place)
    return [*series, star] if drawn[run.winner] else series


def against_cost(run: TrialRecord, rows: Rows) -> Plot | None:
    """The metric against the first limited cost, with the front; None where no cost is on record."""
    name, metric = run.cost, run.metric
    if name is None:
        return None
    limit, x, title = run.limit(name), run.cost_of(name), cost_title(name)
    upper = limit is None or limit.is_upper
    front = run.front
    line = Series("front", x[front], run.values[front], kind="steps", colour=2, size=4)
    return Plot(
        name="against-cost",
        title=f"{metric.label} against {title}",
        about=_text(
            f"{metric.direction.capitalize()}, {'left' if upper else 'right'} is cheaper; no trial that keeps the "
            "limits beats one on the front in both.",
            _edges(run),
            "Hover or tap for the genes; a click copies them.",
        ),
        alt=f"{len(front)} of {int(run.finished.sum())} finished trials are on the front of {metric.label} and "
        f"{title}.",
        panels=[
            Panel(
                "",
                title,
                metric.title,
                [*([line] if len(front) else []), *_marks(run, x, rows)],
                guides=[] if limit is None else [Guide("limit", "vertical", limit.limit)],
            )
        ],
        header=["trial on the front", title, metric.title],
        rows=[
            [str(run.result.trials[row].trial), amount(float(x[row])), metric.format(run.values[row])] for row in front
        ],
        keys=front.tolist(),
    )


def by_choice(run: TrialRecord, rows: Rows) -> Plot:
    """A strip of marks for each gene: the metric by choice."""
    layered = any(gene.depth is not None for gene in run.space.genes)
    return Plot(
        name="by-choice",
        title=f"{run.metric.label} by choice",
        about=_text(
            "Each mark is a trial, each diamond the median of a choice's finished trials. Trials differ in other genes "
            "as well, so a better median is a hint and no proof.",
            "A trial stands at each choice that one of its layers has." if layered else "",
            _edges(run),
        ),
        alt=f"Strips of {run.metric.label} by choice for {len(run.space.genes)} genes; the table has best and median.",
        panels=[_strip(run, gene, rows) for gene in run.space.genes],
        header=["gene", "choice", "trials", "failed", f"best {run.metric.label}", "median"],
        rows=[row for gene in run.space.genes for row in _choices(run, gene)],
    )


def _strip(run: TrialRecord, gene: Gene, rows: Rows) -> Panel:
    member = _members(run, gene)
    trials, places = np.nonzero(member[rows])
    trials = np.asarray(rows)[trials]
    # Side by side rather than on top of each other; the same trial is always at the same side.
    x = places + 0.36 * ((trials * _GOLDEN) % 1 - 0.5)
    near = run.finished & ~run.far
    y = np.where(near, run.values, run.edge)
    looks: list[tuple[str, npt.NDArray[np.bool_], int, Symbol]] = [
        ("trial", (near & run.kept)[trials], 0, "circle"),
        ("breaks a limit", (near & run.whole & ~run.kept)[trials], GREY, "triangle-up"),
        ("trained in part", (near & ~run.whole)[trials], GREY, "circle"),
        ("failed or far worse", ~near[trials], RED, "cross"),
    ]
    series = [
        Series(name, x[mask], y[trials[mask]], colour=colour, symbol=symbol, size=7, keys=trials[mask])
        for name, mask, colour, symbol in looks
        if mask.any()
    ]
    medians = np.array([_median(run.values[mask & run.whole]) for mask in member.T])
    known = np.flatnonzero(run.metric.goodness(medians) >= run.metric.goodness(run.edge))
    middle = Series("median", known.astype(float), medians[known], colour=1, symbol="diamond", size=10)
    won = np.flatnonzero(member[run.winner])
    best = np.full(len(won), run.values[run.winner])
    star = Series("winner", won.astype(float), best, colour=4, symbol="star", size=13)
    ticks = [spelled(choice) for choice in gene.choices]
    return Panel(plain(gene.name), "", run.metric.label, [*series, middle, star], ticks=ticks)


def _members(run: TrialRecord, gene: Gene) -> npt.NDArray[np.bool_]:
    """Which trials have which choice of a gene, in any layer, `[n, choices]`."""
    member = np.zeros((len(run), len(gene.choices)), dtype=bool)
    for row, architecture in enumerate(run.architectures):
        value = architecture[gene.name]
        for each in value if isinstance(value, tuple) else (value,):
            member[row, gene.place(each)] = True
    return member


def _choices(run: TrialRecord, gene: Gene) -> list[list[str]]:
    """A row for each choice that a trial has."""
    metric, found = run.metric, []
    for choice, mask in zip(gene.choices, _members(run, gene).T, strict=True):
        values: Sequence[float] = run.values[mask & run.whole].tolist()
        if mask.any():
            told = [metric.format(metric.best(values)), metric.format(_median(values))] if values else ["–", "–"]
            failed = int((mask & ~run.finished).sum())
            found.append([plain(gene.name), spelled(choice), str(int(mask.sum())), str(failed), *told])
    return found


def _median(values: Sequence[float] | Vector) -> float:
    return float(np.median(values)) if len(values) else float("nan")
