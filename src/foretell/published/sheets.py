"""CSV files as they come: plain or gzipped, whatever separates their cells."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foretell.errors import InputError
from foretell.observations.tables import number, unpacked
from foretell.parsing import check_kind, read_bytes

__all__ = ["Sheet", "is_number", "read_sheet"]

_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Sheet:
    """A CSV file, read.

    Attributes:
        columns: Name to cells, stripped, in the file's order.
        lines: The line of each row in the file.
        name: What it is called in messages.
    """

    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]
    name: str


def read_sheet(path: Path | str) -> Sheet:
    """The cells of a CSV file: separated by commas, semicolons, tabs or bars; UTF-8, or UTF-16 with its mark.

    Raises:
        InputError: It is no such file, has no header, a name twice, or rows of different lengths.
    """
    path = Path(path)
    text = _decoded(unpacked(read_bytes(path), path), path)
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows, lines = [], []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}; expected CSV: mend that line.") from error
    if len(rows) < 3:
        raise InputError(f"{path} has {max(len(rows) - 1, 0)} rows below its header; expected at least 2.")
    header, *rows = rows
    _check_header(header, path)
    for line, row in zip(lines[1:], rows, strict=True):
        if len(row) != len(header):
            raise InputError(f"{path}, line {line} has {len(row)} cells; the header has {len(header)}: mend that line.")
    cells = zip(*rows, strict=True)
    return Sheet(dict(zip(header, cells, strict=True)), lines[1:], str(path))


def _decoded(data: bytes, path: Path) -> str:
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        check_kind(data, path, "a table as text, such as CSV")
        raise InputError(f"{path} is not UTF-8 text ({error.reason}, byte {error.start}); save it as UTF-8.") from error
    if "\0" in text:
        raise InputError(f"{path} holds NUL characters (UTF-16 without its mark?); save it as UTF-8.")
    return text


def _check_header(header: Sequence[str], path: Path) -> None:
    if len(header) < 2:
        raise InputError(f"{path} has the one column {header[0][:40]!r}; expected columns separated by commas.")
    if numeric := [name for name in header if is_number(name)]:
        raise InputError(
            f"the first line of {path} holds {numeric[0]}, so it is no header; expected names such as g_layers in it: "
            "add a line of names."
        )
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise InputError(f"{path} has {header.count(twice[0])} columns called {twice[0]!r}; rename all but one.")
    if "" in header:
        raise InputError(f"{path} has a column without a name (number {header.index('') + 1}); name it or take it out.")


def is_number(cell: str) -> bool:
    """Whether a cell is a number, not a word."""
    try:
        number(cell)
    except ValueError:
        return False
    return True
