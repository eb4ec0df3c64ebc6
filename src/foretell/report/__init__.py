"""The page of a run: what was found, what it cost, and how far it can be trusted."""

from foretell.report.benchmark import judge_tasks, plots_of
from foretell.report.comparison import comparison_plots
from foretell.report.files import write_figures
from foretell.report.page import render, write_page
from foretell.report.record import RunRecord, read_run
from foretell.report.view import run_plots

__all__ = [
    "RunRecord",
    "comparison_plots",
    "judge_tasks",
    "plots_of",
    "read_run",
    "render",
    "run_plots",
    "write_figures",
    "write_page",
]
