import numpy as np
import pytest

from foretell.costs import LatencySetting, Repeats
from foretell.costs.latency import timing
from foretell.costs.latency.timing import median_interval, time_pairs

from .devices import SMALL

SETTING = LatencySetting(SMALL, vocabulary=50, sizes={"sentence_length": 3, "beam": 4})


def test_the_interval_covers_the_median_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for n in (6, 11, 40):
        ends = np.array([median_interval(rng.lognormal(0, 1, n)) for _ in range(2000)])
        covered = ((ends[:, 0] <= 1) & (ends[:, 1] >= 1)).mean()
        assert 0.93 < covered < 0.995


def timed(monkeypatch: pytest.MonkeyPatch, noise: float, repeats: Repeats) -> dict:
    rng = np.random.default_rng(0)
    monkeypatch.setattr(timing, "clock", lambda setting, call: (call() * rng.lognormal(0, noise),) * 2)
    return time_pairs(SETTING, lambda: 6.0, lambda: 3.0, repeats)


def test_a_steady_machine_is_asked_six_times(monkeypatch: pytest.MonkeyPatch):
    found = timed(monkeypatch, 0.001, Repeats(seconds=60))
    assert found["repeats"] == 6
    assert found["ratio"] == pytest.approx(2, rel=0.01)
    assert found["relative_width"] < 0.05
    assert found["interval_ms"][0] <= found["measured_ms"] <= found["interval_ms"][1]


def test_a_restless_machine_is_asked_until_the_cap(monkeypatch: pytest.MonkeyPatch):
    assert timed(monkeypatch, 0.3, Repeats(most=25, seconds=60))["repeats"] == 25
    assert timed(monkeypatch, 0.3, Repeats(seconds=0))["repeats"] == 6


def test_one_threads_clock_leaves_out_sleep():
    import time

    own, wall = timing.clock(SETTING, lambda: time.sleep(0.03))
    assert own < 15 < wall
    own, wall = timing.clock(
        LatencySetting(SMALL, 50, {"sentence_length": 3, "beam": 4}, threads=2), lambda: time.sleep(0.01)
    )
    assert own == wall >= 10
