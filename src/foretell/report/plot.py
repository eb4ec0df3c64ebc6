"""A plot as plain data: drawn by plotly on the page and by matplotlib for papers, said once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from foretell.display import shortened

__all__ = ["GREY", "GRID", "PALETTE", "RED", "Band", "Guide", "Panel", "Plot", "Series", "Symbol", "plot_table"]

Vector = npt.NDArray[np.float64]
Symbol = Literal["circle", "diamond", "star", "square", "triangle-up", "cross"]

PALETTE: tuple[tuple[str, str], ...] = (
    ("#0a6ebd", "#6cb6ff"),
    ("#b35900", "#f5a24b"),
    ("#15803d", "#57c777"),
    ("#8a3ffc", "#c4a1ff"),
    ("#b0246f", "#ff8ac4"),
    ("#0b7a75", "#4fd1c5"),
    ("#c1121f", "#ff7b72"),
    ("#565e69", "#a3adba"),
    ("#e3e6ea", "#2a313c"),
)
"""Colours on light and on dark ground; six for series with a contrast of at least 4, then those with names."""

RED, GREY, GRID = 6, 7, 8

_MOST_TICKS, _TICK = 12, 18


@dataclass(frozen=True, eq=False)
class Series:
    """Marks that belong together.

    Attributes:
        name: In the legend.
        x: `[n]`.
        y: `[n]`.
        kind: "points", "line" (with marks), "steps" (a line that turns at right angles) or "bars".
        colour: Place in `PALETTE`.
        symbol: Of points and marks.
        size: Of points and marks, in pixels.
        dashed: For lines.
        faint: Drawn half transparent: many marks, or the background of others.
        low: Lower ends of intervals in y, `[n]`.
        high: Upper ends.
        keys: Rows of the page's table of architectures, one for each mark.
        right: Measured on the right axis.
    """

    name: str
    x: Vector
    y: Vector
    kind: Literal["points", "line", "steps", "bars"] = "points"
    colour: int = 0
    symbol: Symbol = "circle"
    size: float = 7
    dashed: bool = False
    faint: bool = False
    low: Vector | None = None
    high: Vector | None = None
    keys: npt.NDArray[np.intp] | None = None
    right: bool = False


@dataclass(frozen=True)
class Band:
    """A shaded stretch of the x axis."""

    name: str
    start: float
    end: float
    colour: int


@dataclass(frozen=True)
class Guide:
    """A line to read the marks by: a limit, or the diagonal of perfect predictions."""

    name: str
    kind: Literal["vertical", "diagonal"]
    at: float = 0.0


@dataclass(frozen=True, eq=False)
class Panel:
    """One pair of axes.

    Attributes:
        title: Above it; may be empty.
        x: Title of the x axis, with its unit.
        y: Title of the y axis.
        series: What is drawn, the first one at the back.
        bands: Shaded stretches.
        guides: Lines to read by.
        right: Title of the right axis, if there is one.
        both: One range for both axes; None leaves them to the marks.
        whole: Whether x counts something, so that a tick between two whole numbers would mean nothing.
        ticks: What stands at x = 0, 1, ... where x is a choice and no quantity; empty: numbers.
    """

    title: str
    x: str
    y: str
    series: Sequence[Series]
    bands: Sequence[Band] = ()
    guides: Sequence[Guide] = ()
    right: str = ""
    both: tuple[float, float] | None = None
    whole: bool = False
    ticks: Sequence[str] = ()

    @property
    def shown_ticks(self) -> dict[int, str]:
        """The ticks that there is room for, by their place."""
        step = -(-len(self.ticks) // _MOST_TICKS)
        return {place: shortened(self.ticks[place], _TICK) for place in range(0, len(self.ticks), step or 1)}


@dataclass(frozen=True, eq=False)
class Plot:
    """One or several panels under one title.

    Attributes:
        name: For file names and anchors.
        title: What is shown.
        about: How to read it, in a sentence or two.
        alt: What it says, for who cannot see it.
        panels: Side by side where there is room.
        header: Of the table that holds the same data.
        rows: Of that table; empty takes the marks themselves.
        keys: Rows of the page's table of architectures, one for each row of that table.
    """

    name: str
    title: str
    about: str
    alt: str
    panels: Sequence[Panel]
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    keys: Sequence[int] = ()

    @property
    def legend(self) -> list[Series]:
        """One series for each name, in the order of drawing; nothing where panels hold one each."""
        by_name = {series.name: series for panel in self.panels for series in panel.series}
        return list(by_name.values()) if any(len(panel.series) > 1 for panel in self.panels) else []


def plot_table(plot: Plot) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Header and rows of the table that stands for a plot where it cannot be seen."""
    if plot.rows:
        return plot.header, plot.rows
    rows = [
        [*([panel.title] if len(plot.panels) > 1 else []), series.name, f"{x:.4g}", f"{y:.4g}", _interval(series, i)]
        for panel in plot.panels
        for series in panel.series
        for i, (x, y) in enumerate(zip(series.x, series.y, strict=True))
    ]
    first = plot.panels[0]
    header = [*(["panel"] if len(plot.panels) > 1 else []), "series", first.x, first.y, "interval"]
    if not any(row[-1] for row in rows):
        return header[:-1], [row[:-1] for row in rows]
    return header, rows


def _interval(series: Series, index: int) -> str:
    if series.low is None or series.high is None:
        return ""
    return f"{series.low[index]:.4g} to {series.high[index]:.4g}"
