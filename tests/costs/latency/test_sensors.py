from pathlib import Path

import pytest
import torch

from foretell.costs import LatencySetting
from foretell.costs.latency import sensors
from foretell.costs.latency.sensors import device_state, energy_joules, peak_memory_bytes

from .devices import SMALL

SETTING = LatencySetting(SMALL, vocabulary=50, sizes={"sentence_length": 3, "beam": 4})


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system that tells what is written into it."""
    monkeypatch.setattr(sensors, "_THERMAL", tmp_path)
    monkeypatch.setattr(sensors, "_POWERCAP", tmp_path)
    monkeypatch.setattr(sensors, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(sensors, "_SECONDS", 0.01)
    return tmp_path


def test_what_the_system_tells(system: Path):
    (system / "thermal_zone0").mkdir()
    (system / "thermal_zone0" / "temp").write_text("41500\n")
    (system / "cpuinfo").write_text("cpu MHz\t: 1200.5\ncpu MHz\t: 2600.0\n")
    assert device_state(SETTING) == {"temperature_c": 41.5, "clock_mhz": 2600.0}


@pytest.mark.usefixtures("system")
def test_what_it_does_not_tell_is_none():
    assert device_state(SETTING) == {"temperature_c": None, "clock_mhz": None}
    assert energy_joules(SETTING, lambda: None) is None


def test_energy_of_one_call(system: Path):
    counter = system / "intel-rapl:0" / "energy_uj"
    counter.parent.mkdir()
    counter.write_text("5000000")

    def call() -> None:
        counter.write_text(str(int(counter.read_text()) + 20_000))

    assert energy_joules(SETTING, call) == pytest.approx(0.02)
    # A counter that wraps around tells nothing.
    assert energy_joules(SETTING, lambda: counter.write_text("0") and None) is None


def test_peak_memory_counts_weights_and_what_is_alive_at_once():
    network = torch.nn.Linear(100, 100, bias=False)
    x = torch.ones(50, 100)

    def call() -> None:
        with torch.inference_mode():
            y = network(x)
            z = y + 1
            del y
            z.sum()

    assert peak_memory_bytes(SETTING, network, call) == 40_000 + 2 * 20_000
