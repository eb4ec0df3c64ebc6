import json
from pathlib import Path

import pytest

from foretell import spaces
from foretell.cli import main
from foretell.records import read_json
from foretell.study.architectures import write_architecture
from tests.costs.latency.published import write_csv

SMALL = spaces.create("small-seq2seq")
QUICK = ["--vocabulary", "50", "--length", "3", "--beam", "2", "--width", "0.9"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


@pytest.fixture
def samples(run, tmp_path: Path) -> Path:
    """An imported file of 300 rows, 60 of which were slow."""
    csv = write_csv(tmp_path / "wmt14ende_gpu_toy_all.csv", 300, slow=slice(120, 180))
    code, out, _ = run("import", "hat-latency", csv, "--out", tmp_path / "samples.jsonl", "--json")
    assert code == 0
    assert json.loads(out)["samples"] == 300
    return tmp_path / "samples.jsonl"


def test_fit_prints_what_it_promises(run, samples: Path):
    code, out, _ = run("latency", "fit", samples, "--json")
    assert code == 0
    value = json.loads(out)
    assert {"name", "rmse_ms", "mapd", "seconds"} <= set(value["models"][0])
    assert value["chosen"] in [model["name"] for model in value["models"]]
    (block,) = value["drift_blocks"]
    assert abs(block["first"] - 120) <= 2
    assert abs(block["last"] - 179) <= 2
    assert sum(model["seconds"] for model in value["models"]) < 2


def test_the_published_block_is_found_without_being_told(run, published: Path, tmp_path: Path):
    csv = published / "hat" / "latency_dataset" / "wmt14ende_gpu_titanxp_all.csv"
    assert run("import", "hat-latency", csv, "--out", tmp_path / "F")[0] == 0
    code, out, _ = run("latency", "fit", tmp_path / "F", "--json")
    value = json.loads(out)
    assert code == 0
    assert [(block["first"], block["last"]) for block in value["drift_blocks"]] == [(1263, 1499)]


def test_fit_for_people(run, samples: Path):
    code, out, _ = run("latency", "fit", samples, "--model", "physical", "--curve")
    assert code == 0
    assert "slow block: rows 1" in out
    assert "Error after so many samples" in out
    *lines, following = out.splitlines()
    assert "foretell" in following  # a command is not broken
    assert max(map(len, lines)) <= 80


def test_a_predictor_is_refused_for_another_space_or_device(run, samples: Path, tmp_path: Path):
    predictor = tmp_path / "predictor.json"
    assert run("latency", "fit", samples, "--model", "physical", "--out", predictor)[0] == 0
    assert read_json(predictor)["space"] == "hat-wmt14-en-de"
    architecture = tmp_path / "architecture.yaml"
    write_architecture(architecture, SMALL.smallest())
    code, _, err = run("latency", "predict", predictor, architecture, "--space", "small-seq2seq")
    assert code == 2
    assert "was fitted on the space hat-wmt14-en-de; small-seq2seq was asked for" in err
    code, out, _ = run("latency", "predict", predictor, architecture, "--space", "small-seq2seq", "--force")
    following = f"foretell train {architecture}:{SMALL.smallest().key} --space small-seq2seq"
    assert (code, out.splitlines()[-1]) == (0, f"The fastest of them is trained by: {following}")
    wide = spaces.create("hat-wmt14-en-de")
    write_architecture(architecture, wide.largest())
    predict = ("latency", "predict", predictor, architecture, "--space", wide.name)
    code, _, err = run(*predict, "--device", "cpu")
    assert code == 2
    assert "was fitted on the device gpu_toy" in err
    code, out, _ = run(*predict, "--json")
    (line,) = json.loads(out)["predictions"]
    assert line["interval_ms"][0] < line["latency_ms"] < line["interval_ms"][1]


@pytest.mark.network
def test_measure_resumes_and_adds(run, tmp_path: Path):
    out = tmp_path / "latency.jsonl"
    measure = ("latency", "measure", "--out", out, *QUICK, "--json")
    code, text, _ = run(*measure, "--n", "4")
    assert code == 0
    assert json.loads(text)["samples"] == 4
    first = out.read_text()
    code, text, _ = run(*measure, "--n", "6")
    assert json.loads(text)["samples"] == 6
    assert out.read_text().startswith(first)
    assert set(json.loads(text)["drift"]) >= {"median_drift", "worst_drift"}
    code, _, err = run("latency", "fit", out)
    assert code == 2
    assert "6 latencies are too few for 13 parts" in err


@pytest.mark.network
def test_measure_for_people_says_what_is_not_told(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from foretell.costs.latency import sensors

    monkeypatch.setattr(sensors, "_POWERCAP", tmp_path / "nothing")
    code, text, err = run("latency", "measure", "--out", tmp_path / "l.jsonl", *QUICK, "--n", 2, "--resources")
    assert code == 0
    assert "drift of the probe" in text
    assert "exposes no energy counter" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["measure", "--device", "cuda:77"], "the device cuda:77 is not there"),
        (["measure", "--device", "toaster"], "'toaster' is not a device"),
        (["measure", "--space", "smal-seq2seq"], "did you mean 'small-seq2seq'"),
        (["measure", "--precision", "float31"], "did you mean 'float32'"),
        (["measure", "--runtime", "llamacpp"], "did you mean 'llama.cpp'"),
        (["measure", "--cost", "prefil_latency"], "small-seq2seq"),
        (["measure", "--width", "2"], "the width 2 is not between 0 and 1"),
        (["fit", "nothing.jsonl"], "nothing.jsonl does not exist"),
        (["fit", "."], "is a folder"),
        (["predict", "p.json", "a.yaml", "--confidence", "3"], "the confidence 3 is not between 0 and 1"),
        (["predict", "p.json", "a.yaml"], "p.json does not exist"),
        (["export", "."], "holds no trained network"),
    ],
)
def test_bad_input_is_one_sentence(run, arguments: list[str], sentence: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("latency", *arguments)
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


def test_export_prints_both_times(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from foretell import costs
    from foretell.study import use

    def export(network: object, form: str, out: Path) -> dict[str, object]:
        files = ["encoder.onnx", "step.onnx"]
        return {
            "original_ms": 6.5,
            "exported_ms": 4.25,
            "difference": 1e-6,
            "tokens": 10,
            "beam": 4,
            "files": files,
            "out": out,
        }

    monkeypatch.setattr(use, "trained_network", lambda run: run)
    monkeypatch.setattr(costs, "export_network", export)
    code, out, _ = run("latency", "export", tmp_path, "--format", "onnx")
    assert code == 0
    assert "6.50" in out
    assert "4.25" in out
    assert "encoder.onnx, step.onnx written to" in out
    assert f"foretell translate {tmp_path}" in out.splitlines()[-1]
