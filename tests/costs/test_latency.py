import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foretell import spaces
from foretell.costs import LatencySetting, measure_latency, measured_latency
from foretell.errors import InputError
from foretell.records import read_jsonl

SMALL = spaces.create("small-seq2seq")
SETTING = LatencySetting(SMALL, vocabulary=50, sentence_length=3, beam=2)
QUICK = {"repeats": 3, "warm_up": 1}


def test_costs_need_no_torch_to_be_imported():
    code = "import sys, foretell.costs, foretell.observations; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.network
def test_each_architecture_is_measured_once_and_kept(tmp_path: Path):
    path = tmp_path / "deep" / "latency.jsonl"
    population = SMALL.sample(3, np.random.default_rng(0))
    first = measure_latency(SETTING, population[[0, 1, 0]], path, **QUICK)
    assert len(first) == len(read_jsonl(path)) == 2
    again = measure_latency(SETTING, population, path, **QUICK)
    assert len(again) == len(read_jsonl(path)) == 3
    assert [record["measured_at"] for record in again[:2]] == [record["measured_at"] for record in first]
    assert all(record["latency_ms"] > 0 and record["repeats"] == 3 for record in again)
    assert again[0]["setting"]["threads"] == 1
    once_more = measure_latency(SETTING, population[:1], path, again=True, **QUICK)
    assert len(once_more) == 1
    assert len(read_jsonl(path)) == 4
    back, milliseconds = measured_latency(SMALL, again)
    assert np.array_equal(back, SMALL.canonical(population))
    assert milliseconds.tolist() == [record["latency_ms"] for record in again]


@pytest.mark.network
def test_another_setting_is_another_measurement(tmp_path: Path):
    path = tmp_path / "latency.jsonl"
    population = SMALL.population([SMALL.smallest()])
    measure_latency(SETTING, population, path, **QUICK)
    other = LatencySetting(SMALL, vocabulary=60, sentence_length=3, beam=2)
    assert other.key != SETTING.key
    measure_latency(other, population, path, **QUICK)
    assert len(read_jsonl(path)) == 2


@pytest.mark.network
def test_a_deeper_decoder_takes_longer():
    values = {**SMALL.smallest().to_dict()}
    for name in values:
        if name.startswith("decoder") and name.endswith("all"):
            values[name] = values[name] * 4
    deep = spaces.Architecture.from_dict(SMALL, {**values, "decoder-layer-num": 4})
    records = measure_latency(SETTING, SMALL.population([SMALL.smallest(), deep]), repeats=7)
    # The smallest is the probe itself.
    assert records[0]["ratio"] == pytest.approx(1, abs=0.5)
    assert records[1]["ratio"] > 1.5


@pytest.mark.parametrize(("device", "sentence"), [("toaster", "is not a device"), ("cuda:99", "is not there")])
def test_a_device_that_is_not_there(device: str, sentence: str):
    setting = LatencySetting(SMALL, vocabulary=50, sentence_length=3, device=device)
    with pytest.raises(InputError, match=sentence):
        measure_latency(setting, SMALL.population([SMALL.smallest()]))
