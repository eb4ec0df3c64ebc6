"""Parts that learn before they are compared, a race by healing, and a smaller model beside."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest

from foretell.cli.app import main
from tests.checkpoints import make_checkpoint
from tests.faults.disks import may_mount
from tests.study.shrinking.test_shrink import study, text, told

__all__ = ["text"]
pytestmark = pytest.mark.network
pytest.importorskip("transformers", reason="needs the extra hf")
ASKED = {
    "constraints": ["params<=90%"],
    "supernet": {"updates": 4, "batches": 2, "parts": 4},
    "race": {"entrants": 3, "rungs": ["50%", "100%"]},
    "heal": 4,
}


def shrunk(path, out, capsys, *more):
    capsys.readouterr()
    assert main(["-q", "shrink", str(path), "--out", str(out), "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def losses(result):
    every = {"winner": result["winner"], **result["baselines"]}
    return {
        name: [metrics["loss"] for metrics in entry["metrics"].values() if metrics] for name, entry in every.items()
    }


def test_parts_that_learnt_race_by_healing_and_go_on_after_a_kill(tmp_path, text, start, capsys):
    make_checkpoint(tmp_path / "parent", "llama")
    make_checkpoint(tmp_path / "small", "llama", num_hidden_layers=1)
    asked = {**ASKED, "smaller": str(tmp_path / "small"), "gradient_checkpointing": True}
    path = study(tmp_path, tmp_path / "parent", text, **asked)
    began = time.monotonic()
    whole = shrunk(path, tmp_path / "whole", capsys)

    assert sum(whole["seconds"].values()) <= time.monotonic() - began  # no part is counted twice
    race = whole["search"]["race"]
    assert [(rung["share"], rung["trained"]) for rung in race["rungs"]] == [(0.5, 3), (1.0, 1)]
    assert race["standings"][0]["architecture"] == whole["winner"]["architecture"]
    assert whole["search"]["supernet"]["updates"] == 4
    assert whole["search"]["before"]["loss"] != whole["search"]["loss"]
    assert set(whole["baselines"]) >= {"parent", "smaller", "uniform-width"}
    assert "learns from the parent" in whole["baselines"]["smaller"]["about"]
    assert all(len(found) == (1 if name == "parent" else 2) for name, found in losses(whole).items())
    assert not list((tmp_path / "whole").glob("**/state*.safetensors"))  # nothing is gone on with any more

    process = start("shrink", str(path), "--out", str(tmp_path / "run"))
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "race.jsonl").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "run" / "result.json").exists()
    again = shrunk(path, tmp_path / "run", capsys, "--resume")
    assert losses(again) == losses(whole)
    assert again["winner"] == whole["winner"]


def test_two_processes_train_the_parts_that_one_does(tmp_path, text, start, capsys):
    """As torchrun starts them; by adapters, which are merged in the end."""
    make_checkpoint(tmp_path / "parent", "qwen2")
    supernet = {**ASKED["supernet"], "adapters": 2}
    path = study(tmp_path, tmp_path / "parent", text, constraints=["params<=90%"], supernet=supernet)
    alone = shrunk(path, tmp_path / "alone", capsys)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    rank = {"WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    words = ("shrink", str(path), "--out", str(tmp_path / "run"))
    for process in [start(*words, RANK=str(number), **rank) for number in range(2)]:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    both = json.loads((tmp_path / "run" / "result.json").read_text())
    assert both["search"]["supernet"]["loss"] == pytest.approx(alone["search"]["supernet"]["loss"], rel=1e-5)
    assert both["search"]["supernet"]["loss"] != alone["search"]["before"]["loss"]
    assert both["winner"]["architecture"] == alone["winner"]["architecture"]


def test_what_cannot_be_is_one_sentence(tmp_path, text, capsys, monkeypatch):
    make_checkpoint(tmp_path / "parent", "llama")
    path = study(tmp_path, tmp_path / "parent", text)
    out = ["--out", tmp_path / "run"]

    def refused(*arguments):
        code, said = told(capsys, path, *arguments, *out)
        assert (code, said.count("\n"), "Traceback" in said) == (2, 1, False), said
        return said

    assert "say how many updates (--heal 100)" in refused("--race", 4)
    assert "name a smaller one" in refused("--smaller", tmp_path / "parent")
    assert "there is no model" in refused("--smaller", tmp_path / "nothing")
    path.write_text(path.read_text().replace('"name"', '"supernet": {"update": 3}, "name"'))
    assert "updates" in refused()
    path = study(tmp_path, tmp_path / "parent", text)
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "2")
    assert "only training the parts is shared out" in refused()


def test_a_smaller_model_that_spells_otherwise_learns_from_the_text(tmp_path, text, capsys):
    make_checkpoint(tmp_path / "parent", "llama")
    make_checkpoint(tmp_path / "small", "qwen2", num_hidden_layers=1)
    path = study(tmp_path, tmp_path / "parent", text, heal=2, smaller=str(tmp_path / "small"))
    entry = shrunk(path, tmp_path / "run", capsys)["baselines"]["smaller"]
    assert "learns from the text, for it is spelt otherwise" in entry["about"]
    assert entry["metrics"]["after"]["bits_per_byte"] != entry["metrics"]["before"]["bits_per_byte"]


@pytest.mark.parametrize("target", ["hf", "gguf"])
def test_a_disk_that_is_full_in_the_middle_of_an_export_costs_nothing_but_the_export(tmp_path, text, target, capsys):
    if not may_mount(tmp_path):
        pytest.skip("file systems may not be mounted here")
    make_checkpoint(tmp_path / "parent", "llama")
    path, run = study(tmp_path, tmp_path / "parent", text, to=[target]), tmp_path / "run"
    disk = run / "exported"
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", disk], check=True)
    try:
        code, said = told(capsys, path, "--out", run)
        assert (code, said.count("\n"), "Traceback" in said) == (1, 1, False), said
        assert "disk is full" in said
        assert not list(disk.iterdir())
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        done = (run / "search" / "scores.jsonl").read_bytes()
        assert shrunk(path, run, capsys, "--resume")["exported"][target]
        assert (run / "search" / "scores.jsonl").read_bytes() == done
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_memory_is_asked_for_what_learns(tmp_path, text, monkeypatch):
    """Gradients and moments are of all weights, of adapters' few, or of none."""
    from foretell.errors import InputError
    from foretell.study.shrinking import read_shrink
    from foretell.study.shrinking.decoders import DecoderSubject

    model = make_checkpoint(tmp_path / "parent", "llama")
    parameters = sum(each.numel() for each in model.parameters())
    asked = read_shrink(study(tmp_path, tmp_path / "parent", text))
    vocabulary = model.config.vocab_size
    working = 24 * 32 * vocabulary + 160 * 32 * 64 * 2
    monkeypatch.setattr("foretell.study.shrinking.sources.available_memory", lambda: 4 * 2 * parameters + working)

    def prepared(**changes):
        return DecoderSubject(read_shrink({**asked.model_dump(mode="json"), **changes}))

    prepared()
    prepared(supernet={"updates": 2, "adapters": 2})
    for changes in ({"heal": 2}, {"supernet": {"updates": 2}}):
        with pytest.raises(InputError, match=r"leave out --\w+, add gradient_checkpointing: true"):
            prepared(**changes)
