from pathlib import Path

import numpy as np
import pytest

from foretell.costs import read_samples
from foretell.costs.latency import find_slow_blocks
from foretell.costs.latency.slow_blocks import SlowBlock, block_excess
from foretell.published.hat_latency import import_hat_latency

from .devices import noisy_inputs

# 0-based data rows, measured for this project.
PUBLISHED = {
    "wmt14ende_gpu_titanxp": [(1263, 1499)],
    "iwslt14deen_gpu_titanxp": [(25, 356), (429, 486)],
    "wmt14ende_cpu_raspberrypi": [(0, 124)],
    "wmt14ende_cpu_xeon": [],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_blocks_are_found_and_no_others(published: Path, tmp_path: Path, name: str):
    file = published / "hat" / "latency_dataset" / f"{name}_all.csv"
    import_hat_latency(file, tmp_path / "samples.jsonl")
    samples = read_samples(tmp_path / "samples.jsonl")
    found = find_slow_blocks(samples.inputs, samples.ms, samples.rows)
    assert len(found) == len(PUBLISHED[name])
    for block, (first, last) in zip(found, PUBLISHED[name], strict=True):
        assert abs(block.first - first) <= 5
        assert abs(block.last - last) <= 5
        assert 0.15 < block.excess < 0.5


def test_an_injected_block_is_named():
    inputs, ms = noisy_inputs(400, 0)
    rows = np.arange(400)
    assert find_slow_blocks(inputs, ms, rows) == []
    ms[100:160] *= 1.3
    (block,) = find_slow_blocks(inputs, ms, rows)
    assert (abs(block.first - 100) <= 2, abs(block.last - 159) <= 2) == (True, True)
    assert block.excess == pytest.approx(0.3, abs=0.03)


def test_lone_outliers_and_fast_rows_are_no_blocks():
    inputs, ms = noisy_inputs(400, 1)
    ms[::37] *= 3
    ms[200:260] *= 0.7
    assert find_slow_blocks(inputs, ms, np.arange(400)) == []


def test_rows_keep_their_numbers_when_some_are_left_out():
    inputs, ms = noisy_inputs(400, 2)
    ms[100:200] *= 1.4
    kept = np.sort(np.random.default_rng(0).choice(400, 200, replace=False))
    (block,) = find_slow_blocks(inputs.take(kept), ms[kept], kept)
    assert abs(block.first - 100) <= 8
    assert abs(block.last - 199) <= 8


def test_the_excess_of_rows():
    blocks = [SlowBlock(2, 3, 2, 0.25), SlowBlock(7, 9, 3, 0.5)]
    assert block_excess(blocks, np.array([1, 2, 3, 4, 9])).tolist() == [0, 0.25, 0.25, 0, 0.5]


def test_too_few_rows_tell_nothing():
    inputs, ms = noisy_inputs(10, 3)
    assert find_slow_blocks(inputs, ms, np.arange(10)) == []
