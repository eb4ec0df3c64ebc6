"""`foretell import`: published data in our formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.output import JsonOption, print_json, say

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Convert published measurements to foretell's formats.")


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(_group, name="import")


@_group.command("hat-latency")
def _hat_latency(
    path: Annotated[Path, typer.Argument(help="A CSV file of HAT's latency_dataset.")],
    out: Annotated[Path, typer.Option("--out", help="JSON lines to write.")] = Path("latency.jsonl"),
    space: Annotated[str | None, typer.Option("--space", help="The space, where the file's name hides it.")] = None,
    device_name: Annotated[
        str | None, typer.Option("--device-name", help="The device, where the file's name hides it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Convert latencies that HAT published, as samples for `foretell latency fit`.

    Example: `foretell import hat-latency wmt14ende_gpu_titanxp_all.csv --out titanxp.jsonl`
    """
    from foretell.published.hat_latency import import_hat_latency

    found = import_hat_latency(path, out, space=space, device=device_name)
    setting = found[0]["setting"]
    if as_json:
        print_json({"samples": len(found), "setting": setting, "out": str(out)})
    else:
        where = f"{setting['space']} on {setting['device_name']}"
        say(f"{len(found)} latencies of {where} written to {out}.")


@_group.command("llmas")
def _llmas(
    path: Annotated[Path, typer.Argument(help="The published folder (it holds train-test_seedarchs).")],
    task: Annotated[str, typer.Option("--task", help="wmt14ende, wmt14enfr or wmt19ende.")] = "wmt14ende",
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("observations"),
    as_json: JsonOption = False,
) -> None:
    """Convert TFS-Eval: 30 architectures, their scores and the three splits.

    Example: `foretell import llmas ../shared/data/llmas --task wmt14ende --out tfs-eval`
    """
    from foretell.published.llmas import import_llmas

    found = import_llmas(path, task, out)
    count, splits = len(found.observations), [split.name for split in found.splits]
    if as_json:
        print_json({"observations": count, "splits": splits, "out": str(out)})
    else:
        say(f"{count} observations and {len(splits)} splits written to {out}.")
