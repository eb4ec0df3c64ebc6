"""`foretell shrink`: a pretrained language model, or an encoder that tells classes, made to fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from foretell.cli.network import next_of_network
from foretell.cli.options import OutOption, ResumeOption
from foretell.cli.output import JsonOption, figure, print_json, print_table, say
from foretell.cli.report import draw_page

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
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            help="Of an encoder, labelled texts: .tsv or .jsonl with text and label, or a corpus of foretell's.",
        ),
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option("--constraint", "-c", help='A limit such as "params<=70%"; may be given several times.'),
    ] = None,
    learn: Annotated[
        int | None, typer.Option("--learn", min=1, help="Updates by which an encoder learns the classes first.")
    ] = None,
    heal: Annotated[int | None, typer.Option("--heal", min=0, help="Updates of distillation from the parent.")] = None,
    supernet: Annotated[
        int | None,
        typer.Option(
            "--supernet", min=1, help="Updates by which the parts learn from the whole before the best is chosen."
        ),
    ] = None,
    race: Annotated[
        int | None,
        typer.Option("--race", min=2, help="Heal so many of the search's best, the better ones further; with --heal."),
    ] = None,
    smaller: Annotated[
        str | None, typer.Option("--smaller", metavar="MODEL", help="A smaller model of the same line to compare with.")
    ] = None,
    lm_eval: Annotated[
        str | None,
        typer.Option(
            "--lm-eval", metavar="TASK,...", help="Judge by tasks of lm-eval's too (extra lm-eval), by commas."
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TARGET,...", help="hf, gguf (language models), onnx (classifiers); by commas."),
    ] = None,
    uniform: Annotated[bool, typer.Option("--uniform", help="Keep all layers alike: every runtime loads it.")] = False,
    hidden_width: Annotated[
        bool, typer.Option("--hidden-width", help="Language models: channels of embeddings and layers may go, too.")
    ] = False,
    weights: Annotated[
        Literal["f32", "f16", "bf16", "q8_0"] | None,
        typer.Option("--weights", case_sensitive=False, help="Type of the weights; q8_0: gguf."),
    ] = None,
    block: Annotated[int | None, typer.Option("--block", help="Tokens that are read at a time.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of everything random.")] = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find the part of a pretrained model that keeps a limit and loses least, heal it, and export it.

    With `--text` it is a language model; with `--data` an encoder, which learns to tell the classes first.

    Example: `foretell shrink local:smollm2-135m --text notes/ --constraint "params<=70%" --heal 30 --to hf,gguf`
    """
    from foretell.errors import InputError
    from foretell.study.shrinking import read_shrink, shrink
    from foretell.tasks.language_model.config import TEXTS

    if text and data:
        raise InputError("--text is of language models and --data of encoders; give one of them.")
    said: dict[str, Any] = {
        "text": [each if each in TEXTS else str(Path(each).expanduser().resolve()) for each in text or ()] or None,
        **_labelled(data or []),
        "learn": learn,
        "constraints": constraint,
        "heal": heal,
        "supernet": supernet,
        "race": race,
        "smaller": None if smaller is None else _place(smaller),
        "lm_eval": [_place(task.strip()) for task in lm_eval.split(",")] if lm_eval else None,
        "to": to.replace(" ", "").split(",") if to else None,
        "uniform": uniform or None,
        "hidden_width": hidden_width or None,
        "weights": weights,
        "block": block,
        "seed": seed,
    }
    given = {name: value for name, value in said.items() if value is not None}
    if model.endswith((".yaml", ".yml")):
        before = read_shrink(Path(model)).model_dump(mode="json")
        for name, counted in (("supernet", "updates"), ("race", "entrants")):
            if name in given and before[name]:  # the rest stays as the study says
                given[name] = {**before[name], counted: given[name]}
        config = read_shrink({**before, **given})
    else:
        if not text and not data:
            raise InputError("there is nothing to judge by; give text of yours with --text, or labelled with --data.")
        name = Path(model.removeprefix("local:")).name.removesuffix(".gguf") or "model"
        config = read_shrink({"name": f"{name}-shrunk", "model": _place(model), **given})
    result = shrink(config, out, resume=resume)
    if not result:  # of a process that only helped
        return
    folder = out or Path("runs") / config.name
    page = draw_page(folder)
    if as_json:
        print_json(result)
        return
    columns = _COLUMNS[result["task"]]
    rows = [
        [name, *_row(entry, columns)] for name, entry in {"winner": result["winner"], **result["baselines"]}.items()
    ]
    for name, metrics in result["references"].items():
        told = [f"{metrics['parameters']:,.0f}" if "parameters" in metrics else "-"]
        for column, (_, digits) in columns.items():
            told += [figure(metrics[column], digits), "-"]
        rows.append([name, *told])
    titles = [title for label, _ in columns.values() for title in (label, "healed")]
    print_table(config.name, ["model", "parameters", *titles], rows)
    if page is not None:
        say(f"\nThe page of this run: {page}")
    for target in result["exported"]:
        say(f"{target}: {folder / 'exported' / target}")
    next_of_network(result["task"], folder)


_COLUMNS = {
    "language_model": {"bits_per_byte": ("bits/byte", 4), "accuracy": ("accuracy %", 1)},
    "classification": {"accuracy": ("accuracy %", 1), "macro_f1": ("macro-F1 %", 1)},
}
"""Metrics that the table shows: title, and digits."""


def _place(model: str) -> str:
    """A model as a study names it: a path in full, so that the study can be read from anywhere."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model


def _labelled(data: list[str]) -> dict[str, Any]:
    """What a study says of labelled texts: a corpus by its name, or files."""
    from foretell.tasks.classification import LABELLED

    if not data:
        return {}
    if data[0] in LABELLED and len(data) == 1:
        return {"task": "classification", "corpus": {"name": data[0]}}
    return {
        "task": "classification",
        "corpus": {"name": "files", "paths": [str(Path(each).expanduser().resolve()) for each in data]},
    }


def _row(entry: dict[str, Any], columns: Mapping[str, tuple[str, int]]) -> list[str]:
    before, after = entry["metrics"]["before"], entry["metrics"]["after"] or {}
    found = [f"{entry['costs']['parameters']:,.0f}"]
    for name, (_, digits) in columns.items():
        found += [figure(before[name], digits), figure(after.get(name), digits)]
    return found
