"""`foretell predict`: what a predictor says of given architectures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.label import LlmOption, use_llm
from foretell.cli.options import keep_apart, labelled
from foretell.cli.output import JsonOption, figure, next_step, print_json, print_table, say

if TYPE_CHECKING:
    from foretell.metrics import Metric
    from foretell.observations import ObservationSet
    from foretell.predictors import Columns
    from foretell.spaces import Population

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(_predict)


def _predict(
    observations: Annotated[Path, typer.Option(help="Labelled architectures to learn from.")],
    architectures: Annotated[
        Path, typer.Option(help="What to predict: YAML, JSON lines, observations, or a run: its winner.")
    ],
    predictor: Annotated[str, typer.Option(help="A predictor's name.")] = "auto",
    task: Annotated[str | None, typer.Option(help="Which task, where the data hold several.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="What is predicted. Default: what a table is of, else a validation metric.")
    ] = None,
    llm: LlmOption = "",
    save: Annotated[Path | None, typer.Option(help="Also write the fitted predictor, as JSON.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Predict the quality of architectures from a few labelled ones.

    Example: `foretell predict --observations labels.jsonl --architectures candidates.jsonl`
    """
    import numpy as np

    from foretell import predictors
    from foretell.errors import ForetellError
    from foretell.observations import load
    from foretell.study.architectures import parted_key

    keep_apart(save, "--save", observations, architectures)
    use_llm(llm)
    known = labelled(load(observations, task), metric)
    quality = known.quality(metric)
    population, columns = _read(architectures, known, quality.key)
    context = predictors.Context(known.space, quality, columns)
    fitted = predictors.create(predictor, context=context).fit(known.observations)
    prediction = fitted.predict(population)
    if save is not None:
        predictors.save(fitted, save)
    goodness = fitted.goodness(prediction)
    order = np.argsort(-np.where(np.isnan(goodness), -np.inf, goodness), kind="stable")
    rows = [
        {
            "key": item.key,
            "mean": _number(prediction.mean[index]),
            "std": None if prediction.std is None else _number(prediction.std[index]),
            "reason": prediction.reasons.get(index, ""),
            "architecture": item.to_dict(),
        }
        for index, item in enumerate(known.space.architectures(population))
    ]
    summary = {
        "predictor": fitted.name,
        "metric": quality.key,
        "higher_is_better": fitted.quality.higher_is_better or not fitted.calibrated,
        "calibrated": fitted.calibrated,
        "labels": fitted.labels,
        "label_noise": fitted.label_noise,
        "why": fitted.why,
        "predictions": rows,
    }
    if as_json:
        print_json(summary)
    else:
        _print(summary, fitted.quality, [rows[index] for index in order])
    if rows and all(row["mean"] is None for row in rows):
        raise ForetellError(f"{fitted.name} predicted none of the {len(rows)} architectures: {rows[0]['reason']}.")
    if not as_json:
        _next(known, observations, f"{parted_key(str(architectures))[0]}:{rows[order[0]]['key']}")


def _read(path: Path, known: ObservationSet, metric: str) -> tuple[Population, Columns]:
    """The architectures, and what is on record of them where they are observations."""
    from foretell.observations import load, population_of
    from foretell.observations.reference import shipped_path
    from foretell.observations.tables import is_table
    from foretell.predictors import Columns
    from foretell.records import read_jsonl
    from foretell.study.architectures import is_run, parted_key, read_architectures

    name, key = parted_key(str(path))
    file = Path(name)
    observed = (
        is_table(file)
        or shipped_path(name) is not None
        or (file.suffix == ".jsonl" and any("format" in row or "scratch" in row for row in read_jsonl(file)))
        or (file.is_dir() and not is_run(file))
    )
    if not observed:
        return known.space.population(read_architectures(path, known.space)), Columns()
    found = load(name, known.task or None, known.space).observations
    columns = Columns.of(found, metric)
    return population_of(found) if not key else known.space.population(read_architectures(path, known.space)), columns


def _print(summary: dict[str, Any], metric: Metric, best_first: Sequence[dict[str, Any]]) -> None:
    rows = [[row["key"], figure(row["mean"]), figure(row["std"]), row["reason"]] for row in best_first]
    unit = metric.title if summary["calibrated"] else "score (only the order means something)"
    print_table(
        f"{summary['predictor']}, {summary['labels']} labels: {unit}", ["architecture", "mean", "std", ""], rows
    )
    if summary["why"]:
        say(summary["why"])


def _next(known: ObservationSet, observations: Path, best: str) -> None:
    """Networks of a family are trained by foretell; those of others by whoever has made the labels."""
    if known.space.family is None:
        next_step("How far to trust it", "evaluate", "--observations", observations)
        return
    next_step("The best of them is trained by", "train", best, "--space", known.space.name)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
