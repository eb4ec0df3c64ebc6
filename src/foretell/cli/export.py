"""`foretell export`: a trained language model or classifier for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from foretell.cli.network import next_of_run
from foretell.cli.output import JsonOption, print_json, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("export")(_export)


def _export(
    run: Annotated[Path, typer.Argument(help="A run of search or shrink, a folder of train, a pretrained model.")],
    to: Annotated[
        str,
        typer.Option("--to", metavar="TARGET,...", help="hf (transformers), gguf (llama.cpp), onnx; by commas."),
    ],
    weights: Annotated[
        Literal["f32", "f16", "bf16", "q8_0"],
        typer.Option("--weights", case_sensitive=False, help="Type of the weights; ONNX: f32; q8_0: GGUF alone."),
    ] = "f32",
    out: Annotated[Path | None, typer.Option("--out", help="Folder with one for each target; RUN/exported.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a trained language model or classifier as a Hugging Face folder, a GGUF (language models) or an ONNX file.

    Example: `foretell export runs/home-assistant-python --to hf,gguf`
    """
    from foretell.study import export_network

    folder = out or (run if run.is_dir() else Path()) / "exported"
    found = {
        target: export_network(run, target, folder / target, weights)
        for target in dict.fromkeys(to.lower().replace(" ", "").split(","))
    }
    if as_json:
        print_json({target: [str(path) for path in paths] for target, paths in found.items()})
        return
    for target, paths in found.items():
        say(f"{target}: {folder / target} ({sum(path.stat().st_size for path in paths) / 1e6:.1f} MB)")
    next_of_run(run)
