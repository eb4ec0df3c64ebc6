"""Values that would hide the others if they counted in full."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["clip_outliers"]

_REACH = 3.0
_SIGMA = 1.4826
"""Of a normal distribution, its standard deviation over its median absolute deviation."""


def clip_outliers(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values `[n]` no further from their median than three robust deviations; as they are where most are equal."""
    middle = np.median(values)
    reach = _REACH * _SIGMA * float(np.median(np.abs(values - middle)))
    return np.clip(values, middle - reach, middle + reach) if reach > 0 else values
