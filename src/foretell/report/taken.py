"""What a page gives to take away: the table behind hover labels and copy buttons, and commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.spaces import SearchSpace

__all__ = ["gene_places", "repeat_command", "rounded"]


def gene_places(space: SearchSpace) -> list[dict[str, Any]]:
    """Where each gene stands in a row, and the place of the gene that says how many layers are active."""
    places = {gene.name: place for place, gene in enumerate(space.genes)}
    return [
        {
            "name": gene.name,
            "start": space.columns(gene.name).start,
            "depth": None if gene.depth is None else places[gene.depth],
        }
        for gene in space.genes
    ]


def rounded(values: npt.NDArray[np.float64]) -> list[float | None]:
    """Numbers with six figures, as JSON has them; None for what means nothing."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]


def repeat_command(run: Path, command: str = "search") -> str:
    """What repeats a run, in the folder where it was started: paths in a study are relative to its file."""
    folder = run.as_posix()
    study, again = shlex.quote(f"{folder}/study.yaml"), shlex.quote(f"{folder}-again")
    return f"cp {study} repeat.yaml\nforetell {command} repeat.yaml --out {again}"
