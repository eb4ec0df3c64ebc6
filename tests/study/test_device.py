import numpy as np
import pytest

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import IntegrityError
from foretell.study import StudyConfig, device

SPACE = spaces.create("small-seq2seq")
COSTS = CostModel(SPACE, vocabulary=64)
STUDY = StudyConfig(latency={"samples": 20})


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """A device of paper that counts FLOPs, on a machine that slowly calms down."""
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    probes = iter(np.linspace(10.0, 8.0, 200).tolist())

    def measure(setting, architecture, *_):
        probe = next(probes)
        ratio = float(COSTS.cost(SPACE.population([architecture]), "flops")[0]) / 1e6
        about = {"ratio_interval": [ratio, ratio], "relative_width": 0.01, "measured_ms": probe * ratio}
        return {"ratio": ratio, "probe_ms": probe, **about}

    monkeypatch.setattr("foretell.costs.latency.measuring._measure", measure)


def seen(found):
    rows = SPACE.sample(10, np.random.default_rng(1))
    return [found.latency.undisturbed_ms, *found.costs.cost(rows, "latency_ms").tolist()]


@pytest.mark.usefixtures("clock")
def test_a_resumed_run_sees_the_latencies_that_it_began_with(tmp_path):
    first = device.measure_device(SPACE, STUDY, 64, tmp_path / "run")
    more = STUDY.model_copy(update={"latency": STUDY.latency.model_copy(update={"samples": 60})})
    other = device.measure_device(SPACE, more, 64, tmp_path / "other")
    assert other.latency.undisturbed_ms < first.latency.undisturbed_ms  # more probes have joined the store
    assert seen(device.measure_device(SPACE, STUDY, 64, tmp_path / "run")) == seen(first)
    assert (
        device.measure_device(SPACE, STUDY, 64, tmp_path / "new").latency.undisturbed_ms == other.latency.undisturbed_ms
    )


@pytest.mark.usefixtures("clock")
def test_damaged_samples_are_refused_in_one_sentence(tmp_path):
    device.measure_device(SPACE, STUDY, 64, tmp_path)
    path = tmp_path / "latency-samples.json"
    path.write_text(path.read_text().replace('"ratio"', '"ration"').replace('"latency_ms"', '"latency"'))
    with pytest.raises(IntegrityError, match="does not hold latency samples"):
        device.measure_device(SPACE, STUDY, 64, tmp_path)
