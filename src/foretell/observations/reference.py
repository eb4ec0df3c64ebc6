"""The observations that come with foretell: architectures of the small space, trained by its own code."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from foretell.errors import UnknownNameError

__all__ = ["REFERENCE_PREFIX", "reference_names", "reference_path"]

REFERENCE_PREFIX = "reference:"
"""Where a path of observations is expected, "reference:en-de" names those that come with the package."""


def reference_names() -> list[str]:
    """The names after the prefix: language pairs of the Home Assistant corpus."""
    folder = files("foretell") / "reference"
    return sorted(entry.name.removesuffix(".jsonl") for entry in folder.iterdir() if entry.name.endswith(".jsonl"))


def reference_path(name: str) -> Path:
    """The file of observations called `name`, with or without the prefix.

    Raises:
        UnknownNameError: There is none of that name.
    """
    short = name.removeprefix(REFERENCE_PREFIX)
    if short not in reference_names():
        raise UnknownNameError("reference benchmark", short, reference_names())
    return Path(str(files("foretell") / "reference" / f"{short}.jsonl"))
