"""`foretell observations`: what labels are worth, and what else is known of the architectures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.options import StudyOption, labelled
from foretell.cli.output import JsonOption, figure, next_step, print_json, print_table
from foretell.metrics import Metric, metric_named

if TYPE_CHECKING:
    from foretell.observations import Observation

__all__ = ["register"]

_ROWS = 200
"""Observations that a person would scroll through."""

_group = typer.Typer(no_args_is_help=True, help="Judge labels, and add columns to them.")
_SourceArgument = Annotated[
    Path, typer.Argument(metavar="OBSERVATIONS", help="A file, a folder, reference:NAME or published:NAME.")
]
_FileArgument = Annotated[Path, typer.Argument(metavar="OBSERVATIONS.jsonl", help="Replaced by the same with more.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(_group, name="observations")


@_group.command("show")
def _show(
    source: _SourceArgument,
    metric: Annotated[str | None, typer.Option(help="Which label; default: what the observations are of.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Spread of the labels, their noise from seed to seed, and the ceiling it sets to every predictor.

    Example: `foretell observations show reference:en-de`
    """
    from dataclasses import asdict

    from foretell.evaluation import label_quality
    from foretell.observations import load

    known = labelled(load(source), metric)
    observations, quality = known.observations, known.quality(metric)
    found = label_quality(observations, quality.key)
    if as_json:
        keys = [{"key": o.architecture.key, "seed": o.provenance.get("seed"), **o.metrics} for o in observations]
        print_json({**asdict(found), "ratio": found.ratio, "observations": keys})
        return
    names = _shown(observations[0], quality.key)
    best = sorted(observations, key=lambda o: _order(o, quality))
    rows = [
        [o.architecture.key, str(o.provenance.get("seed", "")), *(figure(o.metrics.get(name), 2) for name in names)]
        for o in best[:_ROWS]
    ]
    shown = [metric_named(name).label for name in names]
    more = f", the best {_ROWS} of {len(best)} (all with --json)" if len(best) > _ROWS else ""
    print_table(f"{source}{more}", ["architecture", "seed", *shown], rows)
    typer.echo(
        f"{quality.key} ({quality.direction}): {found.architectures} architectures, {found.trainings} ", nl=False
    )
    typer.echo(f"trainings, {found.low:.2f} to {found.high:.2f}, standard deviation {found.spread:.2f}.")
    if found.noise is not None and found.ceiling is not None:
        low, high = found.ceiling.interval
        typer.echo(
            f"Across seeds: {found.noise:.2f} (mean of {found.repeated} architectures), a ratio of {found.ratio:.1f}.\n"
            f"A predictor that knew the truth would reach tau {found.ceiling.tau:.3f} ({low:.3f} to {high:.3f}) "
            f"and MAE {found.ceiling.mae:.2f}."
        )
    given = [] if metric is None else ["--metric", metric]
    next_step("Which predictor to trust with them", "evaluate", "--observations", source, *given)


def _order(observation: Observation, metric: Metric) -> float:
    """Best first; what failed comes last."""
    return -metric.goodness(observation.metric(metric.key)) if metric.key in observation.metrics else math.inf


def _shown(observation: Observation, metric: str) -> list[str]:
    """The metrics that a table of 80 columns has room for."""
    wanted = dict.fromkeys([metric, "valid_bleu", "test_bleu", "test_chrf", "valid_loss"])
    return [name for name in wanted if name in observation.metrics][:4]


@_group.command("score")
def _score(
    file: _FileArgument,
    predictor: Annotated[
        list[str], typer.Option(help="supernet-KIND (trained with `foretell supernet train`), or zero-cost proxies.")
    ],
    study: StudyOption = None,
    updates: Annotated[int | None, typer.Option("--updates", min=1, help="Of the supernets' training.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add the scores of supernets and of untrained networks to a file of observations.

    Example: `foretell observations score labels.jsonl --predictor supernet-sandwich,synflow,zen`
    """
    from foretell.cli.options import study_from
    from foretell.predictors.spelling import split_names
    from foretell.study import add_scores

    names = [name for each in predictor for name in split_names(each)]
    chosen = study_from(study, supernet__recipe__updates=updates)
    _rewrite(file, lambda known: add_scores(chosen, known, names), as_json)


@_group.command("measure")
def _measure(
    file: _FileArgument,
    study: StudyOption = None,
    cost: Annotated[str, typer.Option("--cost", help="Such as prefill_latency@512; default: latency.")] = "latency_ms",
    as_json: JsonOption = False,
) -> None:
    """Add the latency of each architecture on this device, with its interval, to a file of observations.

    Example: `foretell observations measure labels.jsonl`
    """
    from foretell.cli.options import study_from
    from foretell.study import add_latency

    _rewrite(file, lambda known: add_latency(study_from(study), known, cost), as_json)


def _rewrite(file: Path, change: Any, as_json: bool) -> None:
    from foretell.errors import InputError
    from foretell.locks import lock_file
    from foretell.observations import read_observations, write_observations

    if not file.is_file():  # before a lock is left beside nothing
        raise InputError(f"{file} does not exist; give a file of observations.")
    # Held throughout: a label that somebody appends meanwhile would be lost.
    with lock_file(file):
        found = change(read_observations(file))
        write_observations(file, found)
    if as_json:
        print_json({"observations": [item.to_dict() for item in found]})
    else:
        typer.echo(f"{file}: {len(found)} observations")
        next_step("What they tell predictors", "evaluate", "--observations", file)
