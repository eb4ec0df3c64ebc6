"""How well other tasks' labels order a new one: each left out in turn, no architecture's own labels in the sources.

    python benchmarks/experience.py                      # all tables, to results/experience.csv
    python benchmarks/experience.py pairs --only en-ko   # one language pair alone, learnt from the others
    python benchmarks/experience.py tfs-eval
    python benchmarks/experience.py texts                # language models, each text from the other

`pairs`: Home Assistant's language pairs, one row an architecture (seeds averaged). "loss at 25 %" is that of the very
trainings whose end is judged. `tfs-eval`: the paper's records, its three divisions; "not disjoint" leaves an
architecture's labels on the two other tasks in, as those data tempt one to do. Intervals are 95 % bootstraps over
architectures, which overlap between pairs. About 2 minutes on one core.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from scipy.stats import kendalltau

from foretell.metrics import metric_named
from foretell.observations import Observation, ObservationSet, load
from foretell.observations.reference import REFERENCE_PREFIX, reference_names
from foretell.predictors import Context, Labels, create
from foretell.predictors.records import LOSS, Record, loss_at, records_of
from foretell.progress import track

PAIRS = {
    "en-de": ("reference:en-de", "reference:en-de-more"),
    "en-ga": ("reference:en-ga",),
    "en-tr": ("reference:en-tr",),
    "en-ko": ("reference:en-ko",),
    "en-pl": ("reference:en-pl",),
}
TASKS = ("wmt14ende", "wmt14enfr", "wmt19ende")
METRICS = ("test_chrf", "test_bleu", LOSS)
TEXTS = {"lm-code": ("reference:lm-code",), "lm-text": ("reference:lm-text",)}
COLUMNS = (
    "table",
    "task",
    "metric",
    "predictor",
    "labels",
    "knows",
    "architectures",
    "tau",
    "low",
    "high",
    "mae",
    "cover",
)
QUARTER = 0.25
NOMINAL = 1.6449  # standard deviations of a central 90 % interval

app = typer.Typer(add_completion=False)
Only = Annotated[str, typer.Option(help="One task alone, by name.")]
Out = Annotated[Path, typer.Option(help="The table.")]
Row = dict[str, object]


@app.callback(invoke_without_command=True)
def everything(context: typer.Context, out: Out = Path("results/experience.csv")) -> None:
    """All tables."""
    if context.invoked_subcommand is None:
        rows = [*pair_rows(""), *tfs_rows(""), *text_rows()]
        with out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        show(rows)


@app.command()
def pairs(only: Only = "") -> None:
    """Language pairs."""
    show(pair_rows(only))


@app.command()
def tfs_eval(only: Only = "") -> None:
    """The paper's records."""
    show(tfs_rows(only))


@app.command()
def texts() -> None:
    """Texts of language models."""
    show(text_rows())


def pair_rows(only: str) -> list[Row]:
    """Each pair by what the others teach."""
    return _left_out("pairs", PAIRS, METRICS, only)


def text_rows() -> list[Row]:
    """Each text by what the other teaches."""
    return _left_out("texts", TEXTS, ("test_bits_per_byte",), "")


def _left_out(table: str, tasks: Mapping[str, Sequence[str]], metrics: Sequence[str], only: str) -> list[Row]:
    known = {name: _collected(files) for name, files in tasks.items() if all(map(_there, files))}
    records = {name: records_of(name, each.observations)[0] for name, each in known.items()}
    asked = [(name, metric) for name in known if only in ("", name) for metric in metrics]
    rows: list[Row] = []
    with track(table, len(asked)) as meter:
        for done, (name, metric) in enumerate(asked):
            judged = known[name]
            others = tuple(record for each, record in records.items() if each != name)
            context = Context(judged.space, metric=metric, records=others, disjoint=True)
            truth = Labels.of(judged.observations, metric, judged.space)
            for cost in ("params", "flops"):
                said = create(cost, context=context).fit([]).predict(truth.population)
                rows.append(_row(table, name, metric, cost, 0, "", truth, said.mean, None))
            for knows, parts in (("", []), ("loss at 25 %", _quarters(judged))):
                predictor = create("experience", context=context).fit(parts)
                said = predictor.predict(truth.population)
                sign = context.quality.goodness(np.ones(1))[0]
                rows.append(_row(table, name, metric, "experience", 0, knows, truth, said.mean, said.std, sign))
            meter.update(done + 1, f"{name} {metric}")
    return rows


