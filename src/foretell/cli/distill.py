"""`foretell distill`: a teacher's labels in a small network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.output import JsonOption, next_step, print_json, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("distill")(_distill)


def _distill(
    labels: Annotated[Path, typer.Argument(help="What `foretell label` wrote, or any observations with scores.")],
    teacher: Annotated[
        str | None, typer.Option("--teacher", help="Whose scores to learn; needed where the file has several.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="What the scores estimate. Default: what they were recorded as.")
    ] = None,
    features: Annotated[str, typer.Option("--features", help="hat-bleu or per-layer.")] = "hat-bleu",
    recipe: Annotated[
        str, typer.Option("--recipe", help="default, or paper: the published one, which under-fits.")
    ] = "default",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of weights, held-out part and batches.")] = 0,
    out: Annotated[Path, typer.Option("--out", help="Folder for the student.")] = Path("distilled"),
    as_json: JsonOption = False,
) -> None:
    """Fit a small network to a teacher's labels and say how well it imitates them.

    The student costs nothing per architecture. A study uses one by itself (`distilled:` in the study file).

    Examples:
    `foretell label --teacher regression --observations reference:en-de --n 3000 --out labels.jsonl`

    `foretell distill labels.jsonl --out student`
    """
    from foretell.errors import InputError
    from foretell.observations import OWN_UNIT, Observation, load, score_column
    from foretell.predictors import Context
    from foretell.predictors.distilled import Distilled

    found = load(labels)
    names = sorted({name for observation in found.observations for name in observation.scores})
    if teacher is None and len(names) != 1:
        raise InputError(f"{labels} holds the scores of {', '.join(names) or 'nobody'}; name one with --teacher.")
    name = teacher or names[0]
    only_ranks = all(OWN_UNIT in observation.scores.get(name, {}) for observation in found.observations)
    quality = found.quality(metric)
    scores = score_column(found.observations, name, OWN_UNIT if only_ranks else quality.key)
    if only_ranks:  # higher is better, whichever way the metric goes
        scores = quality.from_goodness(scores)
    told = [
        Observation(o.architecture, {quality.key: score}) for o, score in zip(found.observations, scores, strict=True)
    ]
    context = Context(space=found.space, metric=quality, seed=seed)
    student = Distilled(context, features=features, recipe=recipe)  # type: ignore[arg-type]
    student.fit(told).write(out)
    summary = {
        "teacher": name,
        "labels": student.labels,
        "student_mae": student.student_mae,
        "teacher_std": student.teacher_std,
        "seconds": student.spent.seconds,
        "out": str(out),
    }
    if as_json:
        print_json(summary)
        return
    held = "" if student.student_mae is None else f", off by {student.student_mae:.3f} on a tenth held out"
    say(
        f"{student.labels:,} labels of {summary['teacher']} (deviation {student.teacher_std:.3f}) learnt in "
        f"{student.spent.seconds:.1f} s{held}; kept in {out}."
    )
    given = ("--predictor", f"student:{out}", "--observations", labels, "--architectures", labels)
    next_step("What it says of the same architectures", "predict", *given)
