"""What commands print: one JSON object for programs, or a table of at most 80 columns for people."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from foretell.display import plain

__all__ = [
    "WIDE",
    "JsonOption",
    "figure",
    "given_options",
    "interval",
    "next_step",
    "plain",
    "print_json",
    "print_table",
    "say",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


WIDE = 10
"""From here on one decimal is enough in a narrow column, in an interval at both of its ends, and two do not fit."""

_PROSE = 24
"""A column with a longer cell is of words, which may be broken; a shorter one is a number or a name."""

_BETWEEN = 2
"""Characters that a column takes beside its cells: its padding and the line before it, or the table's two edges."""

# What `json.dumps` leaves as it is although a terminal would obey it, or no encoding can write it.
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def print_json(value: Any) -> None:
    """Print one JSON object, and nothing else, on standard output."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    typer.echo(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def say(text: str, *, err: bool = False) -> None:
    """Print lines for people; whatever is quoted in them cannot steer the terminal."""
    typer.echo("\n".join(map(plain, text.split("\n"))), err=err)


def next_step(purpose: str, *words: object) -> None:
    """Name the command that goes on from here, as a shell takes it: the last line of what a command prints."""
    say(f"{purpose}: {shlex.join(['foretell', *map(str, words)])}")


def given_options(context: typer.Context, *names: str) -> list[str]:
    """Those options of a command that were given, as they would be written again.

    Args:
        context: Of the command.
        names: The parameters that are looked at, as the command's function calls them.
    """
    words = []
    for option in context.command.params:
        source = context.get_parameter_source(str(option.name)) if option.name in names else None
        if source is not None and source.name == "COMMANDLINE":
            words += [option.opts[0], str(context.params[str(option.name)])]
    return words


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
    """Print a table on standard output; numbers are right-aligned, names and words are not.

    What is wider than the terminal goes on below, behind the first column again: no number is cut in two.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    columns = [[Text(plain(cell)) for cell in column] for column in zip(header, *rows, strict=True)]
    widths = [max(cell.cell_len for cell in column) for column in columns]
    least = [min(width, _PROSE) for width in widths]
    for number, shown in enumerate(_parts(least, console.width)):
        fits = sum(least[index] + _BETWEEN for index in shown) <= console.width
        caption = Text(plain(title)) if number == 0 else None
        table = Table(title=caption, title_justify="left", box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
        for index in shown:
            whole = widths[index] <= _PROSE and (fits or index > 0)  # rather names are broken than numbers
            way: Literal["left", "right"] = "right" if index and whole else "left"
            table.add_column(columns[index][0], justify=way, overflow="fold", no_wrap=whole)
        for row in zip(*(columns[index][1:] for index in shown), strict=True):
            table.add_row(*row)
        console.print(table)


def _parts(widths: Sequence[int], room: int) -> list[list[int]]:
    """Which columns stand together in a room of so many characters; the first stands in front of all."""
    first, *others = [width + _BETWEEN for width in widths]
    parts: list[list[int]] = [[0]]
    used = first
    for index, width in enumerate(others, start=1):
        if used + width > room and len(parts[-1]) > 1:
            parts.append([0])
            used = first
        parts[-1].append(index)
        used += width
    return parts
