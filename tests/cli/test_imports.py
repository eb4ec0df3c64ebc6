"""From a CSV file to a prediction in three commands."""

import json

import pytest

from foretell.cli import main


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = ["g_layers,g_width,g_mixer,params,val_loss,note"]
    for layers in (2, 4, 8):
        for width in (64, 128, 256):
            for mixer in ("gru", "lstm"):
                size = 12 * layers * width**2
                rows.append(f"{layers},{width},{mixer},{size},{1.7 + 20 * size**-0.25 + 0.1 * (mixer == 'gru'):.4f},x")
    (tmp_path / "runs.csv").write_text("\n".join(rows))
    (tmp_path / "candidates.jsonl").write_text(
        '{"layers": 2, "width": 64, "mixer": "gru"}\n{"layers": 8, "width": 256, "mixer": "lstm"}\n'
    )
    return tmp_path


def test_a_sheet_is_told_from_observations(tmp_path, capsys):
    (tmp_path / "runs.csv").write_text("g_a,y\n1,2\n2,3\n")
    assert main(["evaluate", "--observations", str(tmp_path / "runs.csv"), "--predictor", "ridge"]) == 2
    assert f"`foretell import csv {tmp_path / 'runs.csv'} --metric NAME:max`" in capsys.readouterr().err


def test_a_csv_becomes_a_table_is_judged_and_predicts(runs, capsys):
    assert main(["import", "csv", "runs.csv", "--metric", "val_loss:min", "--out", "runs.table", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["genes"] == ["layers", "width", "mixer"]
    command = [
        "evaluate",
        "--observations",
        "runs.table",
        "--predictor",
        "auto",
        "--splits",
        "random:2",
        "--draws",
        "5",
    ]
    assert main([*command, "--demonstrations", "8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["protocol"]["metric"] == "val_loss"
    assert not found["protocol"]["higher_is_better"]
    assert found["protocol"]["same_size"] == "params"
    assert {row["predictor"] for row in found["rows"]} == {"constant", "log-params", "power-law(residual=none)", "auto"}
    assert main(["predict", "--observations", "runs.table", "--architectures", "candidates.jsonl", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    worse, better = (each["mean"] for each in said["predictions"])
    assert said["metric"] == "val_loss"
    assert 1.7 < better < worse < 4


def test_what_is_wrong_is_one_sentence(runs, capsys):
    assert main(["import", "csv", "runs.csv", "--metric", "loss:min"]) == 2
    assert "val_loss" in capsys.readouterr().err
    assert main(["import", "csv", "runs.csv", "--metric", "val_loss:min", "--genes", "g_layers", "--group", "no"]) == 2
    assert "group" in capsys.readouterr().err


def test_published_tables_are_evaluated_by_name(capsys):
    command = ["evaluate", "--observations", "published:open-lm", "--predictor", "log-params", "--splits", "random:2"]
    assert main([*command, "--draws", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["protocol"]["same_size"] == "params_no_embed"
    assert main(["observations", "show", "published:open-lm"]) == 0
    assert "val_loss (lower is better): 130 architectures" in capsys.readouterr().out
