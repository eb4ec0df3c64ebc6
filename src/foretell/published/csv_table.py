"""Anyone's CSV file as a table of observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path

from foretell.errors import InputError, UnknownNameError
from foretell.metrics import BUILT_IN, Metric, metric_from, metric_named
from foretell.observations.tables import Column, Table, number
from foretell.published.sheets import Sheet, is_number, read_sheet

__all__ = ["Imported", "import_csv", "table_from"]

_BY_NAME: Mapping[str, tuple[str, ...]] = {
    "gene": ("g_*",),
    "input": ("x_*",),
    "score": ("zc_*",),
    "cost": ("hw_*", "params*", "flops*"),
}
"""What a column is by its name; every other one is an outcome and never looked at by a predictor."""

_PREFIXES = ("g_", "x_", "zc_", "hw_")
_MISSING = ("", "na", "n/a", "null", "none", "-", "?")
_LARGEST = 1e30
_MOST_WORDS = 100
"""A gene of words that has more of them, and in more than half of the rows others, is a name and no gene."""


@dataclass
class Imported:
    """A table, and what was done with the file on the way, in sentences for the user."""

    table: Table
    remarks: list[str] = field(default_factory=list)


def import_csv(
    path: Path | str,
    metric: str,
    *,
    genes: Sequence[str] | None = None,
    scores: Sequence[str] | None = None,
    costs: Sequence[str] | None = None,
    group: str | None = None,
) -> Imported:
    """Read a CSV file, plain or gzipped, as a table of observations.

    Args:
        path: The file. Its first line names the columns.
        metric: The column to predict and which way is better: "val_loss:min".
        genes: Columns, or patterns such as "layer_*", that are genes; None: `g_*`. Columns `x_*` are inputs beside
            them: known before training, but no choice.
        scores: Those that are scores in a unit of their own, higher for better ones; None: `zc_*`.
        costs: Those that are costs; None: `hw_*`, `params*` and `flops*`.
        group: The column that says which rows must not stand on both sides of a split; None: where there are inputs,
            the genes without them.

    Raises:
        InputError: The file cannot be read as a table; one sentence says where and why.
        UnknownNameError: A column that is not there.
    """
    sheet = read_sheet(path)
    name, quality = Path(path).name.partition(".")[0] or "table", _metric(metric, sheet)
    return table_from(sheet, name, quality, genes=genes, scores=scores, costs=costs, group=group)


def _metric(spelled: str, sheet: Sheet) -> Metric:
    name, _, way = spelled.rpartition(":")
    if way in ("min", "max") and name:
        _check_column(name, sheet, "metric")
        return metric_from(spelled)
    _check_column(spelled, sheet, "metric")
    base = spelled.partition("_")[2] or spelled
    if spelled.lower() not in BUILT_IN and base.lower() not in BUILT_IN:
        raise InputError(
            f"the metric {spelled} does not say which way is better; write {spelled}:min or {spelled}:max."
        )
    return metric_named(spelled)


def _check_column(name: str, sheet: Sheet, kind: str) -> None:
    if name not in sheet.columns:
        raise UnknownNameError(kind, name, sheet.columns, sheet.name)


def table_from(
    sheet: Sheet,
    name: str,
    metric: Metric,
    *,
    genes: Sequence[str] | None = None,
    scores: Sequence[str] | None = None,
    costs: Sequence[str] | None = None,
    group: str | None = None,
    task: str = "",
    source: Mapping[str, str] | None = None,
) -> Imported:
    """A sheet as a table; see `import_csv`.

    Raises:
        InputError: A cell that makes no sense; one sentence names its line.
        UnknownNameError: A column that is not there.
    """
    if group is not None:
        _check_column(group, sheet, "group")
    roles = _roles(sheet, metric.key, {"gene": genes, "score": scores, "cost": costs, "input": None}, group)
    remarks: list[str] = []
    kept = _kept(sheet, metric.key, remarks)
    cells = {column: [sheet.columns[column][row] for row in kept] for column in sheet.columns}
    lines = [sheet.lines[row] for row in kept]
    columns: list[Column] = []
    for column, role in roles.items():
        if role in ("gene", "input"):
            columns.append(Column("gene", _short(column), _gene(column, cells[column], lines, sheet)))
            if len(set(cells[column])) == 1:
                remarks.append(f"{column} is {cells[column][0]} in every row and says nothing.")
        elif role != "outcome":
            values = _numbers(column, cells[column], lines, sheet, remarks)
            columns.append(Column(role, _short(column), values))
    _check_twice(columns, sheet)
    columns.append(_labels(metric.key, cells[metric.key], lines, sheet))
    failed = _failed(metric.key, cells[metric.key])
    if all(failed):
        raise InputError(f"{sheet.name}: no row has a {metric.key} that is a finite number; expected one at least.")
    if any(failed):
        columns.append(Column("about", "failed", failed))
        remarks.append(
            f"{sum(map(bool, failed))} rows whose {metric.key} is no finite number count as failed trainings."
        )
    columns += _outcomes(roles, metric.key, cells)
    if (together := _groups(roles, cells, group)) is not None:
        columns.append(Column("group", "", together))
    _tell_repeats(columns, cells[metric.key], remarks)
    return Imported(Table(name, tuple(columns), metric, task=task, source=source or {}), remarks)


def _roles(sheet: Sheet, metric: str, asked: Mapping[str, Sequence[str] | None], group: str | None) -> dict[str, str]:
    """Each column's role, "outcome" where it has no other."""
    roles: dict[str, str] = {}
    for role, patterns in asked.items():
        for pattern in _BY_NAME[role] if patterns is None else patterns:
            found = [column for column in sheet.columns if fnmatchcase(column, pattern)]
            if not found and patterns is not None:
                raise UnknownNameError("column", pattern, sheet.columns, sheet.name)
            for column in found:
                explicit = patterns is not None
                if explicit and roles.get(column, role) != role and asked[roles[column]] is not None:
                    raise InputError(f"{column} is asked for as a {roles[column]} and as a {role}; say which it is.")
                if explicit or column not in roles:
                    roles[column] = role
    if metric in roles and any(p is not None and metric in p for p in asked.values()):
        raise InputError(f"{metric} is the metric and cannot be a {roles[metric]} as well; take it out of one of them.")
    roles = {column: role for column, role in roles.items() if column not in (metric, group)}
    if "gene" not in roles.values():
        raise InputError(
            f"{sheet.name} has no gene: no column is called g_..., and none was chosen; name them with --genes."
        )
    return {column: roles.get(column, "outcome") for column in sheet.columns if column != group}


