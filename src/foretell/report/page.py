"""The page: one HTML file that opens from the disk and asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from foretell import __version__
from foretell.errors import InputError
from foretell.records import write_atomic
from foretell.report.comparison import Comparison, titles
from foretell.report.interactive import plotly_figures, plotly_script
from foretell.report.plot import PALETTE, Plot
from foretell.report.record import RunRecord
from foretell.report.view import RunView

__all__ = ["render", "write_page"]

_LARGEST = 6_000_000
"""Bytes of a page, most of them plotly's script."""
_FIXED, _RUN, _FEWEST = 80_000, 140_000, 200
"""Bytes of style and frame, of a run without its architectures, and the fewest architectures worth showing."""


def write_page(records: Sequence[RunRecord], path: Path) -> Path:
    """Write the page of one run, or of several side by side.

    Args:
        records: At least one.
        path: The HTML file.

    Raises:
        InputError: plotly or jinja2 is not installed, or the runs are too many for one page.
        StorageError: The disk refused.
    """
    write_atomic(path, render(records))
    return path


def render(records: Sequence[RunRecord]) -> str:
    """The page as text; everything that comes from a file, a corpus or a reply is escaped.

    Raises:
        InputError: plotly or jinja2 is not installed, or the runs are too many for one page.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        plotly = plotly_script()
    except ImportError as error:
        raise InputError(
            f"the report page needs {error.name}, which is not installed; install foretell[report] and run "
            "`foretell report` with the folder of the run."
        ) from error
    most = _affordable(records, len(plotly.encode()))
    views = [RunView(record, number, most) for number, record in enumerate(records)]
    comparison = Comparison(records) if len(records) > 1 else None
    environment = Environment(
        loader=PackageLoader("foretell.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = titles(records)
    script, style = _resource("page.js"), _resource("page.css")
    return environment.get_template("page.html.jinja").render(
        title=names[0] if comparison is None else f"{len(records)} runs compared",
        names=names,
        version=__version__,
        policy=_policy(plotly, script),
        palette=PALETTE,
        style=Markup(style),  # noqa: S704 - our own files, and plotly's
        script=Markup(script),  # noqa: S704
        plotly=Markup(plotly),  # noqa: S704
        contents=_contents(views, names),
        runs=views,
        comparison=comparison,
        data=_data(views, comparison),
    )


def _affordable(records: Sequence[RunRecord], script: int) -> int:
    """How many architectures of each run a page can hold."""
    share = (_LARGEST - _FIXED - script) / len(records) - _RUN
    row = max(100 + 4 * record.space.width for record in records)
    most = int(share / row)
    if most < _FEWEST:
        raise InputError(f"{len(records)} runs are too many for one page; compare fewer at a time.")
    return most


def _resource(name: str) -> str:
    return (files("foretell.report") / "templates" / name).read_text(encoding="utf-8")


def _policy(*scripts: str) -> str:
    """A content security policy: these scripts and no other, and no address to load anything from."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def _contents(views: Sequence[RunView], names: Sequence[str]) -> list[tuple[str, str]]:
    """Anchors and their names for the bar at the top."""
    if len(views) > 1:
        return [("compared", "Side by side"), *((v.prefix, name) for v, name in zip(views, names, strict=True))]
    parts = {"": "Found", "-search": "Search", "-trust": "Trust", "-cost": "Cost", "-provenance": "Provenance"}
    return [(views[0].prefix + anchor, name) for anchor, name in parts.items()]


def _data(views: Sequence[RunView], comparison: Comparison | None) -> dict[str, Any]:
    """What the page's script draws from."""
    figures: dict[str, Any] = {}
    for view in views:
        figures |= _figures(view.prefix, view.plots)
    if comparison is not None:
        figures |= _figures("compared", comparison.plots)
    runs = {view.prefix: view.architectures() for view in views}
    return {"palette": PALETTE, "figures": figures, "runs": runs}


def _figures(prefix: str, plots: Sequence[Plot]) -> dict[str, Any]:
    """Plotly figures by the id of the element that they are drawn in."""
    return {
        f"{prefix}-{plot.name}-{number}": figure for plot in plots for number, figure in enumerate(plotly_figures(plot))
    }
