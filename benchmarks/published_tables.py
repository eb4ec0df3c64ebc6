"""Makes the tables that ship as `published:NAME` from the data that others published; see published/tables/NOTICE.

    python benchmarks/published_tables.py ../shared/data

Where a table ships already and would change, it says so. Run it again after a change of the format.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from foretell.metrics import metric_named
from foretell.observations import load
from foretell.observations.tables import Column, Table, write_table

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


TABLES: dict[str, Callable[[Path], Table]] = {
    f"tfs-eval-{task}": partial(tfs_eval, task) for task in ("wmt14ende", "wmt14enfr", "wmt19ende")
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