def _kept(sheet: Sheet, metric: str, remarks: list[str]) -> list[int]:
    """Rows that have a label and are not the same line again."""
    labels = sheet.columns[metric]
    kept = [row for row, label in enumerate(labels) if label.lower() not in _MISSING]
    if len(kept) < len(labels):
        remarks.append(f"{len(labels) - len(kept)} rows without {metric} are left out.")
    distinct = list({tuple(cells[row] for cells in sheet.columns.values()): row for row in reversed(kept)}.values())
    if len(distinct) < len(kept):
        remarks.append(f"{len(kept) - len(distinct)} rows that stand there twice, word for word, count once.")
    if len(distinct) < 2:
        raise InputError(f"{sheet.name} has {len(distinct)} rows with {metric}; at least 2 are needed: label more.")
    return sorted(distinct)


def _short(column: str) -> str:
    """A column's name without the prefix that says what it is."""
    for prefix in _PREFIXES:
        if column.startswith(prefix) and len(column) > len(prefix):
            return column.removeprefix(prefix)
    return column


def _check_twice(columns: Sequence[Column], sheet: Sheet) -> None:
    for (role, name), times in Counter((column.role, column.name) for column in columns).items():
        if times > 1:
            raise InputError(f"{sheet.name} has {times} {role}s called {name} without their prefixes; rename one.")


