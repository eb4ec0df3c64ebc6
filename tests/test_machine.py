"""What of the machine the process may use: affinity and cgroup, whatever the machine has."""

from __future__ import annotations

import os

import pytest
import torch

from foretell import machine
from foretell.machine import torch_threads, usable_cores


@pytest.fixture
def four_cores(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 4, 5}, raising=False)
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
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


def test_threads_are_given_back_also_after_an_error():
    before, inside = torch.get_num_threads(), []

    @torch_threads(before + 1)
    def fail():
        inside.append(torch.get_num_threads())
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert (inside, torch.get_num_threads()) == ([before + 1], before)
