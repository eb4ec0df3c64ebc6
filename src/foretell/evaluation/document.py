"""An evaluation as one JSON object, or as CSV."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from foretell.evaluation.metrics import MEASURES
from foretell.evaluation.row import Evaluation, Row

__all__ = ["to_csv", "to_json"]


def to_json(evaluation: Evaluation, *, details: bool = False) -> dict[str, Any]:
    """Rows and protocol as JSON values; what means nothing is null.

    Args:
        evaluation: The table.
        details: Also predicted against true values, and discordant pairs by true distance.
    """
    return {"rows": [_row(row, details) for row in evaluation.rows], "protocol": evaluation.protocol}


def to_csv(evaluation: Evaluation, command: str) -> str:
    """Rows as CSV that the same command prints again to the last digit: figures, no times.

    Args:
        evaluation: The table.
        command: Stands in the first line, after "# ".
    """
    file = io.StringIO()
    file.write(f"# {' '.join(command.split())}\n")
    table = csv.writer(file, lineterminator="\n")
    ends = ("", "_low", "_high")
    table.writerow(["predictor", "demonstrations", "labels", *(key + end for key in MEASURES for end in ends)])
    for row in evaluation.rows:
        figures = [x for key in MEASURES for x in (row.values[key], *(row.intervals[key] or (math.nan, math.nan)))]
        cells = ["" if math.isnan(x) else f"{x:.4f}" for x in figures]
        table.writerow([row.predictor, row.demonstrations, row.labels, *cells])
    return file.getvalue()


def _row(row: Row, details: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"predictor": row.predictor}
    for key in MEASURES:
        document[key] = _number(row.values[key])
        document[f"{key}_sd"] = _number(row.deviations[key])
        found = row.intervals[key]
        document[f"{key}_ci"] = None if found is None else list(found)
    document |= {
        "labels": row.labels,
        "demonstrations": row.demonstrations,
        "seconds": row.seconds,
        "dollars": row.dollars,
        "abstained": row.abstained,
        "label_noise": row.label_noise,
        "note": row.note,
        "splits": {name: {key: _number(v) for key, v in each.items()} for name, each in row.by_split.items()},
        "difference": {
            key: {"value": _number(value), "ci": None if found is None else list(found)}
            for key, (value, found) in row.differences.items()
        },
    }
    return document | (_details(row) if details else {})


def _details(row: Row) -> dict[str, Any]:
    wrong = row.discordance()
    return {
        "points": {
            name: {"predicted": [_number(v) for v in each.mean.tolist()], "true": each.truth.tolist()}
            for name, each in zip(row.by_split, row.judged, strict=True)
        },
        "discordant": None
        if wrong is None
        else {"distance": wrong.distance.tolist(), "count": wrong.count.tolist(), "cdf": wrong.cdf.tolist()},
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
