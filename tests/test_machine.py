"""What of the machine the process may use: affinity and cgroup, whatever the machine has."""

from __future__ import annotations

import os

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from foretell import machine, spaces
from foretell.machine import keep_to_share, torch_threads, usable_cores
from foretell.predictors.trivial import Constant
from foretell.testing import make_observations


@pytest.fixture
def four_cores(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 4, 5}, raising=False)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_OWN", tmp_path / "own")
    return tmp_path


def test_affinity_decides_not_what_the_machine_has(four_cores):
    assert usable_cores() == 4


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 4), ("150000 100000", 2), ("50000 100000", 1), ("900000 100000", 4), ("rubbish", 4), ("", 4)],
)
def test_a_cgroup_s_share_of_time_is_kept(four_cores, quota, cores):
    (four_cores / "cpu.max").write_text(quota + "\n")
    assert usable_cores() == cores


@pytest.mark.parametrize(("quota", "cores"), [("200000", 2), ("-1", 4)])
def test_the_first_version_of_cgroups_is_understood_too(four_cores, quota, cores):
    (four_cores / "cpu").mkdir()
    (four_cores / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (four_cores / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores() == cores


@pytest.mark.parametrize(
    ("own", "folder", "files"),
    [
        ("0::/slice/job\n", "slice/job", {"cpu.max": "100000 100000"}),
        ("0::/slice/job\n", "slice", {"cpu.max": "100000 100000"}),
        ("1:name=systemd:/\n0::/slice/job\n", "unified/slice", {"cpu.max": "100000 100000"}),
        ("4:cpu,cpuacct:/job\n", "cpu,cpuacct/job", {"cpu.cfs_quota_us": "60000", "cpu.cfs_period_us": "100000"}),
        ("1:cpu:/job/step\n", "cpu/job", {"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000"}),
    ],
)
def test_the_share_of_the_process_s_own_cgroup_and_of_those_above_it_counts(four_cores, own, folder, files):
    (four_cores / "own").write_text(own)
    (four_cores / folder).mkdir(parents=True)
    for name, text in files.items():
        (four_cores / folder / name).write_text(text)
    assert usable_cores() == 1


def test_libraries_get_no_more_threads_than_there_is_time_for(four_cores, monkeypatch):
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    keep_to_share()
    assert not any(name in os.environ for name in names)
    (four_cores / "cpu.max").write_text("200000 100000")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    keep_to_share()
    assert [os.environ[name] for name in names] == ["3", "2", "2"]


def _matrix_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_a_predictor_learns_on_one_thread_and_gives_the_others_back():
    """Beside trainings that use every core a second thread makes each matrix product wait for its turn."""
    inside = []

    class Watched(Constant):
        def _learn(self, labels):
            inside.append(_matrix_threads())
            super()._learn(labels)

    with threadpool_limits(2, user_api="blas"):
        before = _matrix_threads()
        Watched().fit(make_observations(spaces.create("small-seq2seq"), 4))
        assert (inside, _matrix_threads()) == ([{1}], before)


def test_threads_are_given_back_also_after_an_error():
    before, inside = torch.get_num_threads(), []

    @torch_threads(before + 1)
    def fail():
        inside.append(torch.get_num_threads())
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert (inside, torch.get_num_threads()) == ([before + 1], before)
