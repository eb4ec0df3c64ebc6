import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from foretell import spaces
from foretell.costs import (
    LatencyPredictor,
    LatencySetting,
    Repeats,
    drift_summary,
    fit_latency,
    measure_latency,
    measured_latency,
    read_samples,
)
from foretell.costs.latency import timing
from foretell.costs.latency.inputs import LatencyInputs
from foretell.costs.latency.physical_form import PhysicalForm
from foretell.errors import InputError
from foretell.families.encoder_decoder.family import EncoderDecoder
from foretell.records import read_jsonl
from foretell.spaces import Architecture

from .devices import SMALL, paper_device

SETTING = LatencySetting(SMALL, vocabulary=50, sizes={"sentence_length": 3, "beam": 2})
QUICK = Repeats(most=6, warm_up=1)


def test_costs_need_no_torch_to_be_imported():
    code = "import sys, foretell.costs, foretell.observations; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.network
def test_each_architecture_is_measured_once_and_kept(tmp_path: Path):
    path = tmp_path / "deep" / "latency.jsonl"
    population = SMALL.sample(3, np.random.default_rng(0))
    first = measure_latency(SETTING, population[[0, 1, 0]], path, repeats=QUICK)
    assert len(first) == len(read_jsonl(path)) == 2
    again = measure_latency(SETTING, population, path, repeats=QUICK)
    assert len(again) == len(read_jsonl(path)) == 3
    assert [record["measured_at"] for record in again[:2]] == [record["measured_at"] for record in first]
    once_more = measure_latency(SETTING, population[:1], path, again=True, repeats=QUICK)
    assert len(once_more) == 1
    assert len(read_jsonl(path)) == 4
    back, milliseconds = measured_latency(SMALL, again)
    in_time = [read["architecture_key"] for read in read_jsonl(path)[:3]]
    assert [architecture.key for architecture in SMALL.architectures(back)] == in_time
    assert dict(zip(in_time, milliseconds.tolist(), strict=True)) == {
        record["architecture_key"]: record["latency_ms"] for record in again
    }


def test_folds_are_blocks_in_time_although_architectures_were_measured_in_random_order(
    monkeypatch: pytest.MonkeyPatch,
):
    """The residual is clock drift: rows of one slow stretch must be held out together."""
    population = SMALL.sample(20, np.random.default_rng(0))
    order = np.random.default_rng(1).permutation(20)
    records = [
        {
            "architecture": architecture.to_dict(),
            "latency_ms": float(ms),
            "measured_at": f"2026-01-01T00:{minute:02d}:00.000+00:00",
        }
        for architecture, ms, minute in zip(
            SMALL.architectures(population), paper_device(population), order, strict=True
        )
    ]
    left_out: list[set[int]] = []
    refit = PhysicalForm.refit
    minutes = dict(zip(paper_device(population).tolist(), order.tolist(), strict=True))
    assert len(minutes) == 20

    def watch(form: PhysicalForm, inputs: LatencyInputs, ms: np.ndarray, weights: np.ndarray) -> PhysicalForm:
        left_out.append(set(range(20)) - {minutes[value] for value in ms.tolist()})
        return refit(form, inputs, ms, weights)

    monkeypatch.setattr(PhysicalForm, "refit", watch)
    LatencyPredictor.fit(SMALL, *measured_latency(SMALL, records), forms=["physical"])
    assert left_out == [set(range(start, start + 4)) for start in range(0, 20, 4)]


@pytest.mark.network
def test_a_record_tells_what_was_measured_where(tmp_path: Path):
    row = SMALL.population([SMALL.largest()])
    (record,) = measure_latency(SETTING, row, tmp_path / "one.jsonl", repeats=QUICK, resources=True)
    low, high = record["latency_interval_ms"]
    assert 0 < low <= record["latency_ms"] <= high
    assert record["repeats"] == 6
    assert record["wall_ms"] > 0
    assert record["peak_memory_bytes"] > 4 * 600_000
    assert {"temperature_c", "clock_mhz", "energy_j", "measured_at", "drift"} <= set(record)
    setting = record["setting"]
    assert (setting["threads"], setting["precision"], setting["batch"]) == (1, "float32", 1)
    assert {"device_name", "driver", "torch", "space_fingerprint"} <= set(setting)


@pytest.mark.network
def test_another_setting_is_another_measurement(tmp_path: Path):
    path = tmp_path / "latency.jsonl"
    population = SMALL.population([SMALL.smallest()])
    measure_latency(SETTING, population, path, repeats=QUICK)
    other = LatencySetting(SMALL, vocabulary=50, sizes={"sentence_length": 3, "beam": 2}, batch=4, precision="bfloat16")
    assert other.key != SETTING.key
    measure_latency(other, population, path, repeats=QUICK)
    assert len(read_jsonl(path)) == 2
    with pytest.raises(InputError, match="holds latencies of 2 settings"):
        read_samples(path)


