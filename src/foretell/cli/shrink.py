"""`foretell shrink`: a pretrained language model made to fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from foretell.cli.network import next_of_network
from foretell.cli.options import OutOption, ResumeOption
from foretell.cli.output import JsonOption, figure, print_json, print_table, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("shrink")(_shrink)


def _shrink(
    model: Annotated[
        str,
        typer.Argument(
            help="local:NAME, a Hugging Face folder, a GGUF file or a name of the hub; or the study.yaml of a run."
        ),
    ],
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text", help="Your text: files, folders, or a corpus of foretell's; may be given several times."
        ),
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option("--constraint", "-c", help='A limit such as "params<=70%"; may be given several times.'),
    ] = None,
    heal: Annotated[int | None, typer.Option("--heal", min=0, help="Updates of distillation from the parent.")] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TARGET,...", help="hf (transformers), gguf (llama.cpp); by commas.")
    ] = None,
    uniform: Annotated[bool, typer.Option("--uniform", help="Keep all layers alike: every runtime loads it.")] = False,
    weights: Annotated[
        Literal["f32", "f16", "bf16", "q8_0"] | None, typer.Option("--weights", help="Type of the weights; q8_0: gguf.")
    ] = None,
    block: Annotated[int | None, typer.Option("--block", help="Tokens that are read at a time.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of everything random.")] = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find the part of a pretrained language model that keeps a limit and loses least, heal it, and export it.

    Example: `foretell shrink local:smollm2-135m --text notes/ --constraint "params<=70%" --heal 30 --to hf,gguf`
    """
    from foretell.study.shrinking import read_shrink, shrink
    from foretell.tasks.language_model.config import TEXTS

    said: dict[str, Any] = {
        "text": [each if each in TEXTS else str(Path(each).expanduser().resolve()) for each in text or ()] or None,
        "constraints": constraint,
        "heal": heal,
        "to": to.split(",") if to else None,
        "uniform": uniform or None,
        "weights": weights,
        "block": block,
        "seed": seed,
    }
    given = {name: value for name, value in said.items() if value is not None}
    if model.endswith((".yaml", ".yml")):
        config = read_shrink({**read_shrink(Path(model)).model_dump(mode="json"), **given})
    else:
        name = Path(model.removeprefix("local:")).name.removesuffix(".gguf") or "model"
        where = str(Path(model).expanduser().resolve()) if Path(model).expanduser().exists() else model
        config = read_shrink({"name": f"{name}-shrunk", "model": where, **given})
    result = shrink(config, out, resume=resume)
    if as_json:
        print_json(result)
        return
    rows = [[name, *_row(entry)] for name, entry in {"winner": result["winner"], **result["baselines"]}.items()]
    print_table(config.name, ["model", "parameters", "bits/byte", "healed", "accuracy %", "healed"], rows)
    folder = out or Path("runs") / config.name
    for target in result["exported"]:
        say(f"{target}: {folder / 'exported' / target}")
    next_of_network("language_model", folder)


def _row(entry: dict[str, Any]) -> list[str]:
    before, after = entry["metrics"]["before"], entry["metrics"]["after"] or {}
    found = [f"{entry['costs']['parameters']:,.0f}"]
    for name, digits in (("bits_per_byte", 4), ("accuracy", 1)):
        found += [figure(before[name], digits), figure(after.get(name), digits)]
    return found
