"""`foretell supernet`: train a weight-sharing network, and score architectures with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.options import SpaceOption, StudyOption, study_from
from foretell.cli.output import JsonOption, print_json, print_table, say

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Train a supernet and score architectures with it.")
_Kind = Annotated[str | None, typer.Option("--kind", help="sandwich, or spos (single-path one-shot, as HAT).")]
_Updates = Annotated[int | None, typer.Option("--updates", min=1, help="Optimiser steps.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(_group, name="supernet")


@_group.command("train")
def _train(
    study: StudyOption = None,
    space: SpaceOption = None,
    kind: _Kind = None,
    updates: _Updates = None,
    as_json: JsonOption = False,
) -> None:
    """Train the study's supernet; it is kept for all runs with the same settings, and resumes by itself.

    Example: `foretell supernet train --kind spos`
    """
    from foretell.study import train_study_supernet

    chosen = study_from(study, space=space, supernet__kind=kind, supernet__recipe__updates=updates)
    folder, result = train_study_supernet(chosen)
    if as_json:
        print_json({"folder": str(folder), **result})
    else:
        say(f"validation loss {result['best_loss']:.3f} bits after {result['updates']:,} updates; {folder}")


@_group.command("score")
def _score(
    architectures: Annotated[Path, typer.Argument(help="An architecture YAML, or JSON lines of architectures.")],
    study: StudyOption = None,
    space: SpaceOption = None,
    kind: _Kind = None,
    updates: _Updates = None,
    as_json: JsonOption = False,
) -> None:
    """Score architectures by minus the supernet's validation loss (bits a token; higher is better).

    Example: `foretell supernet score architectures.jsonl --json`
    """
    from foretell.study import score_with_supernet

    chosen = study_from(study, space=space, supernet__kind=kind, supernet__recipe__updates=updates)
    found = score_with_supernet(chosen, architectures)
    if as_json:
        print_json({"scores": [{"architecture": a.to_dict(), "score": score} for a, score in found]})
    else:
        print_table("Supernet scores", ["architecture", "score"], [[a.key, f"{score:.4f}"] for a, score in found])
