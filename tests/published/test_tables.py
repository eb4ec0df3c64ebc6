"""The tables that ship are the published numbers."""

import pytest

from foretell.observations import load
from foretell.observations.reference import published_names, shipped_path

_MOST_BYTES = 1_500_000


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
