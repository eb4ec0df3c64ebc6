"""How good a predictor is on labels that it has not seen when it predicts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.evaluation.metrics import Judged, figures
from foretell.predictors import Prediction

__all__ = ["unseen_row"]

Vector = npt.NDArray[np.float64]


def unseen_row(name: str, said: Vector, truth: Vector, *, in_unit: bool = True) -> dict[str, Any]:
    """A predictor's row: mean absolute error and Kendall's tau; an order that means nothing is 0.

    Args:
        name: Of the predictor.
        said: What it said of each label without having seen it, in goodness, `[n]`.
        truth: The labels, in goodness, `[n]`.
        in_unit: Whether it speaks in the labels' unit; else there is no error.
    """
    judged = Judged.of(Prediction(said), truth, np.zeros(len(truth), dtype=np.int64), calibrated=in_unit)
    found = figures(judged)
    # Means that each leave one label out stand in the labels' reverse order by construction.
    tau = 0.0 if name == "constant" or np.isnan(found["tau"]) else found["tau"]
    return {"predictor": name, "mae": found["mae"] if in_unit else None, "kendall_tau": tau}
