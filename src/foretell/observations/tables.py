"""Tables of observations: many architectures of one space in one small file, read without other packages.

The first line is `#foretell table` and a JSON object (format, name, space, metric, source, splits), the second names
the columns, each with its role (`gene:ffn0`, `cost:params`, `score:nwot`, `metric:glue`); the rest is CSV. Mostly
gzipped. Text keeps every published digit and is no larger than compressed numbers of full precision.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from foretell import spaces
from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.metrics import Metric, metric_from
from foretell.observations.collection import ObservationSet, Split
from foretell.observations.observation import GROUP, OWN_UNIT, Observation
from foretell.parsing import read_bytes
from foretell.records import write_atomic
from foretell.spaces import Gene, Population, Scalar, SearchSpace

__all__ = ["Column", "Table", "is_table", "number", "read_table", "write_table"]

_MAGIC = b"#foretell table "
_GZIP = b"\x1f\x8b"
_FORMAT = 1
_LARGEST = 2**28
"""Bytes of text that a table may have: a small gzipped file can be made to fill any memory."""

_ROLES = ("gene", "score", "cost", "metric", "about", "group")
_SCORE_OF = "score of "
_FAILED = "failed"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        role: "gene", "score" (in a unit of its own), "score of METRIC", "cost", "metric", "about", or "group".
        name: What it is called in observations.
        cells: Its values as text, one a row; empty where there is none.
    """

    role: str
    name: str
    cells: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Observations as columns of text.

    Attributes:
        name: Of the table, and of its space where that is a plain one.
        columns: All of equal length.
        metric: What is predicted where nobody says otherwise.
        space: The name of a space that comes with foretell, whose columns the genes are; None: one gene a column,
            with the values that stand there as its choices.
        task: What was trained for, in a word.
        source: Where the numbers come from: origin, licence, ...
        splits: Name to the rows of the train and of the test side.
    """

    name: str
    columns: tuple[Column, ...]
    metric: Metric
    space: str | None = None
    task: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, tuple[Sequence[int], Sequence[int]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns[0].cells)

    def of_role(self, role: str) -> list[Column]:
        """The columns of a role."""
        return [column for column in self.columns if column.role == role]

    def observations(self) -> ObservationSet:
        """What it says.

        Raises:
            InputError: A cell that is no number where one belongs, or values that are none of the space's.
        """
        space, rows = self._population()
        metrics, costs = self._numbers("metric"), self._numbers("cost")
        scores = self._scores()
        told = [(c.name if c.role == "about" else GROUP, c.cells) for c in self.columns if c.role in ("about", "group")]
        items = []
        for row, architecture in enumerate(space.architectures(rows)):
            about = {name: cells[row] for name, cells in told if cells[row]}
            failed = about.pop(_FAILED, "")
            items.append(
                Observation(
                    architecture,
                    {name: values[row] for name, values in metrics if not math.isnan(values[row])},
                    {name: values[row] for name, values in costs if not math.isnan(values[row])},
                    _nested(scores, row),
                    {**self.source, **({"task": self.task} if self.task else {}), **about},
                    failed=failed,
                )
            )
        found = tuple(
            Split(name, *(tuple(items[row] for row in side) for side in sides)) for name, sides in self.splits.items()
        )
        return ObservationSet(space, tuple(items), found, self.task, self.metric)

    def _population(self) -> tuple[SearchSpace, Population]:
        columns = self.of_role("gene")
        if self.space is not None:
            space = spaces.named(self.space)
            if len(columns) != space.width:
                raise IntegrityError(
                    f"the table {self.name} has {len(columns)} genes; {self.space} has {space.width} columns."
                )
            genes = [gene for gene in space.genes for _ in range(_width(space, gene))]
            return space, np.stack([_places(g, _values(c)) for g, c in zip(genes, columns, strict=True)], axis=1)
        values = [_values(column) for column in columns]
        genes = [Gene(c.name, tuple(sorted(set(v)))) for c, v in zip(columns, values, strict=True)]
        rows = np.stack([_places(gene, each) for gene, each in zip(genes, values, strict=True)], axis=1)
        return SearchSpace(genes, self.name), rows

    def _numbers(self, role: str) -> list[tuple[str, list[float]]]:
        return [(column.name, _floats(column)) for column in self.of_role(role)]

    def _scores(self) -> list[tuple[str, str, list[float]]]:
        """Name, metric or `OWN_UNIT`, and values of each score."""
        found = []
        for column in self.columns:
            if column.role == "score":
                found.append((column.name, OWN_UNIT, _floats(column)))
            elif column.role.startswith(_SCORE_OF):
                found.append((column.name, column.role.removeprefix(_SCORE_OF), _floats(column)))
        return found


def number(text: str) -> float:
    """A cell as a number.

    Raises:
        ValueError: It is none.
    """
    if "_" in text:  # Python reads 1_000 as a number, nobody's table does
        raise ValueError(text)
    return float(text)


def _width(space: SearchSpace, gene: Gene) -> int:
    columns = space.columns(gene.name)
    return columns.stop - columns.start


def _values(column: Column) -> list[Scalar]:
    """The values of a gene: whole numbers where all are, else numbers, else words."""
    try:
        numbers = [number(cell) for cell in column.cells]
    except ValueError:
        return list(column.cells)
    if not all(math.isfinite(each) for each in numbers):
        raise InputError(f"the gene {column.name} has a value that is not finite; mend it, or leave the row out.")
    whole = all(each.is_integer() and abs(each) < 2**53 for each in numbers)
    return [int(each) for each in numbers] if whole else list(numbers)


def _places(gene: Gene, values: Sequence[Scalar]) -> Population:
    places = {choice: place for place, choice in enumerate(gene.choices)}
    try:
        return np.array([places[value] for value in values], dtype=np.int16)
    except KeyError as error:
        raise IntegrityError(f"{error.args[0]!r} is no choice of {gene.name}; write the table again.") from None


def _floats(column: Column) -> list[float]:
    found = []
    for row, cell in enumerate(column.cells, 1):
        try:
            found.append(number(cell) if cell else math.nan)
        except ValueError:
            raise InputError(f"row {row}: {column.name} is {cell[:40]!r}; expected a number.") from None
    return found


def _nested(scores: Iterable[tuple[str, str, list[float]]], row: int) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, metric, values in scores:
        if not math.isnan(values[row]):
            found.setdefault(name, {})[metric] = values[row]
    return found


def is_table(path: Path) -> bool:
    """Whether a file is a table, gzipped or not; false where it cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
        if not start.startswith(_GZIP):
            return start == _MAGIC
        with gzip.open(path, "rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except (OSError, EOFError):
        return False


def read_table(path: Path | str) -> Table:
    """Read a table.

    Raises:
        InputError: No such file.
        IntegrityError: It is no table, of another format, or damaged.
    """
    path = Path(path)
    data = unpacked(read_bytes(path), path)
    try:
        lines = io.StringIO(data.decode("utf-8"), newline="")
        first = lines.readline()
        head = json.loads(first.removeprefix(_MAGIC.decode()))
        names, *rows = list(csv.reader(lines))
        parted = [name.partition(":") for name in names]
        if head["format"] != _FORMAT:
            raise IntegrityError(f"{path} has format {head['format']!r}; this version reads format {_FORMAT}.")
        if any(len(row) != len(names) for row in rows) or not rows:
            raise ValueError("a row has another number of cells than the header")
        if unknown := [role for role, _, _ in parted if role not in _ROLES and not role.startswith(_SCORE_OF)]:
            raise ValueError(f"the role {unknown[0]!r}")
        cells = list(zip(*rows, strict=True))
        columns = tuple(Column(role, name, each) for (role, _, name), each in zip(parted, cells, strict=True))
        splits = {str(name): (sides[0], sides[1]) for name, sides in head["splits"].items()}
        return Table(
            head["name"], columns, metric_from(head["metric"]), head["space"], head["task"], head["source"], splits
        )
    except ForetellError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, csv.Error, RecursionError) as error:
        raise IntegrityError(f"{path} is no table of observations ({error}); write or import it again.") from error


