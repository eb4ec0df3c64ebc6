"""`foretell generate`: what a trained language model writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.output import JsonOption, plain, print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("generate")(_generate)


def _generate(
    run: Annotated[Path, typer.Argument(help="A run of search or shrink, a folder of train, a pretrained model.")],
    prompt: Annotated[str, typer.Argument(help="What to write on from; empty is the beginning of a document.")] = "",
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Most tokens to write.")] = 64,
    samples: Annotated[int, typer.Option("--samples", min=1, help="How many texts.")] = 1,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="0 is greedy.")] = 0.8,
    top_k: Annotated[int, typer.Option("--top-k", min=0, help="Only the so many likeliest tokens; 0: all.")] = 0,
    top_p: Annotated[float, typer.Option("--top-p", help="Only the likeliest that have this probability.")] = 0.95,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write text with a trained language model, on from a prompt.

    Examples: `foretell generate runs/home-assistant-python "def setup(" --temperature 0`,
    `foretell generate local:smollm2-135m "def setup("`
    """
    from foretell.study import generate_texts

    options = {"samples": samples, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    found = generate_texts(run, prompt, tokens, **options)
    if as_json:
        print_json({"prompt": prompt, "texts": found})
        return
    for text in found:
        for line in (prompt + text).split("\n"):
            typer.echo(plain(line))
