"""The page of a run: what was found, what it cost, and how far it can be trusted."""

from foretell.report.page import render, write_page
from foretell.report.record import RunRecord, read_run

__all__ = ["RunRecord", "read_run", "render", "write_page"]
