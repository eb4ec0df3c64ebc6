"""`foretell import`: published data in our formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.options import keep_apart
from foretell.cli.output import JsonOption, next_step, print_json, say

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Convert measurements, your own CSV included, to foretell's formats.")


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
        next_step("What they predict", "latency", "fit", out)


@_group.command("llmas")
def _llmas(
    path: Annotated[Path, typer.Argument(help="The published folder (it holds train-test_seedarchs).")],
    task: Annotated[str, typer.Option("--task", help="wmt14ende, wmt14enfr or wmt19ende.")] = "wmt14ende",
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")] = Path("observations"),
    as_json: JsonOption = False,
) -> None:
    """Convert TFS-Eval: 30 architectures, their scores and the three splits.

    Example: `foretell import llmas llmas --task wmt14ende --out tfs-eval`
    """
    from foretell.published.llmas import import_llmas

    found = import_llmas(path, task, out)
    count, splits = len(found.observations), [split.name for split in found.splits]
    if as_json:
        print_json({"observations": count, "splits": splits, "out": str(out)})
    else:
        say(f"{count} observations and {len(splits)} splits written to {out}.")
        next_step("Which predictor to trust with them", "evaluate", "--observations", out)


@_group.command("csv")
def _csv(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, plain or gzipped, with a header.")],
    metric: Annotated[str, typer.Option("--metric", help="The column to predict, and which way is better: NAME:min.")],
    out: Annotated[Path, typer.Option("--out", help="The table to write, gzipped.")] = Path("table.csv.gz"),
    genes: Annotated[str | None, typer.Option(help="Columns that are genes, or patterns. Default: g_*.")] = None,
    scores: Annotated[
        str | None, typer.Option(help="Columns that are scores: higher is better. Default: zc_*.")
    ] = None,
    costs: Annotated[
        str | None, typer.Option(help="Columns that are costs. Default: hw_*, params*, flops*; empty for none.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="The column of what must not stand on both sides of a split.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a CSV file to a table of observations, which every command reads.

    Columns called g_* are genes (numbers or words), x_* inputs that are no genes, zc_* scores, hw_*, params* and
    flops* costs; every other column is an outcome, and no predictor sees it.

    Examples:
    `foretell import csv mine.csv --metric val_loss:min --out mine.table`

    `foretell import csv runs.csv --metric acc:max --genes "width,depth,layer_*" --costs megabytes --group family`
    """
    from foretell.observations.tables import write_table
    from foretell.published.csv_table import import_csv

    keep_apart(out, "--out", path)

    def chosen(text: str | None) -> list[str] | None:
        return None if text is None else [part.strip() for part in text.split(",") if part.strip()]

    found = import_csv(path, metric, genes=chosen(genes), scores=chosen(scores), costs=chosen(costs), group=group)
    known = found.table.observations()
    write_table(out, found.table)
    for remark in found.remarks:
        say(remark)
    names = [gene.name for gene in known.space.genes]
    if as_json:
        print_json({"observations": len(known), "genes": names, "remarks": found.remarks, "out": str(out)})
    else:
        say(f"{len(known)} observations of {len(names)} genes written to {out}.")
        next_step("Which predictor to trust with them", "evaluate", "--observations", out)
