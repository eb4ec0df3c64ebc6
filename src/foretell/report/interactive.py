"""Plots as plotly figures: JSON that the page hands to plotly's script."""

from __future__ import annotations

import html
import json
from typing import Any

import numpy as np

from foretell.report.plot import GREY, GRID, PALETTE, RED, Guide, Panel, Plot, Series

__all__ = ["plotly_figures", "plotly_script"]

_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
_FEW = 12
_DASHES = {False: "solid", True: "dot"}


def plotly_script() -> str:
    """The text of plotly's script, as its package ships it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def plotly_figures(plot: Plot) -> list[dict[str, Any]]:
    """One figure a panel, as JSON values. Colours are those for light ground; the page exchanges them for dark.

    Text that plotly would take for markup is escaped.
    """
    import plotly.graph_objects as go

    figures = []
    for panel in plot.panels:
        figure = go.Figure(data=[_trace(series, panel) for series in panel.series], layout=_layout(panel))
        figures.append(json.loads(figure.to_json()))
    return figures


def _trace(series: Series, panel: Panel) -> dict[str, Any]:
    colour = PALETTE[series.colour][0]
    trace: dict[str, Any] = {"x": series.x, "y": series.y, "name": _plain(series.name)}
    if series.kind == "bars":
        return trace | {"type": "bar", "marker": {"color": colour}, "hovertemplate": _label(series, panel)}
    lines = series.kind in ("line", "steps")
    trace |= {
        "type": "scatter",
        "mode": "lines+markers" if lines else "markers",
        "marker": {"color": colour, "size": series.size, "symbol": series.symbol},
        "line": {
            "color": colour,
            "width": 2,
            "dash": _DASHES[series.dashed],
            "shape": "hv" if series.kind == "steps" else "linear",
        },
        "opacity": 0.45 if series.faint else 1,
    }
    if series.low is not None and series.high is not None:
        trace["error_y"] = {
            "array": series.high - series.y,
            "arrayminus": series.y - series.low,
            "color": colour,
            "thickness": 1,
            "width": 0,
        }
    if series.right:
        trace["yaxis"] = "y2"
    if series.keys is None:
        return trace | {"hovertemplate": _label(series, panel)}
    # The page writes the genes: it has them once for all plots.
    return trace | {"customdata": series.keys.tolist(), "hovertemplate": "%{text}<extra></extra>"}


def _label(series: Series, panel: Panel) -> str:
    return f"{_plain(series.name)}<br>{_plain(panel.x)}: %{{x:.4~g}}<br>%{{y:.4~g}}<extra></extra>"


def _layout(panel: Panel) -> dict[str, Any]:
    grey = PALETTE[GREY][0]
    layout: dict[str, Any] = {
        "template": {},
        "font": {"family": _FONT, "size": 12, "color": grey},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 44, "r": 12, "t": 26 if _band_names(panel) or _guide_names(panel) else 10, "b": 40},
        "height": 340,
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "font": {"family": _FONT, "size": 12}},
        "bargap": 0.15,
        "xaxis": _axis(panel.x),
        "yaxis": _axis(panel.y),
    }
    if panel.right:
        layout["yaxis2"] = _axis(panel.right) | {"overlaying": "y", "side": "right", "showgrid": False}
    if panel.both is not None:
        layout["xaxis"]["range"] = layout["yaxis"]["range"] = list(panel.both)
    elif panel.bands:
        layout["xaxis"]["range"] = [panel.bands[0].start, panel.bands[-1].end]
    if panel.whole and _width(panel) <= _FEW:
        layout["xaxis"] |= {"tickmode": "linear", "tick0": 0, "dtick": 1}
    if panel.ticks:
        shown = panel.shown_ticks
        layout["xaxis"] |= {
            "tickmode": "array",
            "tickvals": list(shown),
            "ticktext": [_plain(text) for text in shown.values()],
            "range": [-0.5, len(panel.ticks) - 0.5],
        }
    shapes = [*_bands(panel), *(_guide(guide, panel) for guide in panel.guides)]
    notes = [*_band_names(panel), *_guide_names(panel)]
    return layout | {"shapes": shapes, "annotations": notes}


def _axis(title: str) -> dict[str, Any]:
    grey = PALETTE[GREY][0]
    return {
        "title": {"text": _plain(title), "standoff": 8, "font": {"size": 12}},
        "gridcolor": PALETTE[GRID][0],
        "linecolor": grey,
        "tickcolor": grey,
        "ticks": "outside",
        "showline": True,
        "zeroline": False,
        "automargin": True,
        "nticks": 7,
        "tickmode": "auto",
    }


def _width(panel: Panel) -> float:
    return max((float(np.ptp(series.x)) for series in panel.series if len(series.x)), default=0.0)


def _bands(panel: Panel) -> list[dict[str, Any]]:
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": band.start,
            "x1": band.end,
            "y0": 0,
            "y1": 1,
            "fillcolor": PALETTE[band.colour][0],
            "opacity": 0.1,
            "line": {"width": 0},
            "layer": "below",
        }
        for band in panel.bands
    ]


def _band_names(panel: Panel) -> list[dict[str, Any]]:
    return [_note(band.name, (band.start + band.end) / 2, band.colour) for band in panel.bands]


def _guide(guide: Guide, panel: Panel) -> dict[str, Any]:
    line = {"color": PALETTE[RED][0], "width": 1.5, "dash": "dash"}
    if guide.kind == "diagonal":
        low, high = panel.both or (0.0, 1.0)
        return {"type": "line", "x0": low, "y0": low, "x1": high, "y1": high, "line": line, "layer": "below"}
    return {"type": "line", "yref": "paper", "x0": guide.at, "x1": guide.at, "y0": 0, "y1": 1, "line": line}


def _guide_names(panel: Panel) -> list[dict[str, Any]]:
    return [_note(guide.name, guide.at, RED) for guide in panel.guides if guide.kind == "vertical"]


def _note(text: str, x: float, colour: int) -> dict[str, Any]:
    return {
        "text": _plain(text),
        "x": x,
        "y": 1,
        "xref": "x",
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": PALETTE[colour][0], "size": 12},
    }


def _plain(text: str) -> str:
    """Text that plotly shows as it is: it would obey tags and links, and take %{...} for a variable."""
    return html.escape(text, quote=False).replace("%{", "% {")
