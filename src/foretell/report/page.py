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
from foretell.report.comparison import Comparison
from foretell.report.interactive import plotly_figures, plotly_script
from foretell.report.kinds import Record, View, bytes_of_row, comparison_of, titles, view_of
from foretell.report.plot import PALETTE, Plot
from foretell.report.record import read_run
from foretell.report.trials.comparison import TrialComparison

__all__ = ["PAGE", "render", "write_page", "write_report"]

PAGE = "report.html"
"""A run's page, in its folder."""


_LARGEST = 6_000_000
"""Bytes of a page, most of them plotly's script."""
_FIXED, _RUN, _FEWEST = 80_000, 140_000, 200
"""Bytes of style and frame, of a run without its architectures, and the fewest architectures worth showing."""


def write_page(records: Sequence[Record], path: Path) -> Path:
    """Write the page of one run, or of several side by side.

    Args:
        records: At least one.
        path: The HTML file.

    Raises:
        InputError: plotly or jinja2 is not installed, or the runs are of two kinds or too many for one page.
        StorageError: The disk refused.
    """
    write_atomic(path, render(records))
    return path


def write_report(folder: Path) -> Path:
    """Write the page of one run, of either kind, into its folder.

    Args:
        folder: The run's folder.

    Returns:
        The page, `report.html`.

    Raises:
        InputError: The folder holds no finished run, or plotly or jinja2 is not installed.
        IntegrityError: A file of the run is damaged.
        StorageError: The disk refused.
    """
    return write_page([read_run(folder)], folder / PAGE)


def render(records: Sequence[Record]) -> str:
    """The page as text; everything that comes from a file, a corpus or a reply is escaped.

    Raises:
        InputError: plotly or jinja2 is not installed, or the runs are of two kinds or too many for one page.
    """
    comparison = comparison_of(records)
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
    views = [view_of(record, number, most) for number, record in enumerate(records)]
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


def _affordable(records: Sequence[Record], script: int) -> int:
    """How many architectures of each run a page can hold."""
    share = (_LARGEST - _FIXED - script) / len(records) - _RUN
    row = max(map(bytes_of_row, records))
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


def _contents(views: Sequence[View], names: Sequence[str]) -> list[tuple[str, str]]:
    """Anchors and their names for the bar at the top."""
    if len(views) > 1:
        return [("compared", "Side by side"), *((v.prefix, name) for v, name in zip(views, names, strict=True))]
    return [(views[0].prefix + anchor, name) for anchor, name in views[0].contents.items()]


def _data(views: Sequence[View], comparison: Comparison | TrialComparison | None) -> dict[str, Any]:
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
