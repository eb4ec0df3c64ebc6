"""`foretell reproduce`: the paper's tables beside what its method, and ours, give here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.label import LlmOption, use_llm
from foretell.cli.output import JsonOption, figure, next_step, print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from foretell.evaluation import Row

__all__ = ["register"]

_OURS = ("constant", "depth", "regression", "experience", "experience(scores=all)", "auto")
_LABELS = 10

_Table = Annotated[str, typer.Argument(help="table-1 (predictors), or table-2, table-3, table-4 (searches).")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reproduce")(_reproduce)


def _reproduce(table: _Table = "table-1", llm: LlmOption = "", as_json: JsonOption = False) -> None:
    """Set the tables of arXiv 2310.16712 beside what can be computed here.

    Table 1 is computed anew from the published labels, offline and in a minute: its supernets to two decimals, and
    beside them the predictors of this package on the same ten labels. With --llm a language model is asked as LLM-PP
    was. Searches on WMT need its corpora, eight GPUs and weeks; of those tables the paper's figures are shown with the
    command that runs the same comparison on a small corpus.

    Examples:
    `foretell reproduce table-1`

    `foretell reproduce table-1 --llm local:gemma-3-270m`

    `foretell reproduce table-2`
    """
    from foretell.errors import known_name
    from foretell.published.paper_tables import SEARCH_TABLES

    table = known_name("table", table, ["table-1", *SEARCH_TABLES])
    if table == "table-1":
        use_llm(llm)
        _table_1(bool(llm), as_json)
    else:
        _search_table(table, as_json)


def _table_1(asks: bool, as_json: bool) -> None:
    from foretell.evaluation import evaluate
    from foretell.observations import load
    from foretell.published.paper_tables import TABLE_1, TASKS

    same = list(dict.fromkeys(row.ours for row in TABLE_1 if row.ours and (asks or row.ours != "llm")))
    names = [*same, *_OURS]
    found: dict[str, list[Row]] = {}
    for task in TASKS:
        result = evaluate(load(f"published:tfs-eval-{task}"), names, trivial=False, demonstrations=[_LABELS], draws=1)
        for judged in result.rows:
            found.setdefault(judged.predictor, []).append(judged)
    told: list[dict[str, Any]] = [
        {"predictor": row.name, "from": "paper", "mae": list(row.mae), "tau": list(row.tau)} for row in TABLE_1
    ]
    told += [{"predictor": name, "from": "here", **_values(rows)} for name, rows in found.items()]
    if as_json:
        print_json({"table": "table-1", "tasks": list(TASKS), "labels": _LABELS, "rows": told})
        return
    beside = {row.ours: [each for each in told if each["predictor"] == row.ours] for row in TABLE_1 if row.ours}
    lines = []
    for row in told:
        if row["from"] == "paper":
            ours = next(each.ours for each in TABLE_1 if each.name == row["predictor"])
            lines.append(_cells(f"{row['predictor']}, paper", row))
            if ours != "llm":
                lines += [_cells("  here", each) for each in beside.get(ours, [])]
    lines += [_cells(row["predictor"], row) for row in told if row["from"] == "here" and _is_new(row["predictor"])]
    header = ["MAE / tau", *TASKS.values(), "mean"]
    print_table("Table 1: valid BLEU of 20 architectures from 10 labels, three divisions", header, lines)
    say("experience learns from the two other tasks as well, not from labels of the 20; its designers knew these data")
    if not asks:
        say("LLM-PP is asked anew with --llm MODEL (see foretell llm --help)")
    next_step(
        "One task, with what chance does to it", "evaluate", "--observations", f"published:tfs-eval-{next(iter(TASKS))}"
    )


def _values(rows: Sequence[Row]) -> dict[str, list[float | None]]:
    found = {key: [each.values[key] for each in rows] for key in ("mae", "tau")}
    return {key: [value if math.isfinite(value) else None for value in each] for key, each in found.items()}


def _is_new(name: str) -> bool:
    return name == "llm" or not name.startswith("column:")


def _cells(name: str, row: dict[str, Any]) -> list[str]:
    pairs = list(zip(row["mae"], row["tau"], strict=True))
    pairs.append((_mean(row["mae"]), _mean(row["tau"])))
    return [name, *(f"{figure(mae, 2)} / {figure(tau, 2)}" for mae, tau in pairs)]


def _mean(values: Sequence[float | None]) -> float:
    """Of all; NaN where one is missing."""
    return sum(math.nan if value is None else value for value in values) / len(values)


def _search_table(name: str, as_json: bool) -> None:
    from foretell.published.paper_tables import SEARCH_TABLES

    table = SEARCH_TABLES[name]
    keys = ("test_bleu", "latency_ms", "gflops", "parameters_millions", "hours")
    if as_json:
        rows = [{"row": row, **dict(zip(keys, values, strict=True))} for row, values in table.rows.items()]
        print_json({"table": name, "about": table.about, "from": "paper", "rows": rows})
        return
    header = ["paper", "test BLEU", "ms (V100)", "GFLOPs", "M parameters", "hours"]
    print_table(f"{name}: {table.about}", header, [[row, *map(str, values)] for row, values in table.rows.items()])
    say(
        "not computed here: the winners' genes are not published, and WMT's corpora with HAT's recipe take days on "
        "eight GPUs (docs/how-to/gpu-and-wmt.md)"
    )
    next_step("The same methods on a small corpus", "search", "--compare", "hat,hs-nas")