@pytest.mark.network
def test_a_deeper_decoder_takes_longer():
    values = {**SMALL.smallest().to_dict()}
    for name in values:
        if name.startswith("decoder") and name.endswith("all"):
            values[name] = values[name] * 4
    deep = Architecture.from_dict(SMALL, {**values, "decoder-layer-num": 4})
    records = measure_latency(SETTING, SMALL.population([SMALL.smallest(), deep]), repeats=Repeats(most=9))
    # The smallest is the probe itself.
    assert records[0]["ratio"] == pytest.approx(1, abs=0.5)
    assert records[1]["ratio"] > 1.5


@pytest.fixture
def slow_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device on paper that is 60 % slower while the second fifth of the clock's readings is taken."""
    rng, readings = np.random.default_rng(0), [0]

    def step(setting: LatencySetting, architecture: Architecture) -> Callable[[], float]:
        ms = float(paper_device(SMALL.population([architecture]))[0])
        return lambda: ms

    def clock(setting: LatencySetting, call: Callable[[], float]) -> tuple[float, float]:
        readings[0] += 1
        slow = 1.6 if 400 < readings[0] <= 800 else 1.0
        value = call() * slow * rng.lognormal(0, 0.01)
        return value, value

    monkeypatch.setattr(EncoderDecoder, "timed_network", lambda family, setting, architecture: architecture)
    monkeypatch.setattr(EncoderDecoder, "timed_step", lambda family, setting, network: step(setting, network))
    monkeypatch.setattr(timing, "clock", clock)


@pytest.mark.usefixtures("slow_block")
def test_the_probe_takes_a_slow_block_out(tmp_path: Path):
    population = SMALL.sample(150, np.random.default_rng(1))
    records = measure_latency(SETTING, population, tmp_path / "latency.jsonl", repeats=Repeats(seconds=10))
    drift = drift_summary(records)
    assert drift["worst_drift"] == pytest.approx(0.6, abs=0.05)
    assert 0.15 < drift["disturbed_share"] < 0.5
    fresh = SMALL.sample(300, np.random.default_rng(2))
    raw = np.array([record["measured_ms"] for record in records])
    assert (raw / paper_device(population)).max() > 1.5
    predictor = LatencyPredictor.fit(SMALL, *measured_latency(SMALL, records))
    assert np.abs(predictor.predict(fresh) / paper_device(fresh) - 1).mean() < 0.02
    found = fit_latency(read_samples(tmp_path / "latency.jsonl"))
    assert found.drift_blocks == []
    assert np.abs(found.predictor.predict(fresh) / paper_device(fresh) - 1).mean() < 0.02


@pytest.mark.usefixtures("slow_block")
def test_the_order_is_random_and_the_answer_is_not(tmp_path: Path):
    population = SMALL.sample(20, np.random.default_rng(3))
    path = tmp_path / "latency.jsonl"
    records = measure_latency(SETTING, population, path, repeats=QUICK)
    written = [row["architecture_key"] for row in read_jsonl(path)]
    returned = [record["architecture_key"] for record in records]
    assert written != returned
    assert sorted(written) == sorted(returned)


@pytest.mark.parametrize(
    ("device", "sentence"),
    [("toaster", "is not a device"), ("cuda:99", "is not there"), ("meta", "cannot be measured")],
)
def test_a_device_that_is_not_there(device: str, sentence: str):
    setting = LatencySetting(SMALL, vocabulary=50, sizes={"sentence_length": 3, "beam": 4}, device=device)
    with pytest.raises(InputError, match=sentence):
        measure_latency(setting, SMALL.population([SMALL.smallest()]))


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(InputError, match="is a folder"):
        measure_latency(SETTING, SMALL.population([SMALL.smallest()]), tmp_path)


def test_samples_of_another_space_are_refused(tmp_path: Path):
    from foretell.published.hat_latency import import_hat_latency

    from .published import write_csv

    import_hat_latency(write_csv(tmp_path / "wmt14ende_gpu_toy_all.csv", 30), tmp_path / "samples.jsonl")
    assert len(read_samples(tmp_path / "samples.jsonl")) == 30
    with pytest.raises(InputError, match="measured on the space hat-wmt14-en-de"):
        read_samples(tmp_path / "samples.jsonl", spaces.create("small-seq2seq"))
