"""Supernets trained by processes of their own: killed and resumed, or several for one."""

import json
import signal
import socket
import time

import pytest
import torch

from foretell.errors import InputError
from foretell.training import KINDS, Ranks, load_tensors
from foretell.training.distributed import joined
from tests.training.processes import RECIPE, run

pytestmark = pytest.mark.network


@pytest.fixture
def train(start):
    """Begins a process that trains kinds of supernets in a folder."""

    def begin(root, *kinds, rank=0, **environment):
        root.mkdir(exist_ok=True)
        return start(root, rank, *kinds, entry="tests.training.processes:main", **environment)

    return begin


def finish(process, code=0):
    _, err = process.communicate(timeout=280)
    assert process.returncode == code, err
    return err


def kill_when(process, path):
    """SIGKILL as soon as a file is there; fails if the process ends first."""
    deadline = time.monotonic() + 200
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def weights(root, kind):
    return load_tensors(root / kind / "model.safetensors").tensors


def test_every_kind_resumes_exactly_after_sigkill(tmp_path, train):
    finish(train(tmp_path / "whole", *KINDS))
    for kind in KINDS:
        kill_when(train(tmp_path / "cut", *KINDS), tmp_path / "cut" / kind / "state.safetensors")
        assert not (tmp_path / "cut" / kind / "training.json").exists()
    finish(train(tmp_path / "cut", *KINDS))
    for kind in KINDS:
        whole, cut = weights(tmp_path / "whole", kind), weights(tmp_path / "cut", kind)
        assert whole.keys() == cut.keys()
        assert all(torch.equal(whole[name], cut[name]) for name in whole)


def together(train, root, *kinds, second=None):
    roots = (root, second or root)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    return [train(roots[rank], *kinds, rank=rank, RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank in range(2)]


def test_two_processes_with_half_the_batch_each_are_one_and_outlive_a_death(tmp_path, train):
    kinds = ("spos", "neuronwise-mos")
    alone = run(tmp_path / "alone", kinds)
    first, second = together(train, tmp_path / "both", *kinds)
    kill_when(second, tmp_path / "both" / "spos" / "state.safetensors")
    err = finish(first, 1)
    assert err.count("\n") == 1
    assert "another of the 2 processes that train together has ended or cannot be reached" in err
    for process in together(train, tmp_path / "both", *kinds, second=tmp_path / "elsewhere"):
        assert "find different checkpoints in" in finish(process, 1)
    for process in together(train, tmp_path / "both", *kinds):
        finish(process)
    ours = [json.loads((tmp_path / "both" / f"result-{rank}.json").read_text()) for rank in range(2)]
    assert ours[0]["drawn"] == ours[1]["drawn"] == alone["drawn"][-len(ours[0]["drawn"]) :]
    for kind in kinds:
        for row, expected in zip(ours[0]["histories"][kind], alone["histories"][kind], strict=True):
            assert row == pytest.approx(expected, rel=1e-4)
        for name, tensor in weights(tmp_path / "both", kind).items():
            torch.testing.assert_close(tensor, weights(tmp_path / "alone", kind)[name], rtol=1e-3, atol=1e-3)


def test_an_update_with_too_few_micro_batches_is_refused():
    with pytest.raises(InputError, match=r"2 micro-batch\(es\), too few for 3 processes; start fewer"):
        Ranks(2, 3).check(RECIPE.accumulate)
    Ranks(1, 2).check(RECIPE.accumulate)


def test_every_process_has_its_share_and_all_of_it_is_done():
    items = list(range(7))
    shares = [Ranks(rank, 3).mine(items) for rank in range(3)]
    assert sorted(item for share in shares for item in share) == items


def test_alone_there_is_nothing_to_join():
    with joined(torch.device("cpu")) as ranks:
        assert ranks == Ranks()
        assert ranks.first
        assert ranks.count(5, torch.device("cpu")) == 5
