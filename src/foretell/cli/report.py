"""`foretell report`: the page of a run, and its figures for papers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli.label import LlmOption, use_llm
from foretell.cli.network import next_of_run
from foretell.cli.output import JsonOption, next_step, print_json, say
from foretell.errors import InputError

if TYPE_CHECKING:
    from foretell.report import Record
    from foretell.report.plot import Plot

__all__ = ["draw_page", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("report")(_report)


def _report(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN", help="Folders of finished runs; several are compared.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page; default: report.html in the run, or here for several.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Also write every plot into this folder, as SVG and PNG.")
    ] = None,
    observations: Annotated[
        Path | None, typer.Option(help="Instead of a run: draw the paper's Figures 2, 4 and 5 of labelled data.")
    ] = None,
    predictor: Annotated[list[str] | None, typer.Option(help="With --observations: names, comma-separated.")] = None,
    metric: Annotated[str | None, typer.Option(help="With --observations: what is predicted.")] = None,
    llm: LlmOption = "",
    as_json: JsonOption = False,
) -> None:
    """Draw the page of a run: what was found, what it cost, and how far it can be trusted.

    The page is one HTML file that opens offline. `foretell search` writes it too, at its end.

    Examples:
    `foretell report runs/home-assistant-en-de`

    `foretell report runs/first runs/second --out compared.html --figures figures`

    `foretell report --observations published:tfs-eval-wmt14ende --predictor "column:HAT,regression" --figures figures`
    """
    if bool(runs) == (observations is not None):
        raise InputError("give the folders of runs, or --observations with labelled architectures.")
    if observations is not None:
        if figures is None or out is not None:
            raise InputError("--observations are drawn into a folder; give --figures DIR, and no --out.")
        use_llm(llm)
        page, written = None, _figures_of_labels(observations, predictor or [], metric, figures)
    else:
        page, written = _page(runs or [], out, figures)
    if as_json:
        found = {"report": page.as_posix()} if page is not None else {}
        print_json({**found, "figures": [path.as_posix() for path in written]})
        return
    for path in (page, figures):
        if path is not None:
            say(str(path))
    if observations is not None:
        given = [
            *(["--metric", metric] if metric else []),
            *(["--predictor", ",".join(predictor)] if predictor else []),
        ]
        next_step("The same as a table", "evaluate", "--observations", observations, *given)
    elif runs and len(runs) == 1:
        next_of_run(runs[0])
    elif runs:
        next_step("The first of them by itself", "report", runs[0])


def draw_page(run: Path, parts: Sequence[Path] = ()) -> Path | None:
    """Draw a run's page at the end of its search; a failure is a note, for the run itself is finished.

    Args:
        run: Its folder.
        parts: Runs inside it that are shown side by side; none: the run itself.
    """
    from foretell.errors import ForetellError

    try:
        from foretell.report import PAGE, read_run, write_page, write_report

        return write_page([read_run(part) for part in parts], run / PAGE) if parts else write_report(run)
    except ForetellError as error:
        reason = str(error)
    except Exception as error:
        reason = f"unexpected {type(error).__name__}: {error}."
    _note(f"no page: {reason} `foretell report {run}` draws it.")
    return None


def _note(text: str) -> None:
    say(f"foretell: note: {text}", err=True)


def _page(runs: list[Path], out: Path | None, figures: Path | None) -> tuple[Path, list[Path]]:
    from foretell.report import PAGE, read_run, write_page

    if out is not None and out.is_file() and not out.read_bytes()[:64].lower().startswith(b"<!doctype html"):
        raise InputError(f"{out} is no page and would be lost; give --out another file.")
    records = [read_run(run) for run in runs]
    for record in records:
        for part, reason in record.missing.items():
            _note(f"{record.folder}: no {part}: {reason}")
    page = write_page(records, out or (runs[0] / PAGE if len(runs) == 1 else Path(PAGE)))
    return page, _figures_of_runs(records, figures) if figures is not None else []


def _figures_of_runs(records: list[Record], folder: Path) -> list[Path]:
    """One run's figures in the folder; of several runs those that compare them, and each run's in a folder below."""
    from foretell.report import comparison_plots, run_plots, write_figures

    if len(records) == 1:
        return write_figures(run_plots(records[0]), folder)
    written = write_figures(comparison_plots(records), folder)
    for number, record in enumerate(records, 1):
        written += write_figures(run_plots(record), folder / f"{number}-{record.result.name}")
    return written


def _figures_of_labels(path: Path, predictors: list[str], metric: str | None, folder: Path) -> list[Path]:
    from foretell.predictors.spelling import split_names
    from foretell.report import judge_tasks, plots_of, write_figures

    names = [name for each in predictors for name in split_names(each)]
    plots: list[Plot] = plots_of(judge_tasks(path, names, metric=metric))
    return write_figures(plots, folder)