def unpacked(data: bytes, path: Path) -> bytes:
    """The bytes of a file that may be gzipped.

    Raises:
        IntegrityError: The archive is damaged, or holds more than any table has.
    """
    if not data.startswith(_GZIP):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(_LARGEST + 1)
    except (OSError, EOFError) as error:
        raise IntegrityError(f"{path} is a damaged gzip file ({error}); get it again.") from error
    if len(found) > _LARGEST:
        raise IntegrityError(f"{path} holds more than {_LARGEST >> 20} MiB of text; split it.")
    return found


def write_table(path: Path | str, table: Table) -> None:
    """Write a table, gzipped, atomically; the same table gives the same bytes.

    Raises:
        StorageError: The disk refused.
    """
    head = {
        "format": _FORMAT,
        "name": table.name,
        "space": table.space,
        "task": table.task,
        "metric": table.metric.to_dict(),
        "source": dict(table.source),
        "splits": {name: [list(train), list(test)] for name, (train, test) in table.splits.items()},
    }
    text = io.StringIO()
    text.write(_MAGIC.decode() + json.dumps(head, ensure_ascii=False, allow_nan=False) + "\n")
    out = csv.writer(text, lineterminator="\n")
    out.writerow([f"{column.role}:{column.name}" for column in table.columns])
    out.writerows(zip(*(column.cells for column in table.columns), strict=True))
    write_atomic(Path(path), gzip.compress(text.getvalue().encode("utf-8"), mtime=0))