def _gene(column: str, cells: Sequence[str], lines: Sequence[int], sheet: Sheet) -> list[str]:
    for line, cell in zip(lines, cells, strict=True):
        if not cell:
            raise InputError(
                f"{sheet.name}, line {line}: the gene {column} has no value; fill it in or leave the row out."
            )
    different = len(set(cells))
    if different > _MOST_WORDS and different > len(cells) / 2 and not all(map(is_number, cells)):
        raise InputError(
            f"the gene {column} has {different:,} different words in {len(cells):,} rows, so it is a name, no choice; "
            "leave it out (--genes says which columns are genes)."
        )
    for line, cell in zip(lines, cells, strict=True):
        if is_number(cell) and not abs(number(cell)) < 2**53:
            raise InputError(
                f"{sheet.name}, line {line}: the gene {column} is {cell}; expected a number below 2**53 (9e15)."
            )
    return list(cells)


def _numbers(column: str, cells: Sequence[str], lines: Sequence[int], sheet: Sheet, remarks: list[str]) -> list[str]:
    """Numbers as they were written; empty where there is none."""
    found, lost = [], 0
    for line, cell in zip(lines, cells, strict=True):
        missing = cell.lower() in _MISSING
        if not missing and not is_number(cell):
            raise InputError(f"{sheet.name}, line {line}: {column} is {cell[:40]!r}; expected a number.")
        usable = not missing and abs(number(cell)) <= _LARGEST
        lost += not missing and not usable
        found.append(cell if usable else "")
    if lost:
        remarks.append(f"{lost} values of {column} that are not finite, or above {_LARGEST:g}, count as missing.")
    return found


def _labels(metric: str, cells: Sequence[str], lines: Sequence[int], sheet: Sheet) -> Column:
    for line, cell in zip(lines, cells, strict=True):
        if not is_number(cell):
            raise InputError(f"{sheet.name}, line {line}: the metric {metric} is {cell[:40]!r}; expected a number.")
    return Column("metric", metric, [cell if abs(number(cell)) <= _LARGEST else "" for cell in cells])


def _failed(metric: str, cells: Sequence[str]) -> list[str]:
    return ["" if abs(number(cell)) <= _LARGEST else f"the metric {metric} is {cell}" for cell in cells]


def _outcomes(roles: Mapping[str, str], metric: str, cells: Mapping[str, Sequence[str]]) -> Iterator[Column]:
    """What else was measured: numbers as metrics, words as what is told about a row."""
    for column, role in roles.items():
        if role == "outcome" and column != metric:
            values = ["" if cell.lower() in _MISSING else cell for cell in cells[column]]
            if not all(map(is_number, filter(None, values))):
                yield Column("about", column if column not in ("failed", "group") else f"{column}_", values)
            elif any(values):
                known = [cell if cell and abs(number(cell)) <= _LARGEST else "" for cell in values]
                yield Column("metric", column, known)


def _groups(roles: Mapping[str, str], cells: Mapping[str, Sequence[str]], group: str | None) -> list[str] | None:
    if group is not None:
        rows = count(1)
        return [cell or f"row {next(rows)}" for cell in cells[group]]
    if "input" not in roles.values():
        return None
    genes = [cells[column] for column, role in roles.items() if role == "gene"]
    return [", ".join(row) for row in zip(*genes, strict=True)]


def _tell_repeats(columns: Sequence[Column], labels: Sequence[str], remarks: list[str]) -> None:
    by_genes: dict[tuple[str, ...], set[str]] = {}
    for genes, label in zip(zip(*(c.cells for c in columns if c.role == "gene"), strict=True), labels, strict=True):
        by_genes.setdefault(genes, set()).add(label)
    several = sum(len(found) > 1 for found in by_genes.values())
    if several:
        remarks.append(
            f"{several} architectures stand in several rows with different labels: repeated trainings, whose mean "
            "counts."
        )
