"""Plots as files for papers: SVG and PNG, drawn by matplotlib, which needs no browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foretell.errors import InputError
from foretell.records import storage
from foretell.report.plot import GREY, GRID, PALETTE, RED, Panel, Plot, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["write_figures"]

_MARKS = {"circle": "o", "diamond": "D", "star": "*", "square": "s", "triangle-up": "^", "cross": "P"}
_ACROSS = 3
_INCHES = (3.4, 2.8)
_FORMATS = ("svg", "png")
_STYLE: Any = {
    "font.size": 8,
    "axes.spines.top": False,
    "svg.hashsalt": "foretell",  # the same plot, the same file
    "text.parse_math": False,  # names come from files; a dollar sign is a dollar sign
}


def write_figures(plots: Sequence[Plot], folder: Path) -> list[Path]:
    """Write each plot as `NAME.svg` and `NAME.png`.

    Args:
        plots: What to draw.
        folder: Made if it does not exist.

    Returns:
        The files.

    Raises:
        InputError: matplotlib is not installed.
        StorageError: The disk refused.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("figures as files need matplotlib; install foretell[figures].") from error
    written = []
    with rc_context(_STYLE), storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for plot in plots:
            figure = Figure(layout="constrained")
            _draw(plot, figure)
            figure.draw_without_rendering()  # lays it out, once for all files
            figure.set_layout_engine("none")
            for kind in _FORMATS:
                path = folder / f"{plot.name}.{kind}"
                figure.savefig(path, dpi=200, metadata={"Date": None} if kind == "svg" else None)
                written.append(path)
    return written


def _draw(plot: Plot, figure: Figure) -> None:
    across = min(_ACROSS, len(plot.panels))
    down = -(-len(plot.panels) // across)
    # One panel has the width of a column and a half, several share the width of a page.
    width, height = (1.5 * _INCHES[0], _INCHES[1]) if across == 1 else (across * 2.5, down * _INCHES[1])
    figure.set_size_inches(width, height + (0.3 if plot.legend else 0))
    for number, panel in enumerate(plot.panels, 1):
        _panel(panel, figure.add_subplot(down, across, number))
    if plot.legend:
        by_name: dict[str, Any] = {}
        for axes in figure.axes:
            handles, names = axes.get_legend_handles_labels()
            by_name |= dict(zip(names, handles, strict=True))
        known = [series.name for series in plot.legend]
        columns = min(len(known), max(1, int(14 * width) // (max(map(len, known)) + 4)))
        handles = [by_name[name] for name in known]
        figure.legend(handles, known, loc="outside upper center", ncols=columns, frameon=False)


def _panel(panel: Panel, axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    named = bool(panel.bands) or any(guide.kind == "vertical" for guide in panel.guides)
    axes.set_title(panel.title, loc="left", fontsize=8, fontweight="bold", pad=14 if named else 6)
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    axes.grid(color=PALETTE[GRID][0], linewidth=0.6)
    axes.set_axisbelow(True)
    for band in panel.bands:
        colour = PALETTE[band.colour][0]
        axes.axvspan(band.start, band.end, color=colour, alpha=0.1, linewidth=0)
        middle = (band.start + band.end) / 2
        top = axes.get_xaxis_transform()
        axes.text(middle, 1.01, band.name, transform=top, ha="center", va="bottom", color=colour)
    right = axes.twinx() if panel.right else axes
    if panel.right:
        right.set_ylabel(panel.right)
    else:
        axes.spines["right"].set_visible(False)
    bars = [series for series in panel.series if series.kind == "bars"]
    for place, series in enumerate(panel.series):
        target = right if series.right else axes
        if series.kind == "bars":
            _bars(series, bars, target)
        else:
            _marks(series, target, place)
    _guides(panel, axes)
    if panel.whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if panel.ticks:
        axes.set_xticks(list(panel.shown_ticks), list(panel.shown_ticks.values()))
        axes.set_xlim(-0.5, len(panel.ticks) - 0.5)
    if panel.bands:
        axes.set_xlim(panel.bands[0].start, panel.bands[-1].end)
    if panel.both is not None:
        axes.set_xlim(panel.both)
        axes.set_ylim(panel.both)


def _bars(series: Series, bars: Sequence[Series], axes: Axes) -> None:
    width = 0.85 / len(bars)
    shift = (bars.index(series) - (len(bars) - 1) / 2) * width
    axes.bar(np.asarray(series.x) + shift, series.y, width, label=series.name, color=PALETTE[series.colour][0])


def _marks(series: Series, axes: Axes, order: int) -> None:
    colour = PALETTE[series.colour][0]
    errors = None
    if series.low is not None and series.high is not None:
        errors = np.stack([series.y - series.low, series.high - series.y])
    line = {"line": "--" if series.dashed else "-", "steps": "-"}.get(series.kind, "none")
    axes.errorbar(
        series.x,
        series.y,
        yerr=errors,
        label=series.name,
        color=PALETTE[GREY][0] if series.faint else colour,
        alpha=0.45 if series.faint else 1.0,
        linestyle=line,
        linewidth=1.2,
        elinewidth=0.6,
        drawstyle="steps-post" if series.kind == "steps" else "default",
        marker=_MARKS[series.symbol],
        markersize=0.55 * series.size,
        markeredgewidth=0,
        zorder=2 + 0.1 * order,
    )


def _guides(panel: Panel, axes: Axes) -> None:
    look: dict[str, Any] = {"color": PALETTE[RED][0], "linestyle": "--", "linewidth": 0.9, "zorder": 1.5}
    for guide in panel.guides:
        if guide.kind == "diagonal":
            axes.axline((0, 0), slope=1, **look)
        else:
            axes.axvline(guide.at, **look)
            top = axes.get_xaxis_transform()
            axes.text(guide.at, 1.01, guide.name, transform=top, ha="center", va="bottom", color=look["color"])
