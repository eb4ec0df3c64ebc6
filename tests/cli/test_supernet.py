import json
import shlex
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from foretell import spaces
from foretell.cli import main
from foretell.observations import write_observations
from foretell.study import supernets, training, use
from foretell.study.architectures import write_architecture
from foretell.testing import make_observations
from foretell.training import KINDS
from tests.study.conftest import study_file  # noqa: F401 - a fixture

pytestmark = pytest.mark.network

SPACE = spaces.create("small-seq2seq")


@pytest.fixture
def command(tmp_path, study_file, monkeypatch, capsys):  # noqa: F811
    """Run `foretell ...` on the toy study in this process, its jobs too; what it printed."""
    for module in (training, supernets, use):
        monkeypatch.setattr(module, "run_jobs", lambda jobs, *_, **__: [job.function(**job.arguments) for job in jobs])
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0):
        found = main(["--quiet", *map(str, arguments), "--study", str(study_file)])
        out, err = capsys.readouterr()
        assert found == code, err
        return out if code == 0 else " ".join(err.split())

    return run


@pytest.fixture
def observed(tmp_path):
    """Five architectures as if trained from scratch on the toy task."""
    items = [replace(o, metrics={**o.metrics, "valid_loss": 5.0}) for o in make_observations(SPACE, 5)]
    write_observations(tmp_path / "observed.jsonl", items)
    return tmp_path / "observed.jsonl"


def test_all_kinds_train_from_one_command_and_stand_in_one_table(tmp_path, command, observed):
    compare = ("supernet", "compare", "--observations", observed, "--updates", 6, "--divisions", 3)
    whole = json.loads(command(*compare, "--json"))
    assert [row["kind"] for row in whole["rows"]] == list(KINDS)
    for row in whole["rows"]:
        assert row["updates"] == 6
        assert row["training_seconds"] > 0
        assert row["peak_memory_mb"] > 50
        assert -1 <= row["raw"]["tau"] <= 1
        assert row["raw"]["mae_bits"] > 0
        assert row["calibrated"]["mae"] > 0
    sizes = {row["kind"]: row["parameters"] for row in whole["rows"]}
    assert sizes["spos"] == sizes["sandwich"] < sizes["layerwise-mos"] < sizes["neuronwise-mos"]
    assert [row["predictor"] for row in whole["trivial"]] == ["constant", "params", "flops", "depth"]
    assert whole["protocol"]["architectures"] == 5

    # What is trained is found; translations of inherited weights are added, and kept.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("supernets/*/model.safetensors")}
    translated = json.loads(command(*compare, "--kinds", "spos", "--translate", "--json"))
    assert translated["rows"][0]["raw"]["inherited_valid_bleu"]["mae"] > 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    (kept,) = (tmp_path / "cache").glob("supernets/*/inherited.jsonl")
    assert [set(json.loads(line)["metrics"]) for line in kept.read_text().splitlines()] == [
        {"valid_bleu", "valid_chrf", "valid_ter"}
    ] * 5
    table = command(*compare, "--kinds", "spos,neuronwise-mos")
    assert all(name in table for name in ("spos", "neuronwise-mos", "constant", "depth"))
    *lines, last = table.splitlines()
    assert max(map(len, lines)) <= 80
    following = shlex.split(last.partition(": foretell ")[2])
    assert following[following.index("--kind") + 1] in ("spos", "neuronwise-mos")
    assert following[-2:] == ["--updates", "6"]  # which the kept supernets were trained with
    assert "score" in command(*following[: following.index("--study")], "--updates", 6)
    assert kept.read_text().count("\n") == 5


def test_a_supernet_scores_and_hands_its_weights_on(tmp_path, command):
    write_architecture(tmp_path / "arch.yaml", SPACE.smallest())
    options = ("--kind", "layerwise-mos", "--experts", 3, "--sampler", "architectures", "--updates", 20)
    assert "train it first" in command("supernet", "score", "arch.yaml", *options, code=2)
    trained = json.loads(command("supernet", "train", *options, "--json"))
    assert trained["kind"] == "layerwise-mos"
    assert json.loads(command("supernet", "score", "arch.yaml", *options, "--json"))["scores"][0]["score"] < 0
    start = ("train", "arch.yaml", "--json")
    warm = json.loads(command(*start, "--inherit", trained["folder"], "--out", "warm"))["observations"][0]
    cold = json.loads(command(*start, "--out", "cold"))["observations"][0]
    assert warm["provenance"]["history"][0]["train_loss"] < cold["provenance"]["history"][0]["train_loss"]
    assert "inherited" not in cold["provenance"]
    sentence = "is of a single architecture; expected a supernet of the space small-seq2seq"
    assert sentence in command(*start, "--inherit", tmp_path / "cold", "--out", "third", code=2)
    assert not (tmp_path / "third").exists()
    assert "give its file, too" in command("train", "--observe", 2, "--inherit", trained["folder"], code=2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--kind", "layerwise-mos", "--experts", "1"], "a mixture of 1 experts was asked for"),
        (["train", "--kind", "spos", "--distillation", "0.5"], "spos trains one architecture an update"),
        (["compare", "--kinds", "spos,sandwhich"], "did you mean 'sandwich'"),
        (["compare", "--space", "hat-wmt14-en-de"], "are of the space small-seq2seq; expected hat-wmt14-en-de"),
        (["compare"], "observations were made on another corpus or vocabulary"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, sentence, command):
    assert sentence in command("supernet", *arguments, code=2)


def test_too_few_observations_are_refused(command, observed):
    observed.write_text("".join(observed.read_text().splitlines(keepends=True)[:3]))
    found = command("supernet", "compare", "--observations", observed, code=2)
    assert "3 architectures were observed; a comparison needs at least 5" in found


@pytest.fixture
def together(start, study_file):  # noqa: F811
    """Two processes of one command, as torchrun starts them; exit code, output and errors of each."""

    def run(*arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        both = [
            start(*arguments, "--study", study_file, RANK=str(rank), LOCAL_RANK=str(rank), **shared)
            for rank in range(2)
        ]
        said = [process.communicate() for process in both]
        return [(process.returncode, *each) for process, each in zip(both, said, strict=True)]

    return run


def test_of_two_processes_one_prints_and_writes(study_file, together):  # noqa: F811
    recipe = "{recipe: {updates: 4, validate_every: 2, max_tokens: 128, tokens_per_update: 256}}"
    text = study_file.read_text().splitlines()
    study_file.write_text("\n".join(f"supernet: {recipe}" if line.startswith("supernet:") else line for line in text))
    (first, out, err), (second, nothing, _) = together("supernet", "train", "--json")
    assert (first, second, nothing) == (0, 0, ""), err
    assert {path.name for path in Path(json.loads(out)["folder"]).glob("[!.]*")} == {
        "model.safetensors",
        "state.safetensors",
        "training.json",
        "validation.safetensors",
    }


def test_more_processes_than_micro_batches_are_refused(together):
    for code, _, err in together("supernet", "train"):
        assert code == 2
        assert "an update has 1 micro-batch(es), too few for 2 processes; start fewer, raise" in " ".join(err.split())


def test_processes_that_nothing_would_start_are_refused(command):
    assert "--processes is of the executor ray" in command("supernet", "train", "--processes", 2, code=2)
