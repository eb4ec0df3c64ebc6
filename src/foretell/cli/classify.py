"""`foretell classify`: which class a trained classifier says that texts have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.output import JsonOption, plain, print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("classify")(_classify)


def _classify(
    run: Annotated[Path, typer.Argument(help="A run of search or shrink, or a folder of train.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="What to classify.")] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many classes of each text, the likeliest first.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Tell the classes of texts with a trained network; without texts, of the lines of standard input.

    Example: `foretell classify runs/language-id "Die Verbindung ist fehlgeschlagen" --top 3`
    """
    from foretell.errors import InputError
    from foretell.study import classify_texts

    try:
        given = texts or [line.rstrip("\n") for line in sys.stdin]
    except UnicodeDecodeError as error:
        raise InputError("standard input is not UTF-8 text; convert it to UTF-8.") from error
    found = [[{"label": label, "probability": p} for label, p in each[:top]] for each in classify_texts(run, given)]
    if as_json:
        print_json({"classes": [{"text": text, "likeliest": each} for text, each in zip(given, found, strict=True)]})
        return
    for text, each in zip(given, found, strict=True):
        said = ", ".join(f"{answer['label']} {answer['probability']:.2f}" for answer in each)
        typer.echo(f"{plain(said)}\t{plain(text)}")
