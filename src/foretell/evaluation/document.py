"""An evaluation as one JSON object."""

from __future__ import annotations

import math
from typing import Any

from foretell.evaluation.metrics import MEASURES
from foretell.evaluation.row import Evaluation, Row

__all__ = ["to_json"]


def to_json(evaluation: Evaluation, *, details: bool = False) -> dict[str, Any]:
    """Rows and protocol as JSON values; what means nothing is null.

    Args:
        evaluation: The table.
        details: Also predicted against true values, and discordant pairs by true distance.
    """
    return {"rows": [_row(row, details) for row in evaluation.rows], "protocol": evaluation.protocol}


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
