"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["amount", "count", "duration", "money", "number", "short", "span"]

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(value: float | None) -> str:
    """A whole number with separators; a dash for none."""
    return "–" if value is None else f"{value:,.0f}"


def amount(value: float | None) -> str:
    """A cost of any size: whole where it is a count or large, else three figures; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value.is_integer() else f"{value:.3g}"


def short(value: float | None) -> str:
    """Three figures and a unit: "6.32 M"."""
    if value is None:
        return "–"
    for size, unit in _UNITS:
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def number(value: float | None, digits: int = 2) -> str:
    """A decimal number; a dash for none or what means nothing."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def span(ends: Sequence[float] | None, digits: int = 2) -> str:
    """An interval; a dash for none."""
    return "–" if ends is None else f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}"


def duration(seconds: float) -> str:
    """Seconds as "8.4 s", "9 min 52 s" or "3 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def money(dollars: float | None) -> str:
    """Dollars; nothing is free that has no known price."""
    if dollars is None:
        return "unknown"
    return "$0" if dollars == 0 else f"${dollars:,.4f}" if dollars < 1 else f"${dollars:,.2f}"
