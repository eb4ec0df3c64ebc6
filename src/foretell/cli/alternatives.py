"""A run of several limits: what it found under each, as text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.cli.network import next_of_network
from foretell.cli.output import print_json, print_table, say
from foretell.cli.report import draw_page
from foretell.metrics import REPORTED, metric_named

if TYPE_CHECKING:
    from foretell.study import StudyConfig

__all__ = ["parse_alternatives", "search_alternatives"]


def parse_alternatives(texts: list[str] | None) -> list[list[str]] | None:
    """Limits as `--alternative` has them, "latency<=5ms, params<=60%": one list for each; None where there is none."""
    return [[limit.strip() for limit in text.split(",") if limit.strip()] for text in texts] if texts else None


def search_alternatives(study: StudyConfig, out: Path | None, *, resume: bool, as_json: bool) -> bool:
    """Search under each alternative, and print and draw what was found; whether all of them are kept."""
    from foretell.study.alternatives import alternative_folders, run_alternatives

    result = run_alternatives(study, out, resume=resume)
    print_json(result) if as_json else _print(result)
    folder = out or Path("runs") / study.name
    page = draw_page(folder, alternative_folders(folder, result))
    if page is not None and not as_json:
        say(f"\nThe page of these runs: {page}")
    found = alternative_folders(folder, result)
    if found and not as_json:
        next_of_network(study.task, found[0])
    return all("result" in row and row["result"]["constraint_met"] for row in result["alternatives"])


def _print(result: Mapping[str, Any]) -> None:
    found = (row["result"]["reported"] for row in result["alternatives"] if "reported" in row.get("result", {}))
    reported = next(found, REPORTED)
    judged = [metric_named(name).label for name in reported]
    rows = [_row(row, reported) for row in result["alternatives"]]
    print_table(f"{result['name']}: a winner for each limit", ["", "limits", "", "params", *judged, "seconds"], rows)
    for row in result["alternatives"]:
        if "infeasible" in row:
            say(f"{row['alternative']}: {row['infeasible']}")


def _row(row: Mapping[str, Any], reported: Sequence[str]) -> list[str]:
    limits = ", ".join(row["limits"])
    if "infeasible" in row:
        return [str(row["alternative"]), limits, "none", "", *("" for _ in reported), ""]
    found = row["result"]
    winner = found["winner"]
    metrics = winner["metrics"]
    marks = [metric_named(name).format(metrics[name]) if name in metrics else "" for name in reported]
    kept = "kept" if found["constraint_met"] else "NOT kept"
    params = f"{winner['costs']['parameters']:,.0f}"
    return [str(row["alternative"]), limits, kept, params, *marks, f"{sum(found['stages'].values()):.0f}"]
