"""The observations that come with foretell: what its own code trained, and what others published."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from foretell.errors import known_name

__all__ = [
    "PUBLISHED_PREFIX",
    "REFERENCE_PREFIX",
    "published_names",
    "reference_names",
    "reference_path",
    "shipped_path",
]

REFERENCE_PREFIX = "reference:"
"""Where a path of observations is expected, "reference:en-de" names those that come with the package."""

PUBLISHED_PREFIX = "published:"
"""And "published:nas-bench-201" names a table of others' measurements (`src/foretell/published/tables/NOTICE`)."""

_TABLE = ".csv.gz"


def reference_names() -> list[str]:
    """The names after the prefix: language pairs of the Home Assistant corpus."""
    folder = files("foretell") / "reference"
    return sorted(entry.name.removesuffix(".jsonl") for entry in folder.iterdir() if entry.name.endswith(".jsonl"))


def reference_path(name: str) -> Path:
    """The file of observations called `name`, with or without the prefix.

    Raises:
        UnknownNameError: There is none of that name.
    """
    short = known_name("reference benchmark", name.removeprefix(REFERENCE_PREFIX), reference_names())
    return Path(str(files("foretell") / "reference" / f"{short}.jsonl"))


def published_names() -> list[str]:
    """The names after the prefix of published tables."""
    folder = files("foretell") / "published" / "tables"
    return sorted(entry.name.removesuffix(_TABLE) for entry in folder.iterdir() if entry.name.endswith(_TABLE))


def shipped_path(name: str) -> Path | None:
    """The file that a name with a prefix stands for; None where it has none, and is a path of the user's.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name.startswith(REFERENCE_PREFIX):
        return reference_path(name)
    if not name.startswith(PUBLISHED_PREFIX):
        return None
    short = known_name("published table", name.removeprefix(PUBLISHED_PREFIX), published_names())
    return Path(str(files("foretell") / "published" / "tables" / f"{short}{_TABLE}"))
