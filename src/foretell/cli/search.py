"""`foretell search`: the main job."""

from __future__ import annotations

from typing import Annotated

import typer

from foretell.cli.options import OutOption, ResumeOption, SpaceOption, StudyArgument, study_from
from foretell.cli.output import JsonOption, print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("search")(_search)


def _search(
    study: StudyArgument = None,
    space: SpaceOption = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            "--constraint", "-c", help='A limit such as "latency<=20ms" or "params<=0.4M"; may be given several times.'
        ),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", help='Which predictor scores which iterations: "supernet:1-30".')
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the search.")] = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find the best architecture that keeps the limits, train it and measure it.

    Without a study file this is the whole job on Home Assistant's English-German texts: about a quarter of
    an hour on two CPU cores. What is finished is kept: after an interruption the same command with
    `--resume` goes on.

    Examples:
    `foretell search`

    `foretell search --constraint "latency<=8ms" --constraint "params<=0.3M" --out runs/small`

    `foretell search study.yaml --resume --json`
    """
    from foretell.cli.results import print_result
    from foretell.study import run_study

    chosen = study_from(
        study, space=space, constraints=constraint or None, search__schedule=schedule, search__seed=seed
    )
    result = run_study(chosen, out, resume=resume)
    if as_json:
        print_json(result)
    else:
        print_result(result)
    if not result["constraint_met"]:
        raise typer.Exit(3)
