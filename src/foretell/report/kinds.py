"""Which kind of run a page shows: a search that trains by itself, a study of trials, or a model that was shrunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from foretell.errors import InputError
from foretell.report.comparison import Comparison
from foretell.report.plot import Plot
from foretell.report.record import RunRecord
from foretell.report.shrunk.record import ShrunkRecord
from foretell.report.shrunk.view import ShrunkView
from foretell.report.trials.comparison import TrialComparison
from foretell.report.trials.record import TrialRecord
from foretell.report.trials.view import TrialView
from foretell.report.view import RunView

__all__ = ["Record", "View", "bytes_of_row", "comparison_of", "comparison_plots", "run_plots", "titles", "view_of"]

Record = RunRecord | TrialRecord | ShrunkRecord

_ROW, _CELL, _MARK = 100, 4, 40


class View(Protocol):
    """What the page asks of a run of any kind; the rest is between it and its template."""

    prefix: str
    template: ClassVar[str]
    contents: ClassVar[Mapping[str, str]]

    @property
    def plots(self) -> Sequence[Plot]:
        """All of them."""
        ...

    def architectures(self) -> dict[str, Any]:
        """The table behind hover labels and copy buttons."""
        ...


def view_of(record: Record, number: int, most: int) -> View:
    """A run as its template wants it.

    Args:
        record: The run.
        number: 0, 1, ... on the page.
        most: Architectures that the page can afford to hold of it.
    """
    if isinstance(record, ShrunkRecord):
        return ShrunkView(record, number)
    if isinstance(record, TrialRecord):
        return TrialView(record, number, most)
    return RunView(record, number, most)


def bytes_of_row(record: Record) -> int:
    """What an architecture takes on a page, roughly: its genes, its marks and its row in tables."""
    if isinstance(record, ShrunkRecord):  # which shows models and no architectures
        return _ROW
    row = _ROW + _CELL * record.space.width
    if isinstance(record, TrialRecord):
        # A row of the table of trials with a cell for each gene and cost, and a mark in each gene's strip.
        cells = len(record.space.genes) + len(record.costs) + 5
        return row + _CELL * record.space.width + 2 * _MARK * cells
    return row


def titles(records: Sequence[Record]) -> list[str]:
    """The names of runs; with the folder where two have the same."""
    often = Counter(record.result.name for record in records)
    return [
        record.result.name if often[record.result.name] == 1 else f"{record.result.name} ({record.folder.as_posix()})"
        for record in records
    ]


def comparison_of(records: Sequence[Record]) -> Comparison | TrialComparison | None:
    """The part that has runs side by side; None of a single one.

    Raises:
        InputError: Runs of several kinds, or of a kind whose runs are shown one at a time.
    """
    if len(records) < 2:
        return None
    shrunk = [record for record in records if isinstance(record, ShrunkRecord)]
    if shrunk:
        raise InputError(f"{shrunk[0].folder} is a run of foretell shrink, which has a page of its own; give it alone.")
    searches = [record for record in records if isinstance(record, RunRecord)]
    trials = [record for record in records if isinstance(record, TrialRecord)]
    if searches and trials:
        raise InputError(
            f"{trials[0].folder} is a study of trials and {searches[0].folder} a search that trains by itself, which "
            "have nothing in common to compare; give runs of one kind."
        )
    return TrialComparison(trials, titles(trials)) if trials else Comparison(searches, titles(searches))


def run_plots(record: Record) -> list[Plot]:
    """All plots of a run."""
    return list(view_of(record, 0, len(record.result.trials) if isinstance(record, TrialRecord) else 6000).plots)


def comparison_plots(records: Sequence[Record]) -> list[Plot]:
    """The plots that hold several runs."""
    comparison = comparison_of(records)
    return [] if comparison is None else comparison.plots
