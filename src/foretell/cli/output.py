"""What commands print: one JSON object for programs, or a table of at most 80 columns for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from foretell.display import plain

__all__ = ["WIDE", "JsonOption", "figure", "interval", "plain", "print_json", "print_table", "say"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


WIDE = 10
"""From here on one decimal is enough in a narrow column, in an interval at both of its ends, and two do not fit."""

# What `json.dumps` leaves as it is although a terminal would obey it, or no encoding can write it.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def print_json(value: Any) -> None:
    """Print one JSON object, and nothing else, on standard output."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    typer.echo(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def say(text: str, *, err: bool = False) -> None:
    """Print lines for people; whatever is quoted in them cannot steer the terminal."""
    typer.echo("\n".join(map(plain, text.split("\n"))), err=err)


def figure(value: float | None, digits: int = 3) -> str:
    """A number in a table; "-" where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def interval(ends: Sequence[float] | None) -> str:
    """Both ends of an interval, short enough to stand beside its figure; "-" where there is none."""
    if ends is None:
        return "-"
    digits = 2 if max(map(abs, ends)) < WIDE else 1
    low, high = (f"{end:.{digits}f}" for end in ends)
    return f"{low}{'-' if ends[0] >= 0 else ' '}{high}"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output; the first column is left-aligned, the others right-aligned."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(plain(title)), title_justify="left", box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    for index, name in enumerate(header):
        table.add_column(Text(plain(name)), justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    Console().print(table)