def _collected(files: Sequence[str]) -> ObservationSet:
    found = [load(each) for each in files]
    return replace(found[0], observations=tuple(item for each in found for item in each.observations), splits=())


def _there(name: str) -> bool:
    return name.removeprefix(REFERENCE_PREFIX) in reference_names()


def _quarters(judged: ObservationSet) -> list[Observation]:
    """What the trainings of a pair had told after a quarter."""
    found = []
    for item in judged.observations:
        loss = loss_at(item, QUARTER)
        if loss is not None:
            found.append(replace(item, metrics={LOSS: loss}, fidelity=QUARTER))
    return found


def tfs_rows(only: str) -> list[Row]:
    """The paper's tasks, each by what the two others teach."""
    known = {name: load(f"published:tfs-eval-{name}") for name in TASKS}
    records = {name: records_of(name, each.observations)[0] for name, each in known.items()}
    asked = [name for name in known if only in ("", name)]
    rows: list[Row] = []
    with track("TFS-Eval", len(asked)) as meter:
        for done, name in enumerate(asked):
            others = tuple(record for each, record in records.items() if each != name)
            for predictor, labels in (
                ("experience", 0),
                ("experience", 10),
                ("experience(scores=all)", 0),
                ("experience(scores=all)", 10),
                ("regression", 10),
                ("auto", 10),
            ):
                rows += _divisions(known[name], others, name, predictor, labels, disjoint=True)
            for labels in (0, 10):
                rows += _divisions(known[name], others, name, "experience", labels, disjoint=False)
            meter.update(done + 1, name)
    return rows


def _divisions(
    judged: ObservationSet, others: tuple[Record, ...], name: str, predictor: str, labels: int, *, disjoint: bool
) -> list[Row]:
    from foretell.predictors import Columns

    columns = Columns.of(judged.observations, "valid_bleu")
    context = Context(judged.space, metric="valid_bleu", records=others, disjoint=disjoint, columns=columns)
    rows = []
    for split in judged.splits:
        truth = Labels.of(split.test, "valid_bleu", judged.space)
        said = create(predictor, context=context).fit(split.train[:labels]).predict(truth.population)
        shown = predictor if disjoint else "experience, not disjoint"
        rows.append(
            _row("tfs-eval", f"{name} {split.name}", "valid_bleu", shown, labels, "", truth, said.mean, said.std)
        )
    return rows


def _row(
    table: str,
    task: str,
    metric: str,
    predictor: str,
    labels: int,
    knows: str,
    truth: Labels,
    mean: np.ndarray,
    std: np.ndarray | None,
    sign: float = 1.0,
) -> Row:
    better = np.asarray(metric_named(metric).goodness(truth.values))
    said = mean * sign
    tau = float(kendalltau(said, better).statistic)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(said), size=(1000, len(said)))
    low, high = np.nanpercentile([kendalltau(said[at], better[at]).statistic for at in drawn], [2.5, 97.5])
    error = np.abs(mean - truth.values)
    told: Row = {
        "table": table,
        "task": task,
        "metric": metric,
        "predictor": predictor,
        "labels": labels,
        "knows": knows,
    }
    told |= {
        "architectures": len(said),
        "tau": round(tau, 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
    }
    if std is not None:
        told |= {"mae": round(float(error.mean()), 3), "cover": round(float((error < NOMINAL * std).mean()), 3)}
    return told


def show(rows: Sequence[Row]) -> None:
    """Print rows and, by what was asked, their means."""
    for row in rows:
        print(
            *(
                f"{row.get(column, '')!s:>22}" if column == "predictor" else f"{row.get(column, '')!s:>13}"
                for column in COLUMNS[1:]
            )
        )
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in ("table", "metric", "predictor", "labels", "knows")), []).append(
            row
        )
    print("\nmeans")
    for key, each in groups.items():
        taus = [float(str(row["tau"])) for row in each]
        errors = [float(str(row["mae"])) for row in each if "mae" in row]
        tail = f"  MAE {np.mean(errors):.3f}" if errors else ""
        print(
            "  ".join(str(part) for part in key if part != ""),
            f": tau {np.mean(taus):.3f}, lowest {min(taus):.3f}{tail}",
        )


if __name__ == "__main__":
    app()
