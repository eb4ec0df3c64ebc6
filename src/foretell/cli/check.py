"""`foretell check`: what a study would do, before it does anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from foretell.cli.options import OutOption, StudyArgument
from foretell.cli.output import JsonOption, print_json, say

if TYPE_CHECKING:
    from foretell.study.plan import Plan

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("check")(_check)


def _check(study: StudyArgument = None, out: OutOption = None, as_json: JsonOption = False) -> None:
    """Say what a study would do and about how long that takes; nothing is fetched, trained or bought.

    Everything that can be known to fail is refused here as `foretell search` would refuse it: names, files, limits that
    nothing keeps, labels that are missing.

    Example: `foretell check study.yaml`
    """
    from foretell.study import TrialStudyConfig, read_study
    from foretell.study.plan import plan_study, plan_trials

    chosen = read_study(study)
    plan = plan_trials(chosen, out) if isinstance(chosen, TrialStudyConfig) else plan_study(chosen)
    if as_json:
        print_json(plan.to_dict())
    else:
        _print(plan, study)


def _print(plan: Plan, path: Path | None) -> None:
    say(plan.name)
    for topic, text in plan.facts.items():
        say(f"  {topic + ':':10} {text}")
    say("")
    for step in plan.steps:
        say(f"  {step.name + ':':10} {_about(step.seconds):>6}  {step.about}")
    total = plan.seconds
    estimate = "No estimate" if total is None else f"About {_about(total)}"
    basis = f", estimated from {plan.basis}" if plan.basis else ""
    say(f"\n{estimate}{basis}{f'; left out: {plan.unknown}' if plan.unknown else ''}.")
    say(f"Nothing was done; it is started by: foretell search {path or ''}".rstrip())


def _about(seconds: float | None) -> str:
    """A time as one would say it."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, round(seconds))} s" if seconds else "0 s"
