"""The page of a run: what was found, what it cost, and how far it can be trusted."""

from foretell.report.benchmark import judge_tasks, plots_of
from foretell.report.files import write_figures
from foretell.report.kinds import Record, comparison_plots, run_plots
from foretell.report.page import PAGE, render, write_page, write_report
from foretell.report.record import RunRecord, read_run
from foretell.report.trials.record import TrialRecord

__all__ = [
    "PAGE",
    "Record",
    "RunRecord",
    "TrialRecord",
    "comparison_plots",
    "judge_tasks",
    "plots_of",
    "read_run",
    "render",
    "run_plots",
    "write_figures",
    "write_page",
    "write_report",
]
