"""`foretell evaluate`: which predictor to trust on one's own labels."""

from __future__ import annotations

import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from foretell.cli.label import LlmOption, use_llm
from foretell.cli.options import ExamplesOption, keep_apart, labelled, task_context
from foretell.cli.output import JsonOption, figure, interval, next_step, print_json, print_table, say

if TYPE_CHECKING:
    from foretell.evaluation import Evaluation, Row
    from foretell.evaluation.views import Sees

__all__ = ["register"]

_SPLITS = 5
"""Names of splits that a title has room for."""

_REASONS = 2
"""Different notes of one predictor that a person wants to read."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(_evaluate)


def _evaluate(
    observations: Annotated[Path, typer.Option(help="A file, a folder, reference:NAME or published:NAME.")],
    predictor: Annotated[list[str] | None, typer.Option(help="Names, comma-separated or repeated.")] = None,
    task: Annotated[str | None, typer.Option(help="Which task, where the data hold several.")] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="What is predicted; y:min or y:max says which way an own metric is better. Default: what a table is "
            "of, else a validation metric."
        ),
    ] = None,
    demonstrations: Annotated[
        str,
        typer.Option(help="Labels to learn from; 0,3,10 gives a learning curve; 0 leaves out rows that need a label."),
    ] = "10",
    splits: Annotated[
        str,
        typer.Option(help="stored, or random:N for N random divisions; default: stored if any are, else random:20."),
    ] = "",
    seeds: Annotated[str, typer.Option(help="Which stored splits, or the seeds of random ones.")] = "",
    reference: Annotated[str, typer.Option(help="The row that differences are taken to.")] = "depth",
    trivial: Annotated[bool, typer.Option(help="Add the trivial rows.")] = True,
    llm: LlmOption = "",
    study: ExamplesOption = None,
    draws: Annotated[int, typer.Option(help="Bootstrap resamplings.", min=1)] = 1000,
    details: Annotated[bool, typer.Option(help="With --json: points and discordant pairs as well.")] = False,
    as_csv: Annotated[Path | None, typer.Option("--csv", help="Also write the table there, with its command.")] = None,
    sees: Annotated[
        str, typer.Option(help="What predictors may look up: genes (nothing), size (parameters, FLOPs), all.")
    ] = "all",
    rows: Annotated[
        str, typer.Option(help="all, or complete: those with every cost. Default: complete in tables.")
    ] = "",
    same_size: Annotated[str | None, typer.Option(help="The cost by which pairs have the same size.")] = None,
    top: Annotated[int, typer.Option(help="How many of the best predictions a search would train.", min=1)] = 3,
    as_json: JsonOption = False,
) -> None:
    """Judge predictors on the same labels, with the trivial rows and intervals.

    Examples:
    `foretell evaluate --observations reference:en-de --predictor regression,auto`

    `foretell evaluate --observations labels.jsonl --demonstrations 3,5,10 --metric test_chrf`

    `foretell evaluate --observations published:nas-bench-201 --demonstrations 100 --sees size`
    """
    from foretell.errors import InputError, UnknownNameError
    from foretell.evaluation import SplitPlan, evaluate, to_csv, to_json
    from foretell.observations import load
    from foretell.predictors.spelling import split_names
    from foretell.records import write_atomic

    keep_apart(as_csv, "--csv", observations)
    use_llm(llm)
    numbers = [part.strip() for part in demonstrations.split(",")]
    if not all(part.isdigit() for part in numbers):
        raise InputError(f"cannot read the demonstrations {demonstrations!r}; expected numbers such as 0,3,10.")
    if rows not in ("", "all", "complete"):
        raise UnknownNameError("choice of rows", rows, ("all", "complete"))
    names = [name for each in (predictor or ["regression,auto"]) for name in split_names(each)]
    result = evaluate(
        labelled(load(observations, task), metric),
        names,
        metric=metric,
        demonstrations=[int(part) for part in numbers],
        plan=SplitPlan(splits, tuple(split_names(seeds))),
        trivial=trivial,
        reference=reference,
        draws=draws,
        context=task_context(study),
        sees=cast("Sees", sees),
        complete=None if rows == "" else rows == "complete",
        same_size=same_size,
        top=top,
    )
    if as_csv is not None:
        write_atomic(as_csv, to_csv(result, shlex.join(["foretell", *sys.argv[1:]])))
    if as_json:
        print_json(to_json(result, details=details))
    else:
        _print(result)
        _next(result, observations, metric)


def _print(result: Evaluation) -> None:
    protocol = result.protocol
    many = len(protocol["demonstrations"]) > 1
    # Among equals in depth where there are depths, else among equals in size: there is room for one of them.
    deep = protocol["depth"] is not None or protocol["same_size"] is None
    among = "in depth" if deep else "in size"
    header = ["predictor", *(["shown"] if many else []), "MAE", "95 %", "tau", "95 %", among, "cover", "labels"]
    rows = [_cells(row, many, "tau_in_depth" if deep else "same_size_tau") for row in result.rows]
    splits = protocol["names"]
    divided = f"splits {', '.join(splits)}" if len(splits) <= _SPLITS else f"{len(splits)} splits"
    unit = protocol["unit"] or protocol["label"]
    way = f"{'higher' if protocol['higher_is_better'] else 'lower'} is better"
    title = f"{protocol['task'] or protocol['space']}: {protocol['metric']} ({way}; MAE in {unit}), {divided}"
    print_table(title, header, rows)
    for note in dict.fromkeys(f"{row.predictor}: {_shortened(row.note)}" for row in result.rows if row.note):
        say(note)


def _next(result: Evaluation, observations: Path, metric: str | None) -> None:
    """The predictor that was least wrong goes on."""
    shown = max(result.protocol["demonstrations"])
    known = [row for row in result.rows if row.demonstrations == shown and math.isfinite(row.values["mae"])]
    if not known:
        return
    best = min(known, key=lambda row: row.values["mae"]).predictor
    given = ["--predictor", best, *(["--metric", metric] if metric else [])]
    next_step(
        f"{best} was least wrong; it predicts by",
        "predict",
        *given,
        "--observations",
        observations,
        "--architectures",
        observations,
    )


def _shortened(note: str) -> str:
    """Twenty splits have twenty reasons; a few show what they are like."""
    reasons = note.split(" / ")
    more = len(reasons) - _REASONS
    return note if more <= 0 else f"{' / '.join(reasons[:_REASONS])} / and {more} more, see --json"


def _cells(row: Row, many: bool, among: str) -> list[str]:
    values, found = row.values, row.intervals
    return [
        row.predictor,
        *([str(row.demonstrations)] if many else []),
        figure(values["mae"]),
        interval(found["mae"]),
        figure(values["tau"]),
        interval(found["tau"]),
        figure(values[among]),
        figure(values["coverage"], 2),
        str(row.labels),
    ]
