"""The tables that ship are the published numbers."""

import importlib.util
from pathlib import Path

import pytest

from foretell.observations import load
from foretell.observations.reference import published_names, shipped_path
from foretell.observations.tables import write_table

_MOST_BYTES = 1_500_000
_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "published_tables.py"


@pytest.fixture(scope="module")
def tables():
    """What the committed script makes, by name."""
    spec = importlib.util.spec_from_file_location("published_tables", _SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.TABLES


@pytest.mark.parametrize("task", ["wmt14ende", "wmt14enfr", "wmt19ende"])
def test_tfs_eval_is_the_published_one(tfs_tasks, task):
    shipped = load(f"published:tfs-eval-{task}")
    assert shipped.observations == tfs_tasks[task].observations
    assert shipped.splits == tfs_tasks[task].splits
    assert shipped.metric.key == "valid_bleu"


def test_they_are_small_and_each_has_its_notice():
    paths = [shipped_path(f"published:{name}") for name in published_names()]
    assert sum(path.stat().st_size for path in paths) < _MOST_BYTES
    notice = (paths[0].parent / "NOTICE").read_text()
    for name in published_names():
        assert name in notice
        found = load(f"published:{name}")
        assert found.metric is not None
        assert {"source", "licence"} <= set(found.observations[0].provenance)


@pytest.mark.parametrize("name", published_names())
def test_they_are_made_from_the_published_data_by_the_committed_script(published, tables, name, tmp_path):
    """Byte for byte, so that anyone can repeat it."""
    made = tmp_path / "table"
    write_table(made, tables[name](published))
    assert made.read_bytes() == shipped_path(f"published:{name}").read_bytes()


@pytest.mark.parametrize(
    ("name", "rows", "genes", "best"),
    [
        ("lts-gpt2-wt103", 200, 36, 24.32738),
        ("lts-txl-wt103", 298, 20, 25.525481),
        ("open-lm", 130, 3, 2.470096),
        ("gemstones", 3850, 3, 2.49536),
        ("flexibert", 500, 22, 75.13),
        ("nas-bench-201", 15625, 6, 94.37333),
        ("nas-bench-macro", 6561, 8, 93.12666),
    ],
)
def test_what_they_hold(name, rows, genes, best):
    found = load(f"published:{name}")
    assert (len(found), len(found.space.genes)) == (rows, genes)
    labels = [item.metric(found.metric.key) for item in found.observations]
    assert found.metric.best(labels) == best
    assert all(name not in item.costs for item in found.observations[:10] for name in ("train_seconds", "warmup"))
    assert {item.provenance["licence"] for item in found.observations} <= {"MIT", "CC BY 4.0", "Apache-2.0"}
