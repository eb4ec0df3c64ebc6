"""Plots of labelled architectures without a run: the paper's Figures 2, 4 and 5 on its data, or on anyone's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foretell.errors import InputError
from foretell.observations import ObservationSet, load
from foretell.observations.loading import tasks_in
from foretell.report import trust_plots
from foretell.report.plot import Plot
from foretell.report.trust import CHEAP, Trust, judge

__all__ = ["judge_tasks", "plots_of"]


def judge_tasks(path: Path, predictors: Sequence[str] = (), *, metric: str | None = None) -> dict[str, Trust]:
    """Judge predictors on each task of some observations.

    Args:
        path: What `foretell.observations.load` reads; published data may hold several tasks.
        predictors: Names, and no others; none takes the scores on record, the cheap and the trivial ones.
        metric: What is predicted; None: what the observations are about.

    Returns:
        By task.

    Raises:
        InputError: No observations there, too few, or a predictor that cannot learn from them.
    """
    judged = {}
    tasks: list[str | None] = [*tasks_in(path)] if path.is_dir() else []
    for task in tasks or [None]:
        found = load(path, task)
        key = found.quality(metric).key
        names = list(predictors) or [*_on_record(found, key), *CHEAP]
        judged[found.task or str(path)] = judge(found, str(path), names, metric=key, trivial=not predictors)
    return judged


def _on_record(found: ObservationSet, metric: str) -> list[str]:
    """The scores that every architecture has."""
    each = [{name for name, values in item.scores.items() if metric in values} for item in found.observations]
    return [f"column:{name}" for name in sorted(set.intersection(*each))]


def plots_of(judged: dict[str, Trust]) -> list[Plot]:
    """Predicted against true, and the pairs in the wrong order.

    Raises:
        InputError: No predictor says anything of any architecture.
    """
    if not any(trust.held_out for trust in judged.values()):
        raise InputError(
            "no predictor says anything of these labels; `foretell evaluate` with the same options says why."
        )
    return [
        trust_plots.predicted_against_true(judged),
        trust_plots.discordant_histogram(judged),
        trust_plots.discordant_cdf(judged),
    ]
