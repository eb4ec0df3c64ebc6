import json
import sys

import pytest

from foretell import spaces
from foretell.cli import main
from foretell.observations import ObservationSet
from foretell.testing import make_observations

ACCEPTED = "constant,params,flops,depth,column:HAT,calibrated:column:HAT,regression,auto"


@pytest.fixture
def folder(tmp_path):
    space = spaces.create("small-seq2seq")
    ObservationSet(space, tuple(make_observations(space, 20))).save(tmp_path / "seen")
    return tmp_path / "seen"


def test_the_published_table(published, capsys):
    arguments = ["--observations", str(published / "llmas"), "--task", "wmt14ende", "--predictor", ACCEPTED]
    assert main(["--quiet", "evaluate", *arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["predictor"]: row for row in document["rows"]}
    assert list(rows) == ACCEPTED.split(",")
    assert round(rows["column:HAT"]["mae"], 3) == 1.144
    assert round(rows["column:HAT"]["mae_sd"], 3) == 0.022
    assert round(rows["constant"]["mae"], 3) == 0.568
    assert rows["regression"]["mae"] <= 0.15
    assert rows["regression"]["tau"] >= 0.78
    assert rows["auto"]["mae"] <= 0.14
    assert rows["auto"]["tau"] >= 0.80
    assert rows["regression"]["labels"] == 10
    assert document["protocol"]["splits"] == "stored"
    assert document["protocol"]["names"] == ["123", "456", "789"]


def test_a_table_for_people(folder, capsys):
    assert (
        main(["--quiet", "evaluate", "--observations", str(folder), "--splits", "random:2", "--predictor", "ridge"])
        == 0
    )
    out = capsys.readouterr().out
    assert "depth" in out
    assert "ridge" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--demonstrations", "ten"], "cannot read the demonstrations"),
        (["--predictor", "regresion"], "did you mean 'regression'"),
        (["--metric", "rouge"], "no metric 'rouge'; it has valid_bleu"),
        (["--splits", "stored"], "no stored splits; use --splits random:3"),
    ],
)
def test_wrong_input_is_one_sentence(folder, capsys, arguments, sentence):
    assert main(["--quiet", "evaluate", "--observations", str(folder), *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_what_comes_with_foretell_needs_no_option(capsys):
    assert main(["--quiet", "evaluate", "--observations", "reference:en-de", "--draws", "20", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["protocol"]["splits"] == "random:20"
    assert document["protocol"]["names"] == [str(seed) for seed in range(20)]
    assert [row["predictor"] for row in document["rows"]] == [
        "constant",
        "params",
        "flops",
        "depth",
        "regression",
        "auto",
    ]


def test_predict_ranks_given_architectures(folder, tmp_path, capsys):
    seen = str(folder / "observations.jsonl")
    out = tmp_path / "predictor.json"
    arguments = ["--observations", str(folder), "--architectures", seen, "--predictor", "calibrated:column:score"]
    assert main(["--quiet", "predict", *arguments, "--save", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["labels"] == 20
    assert len(document["predictions"]) == 20
    assert all(row["mean"] is not None for row in document["predictions"])
    assert out.exists()
    assert main(["--quiet", "predict", *arguments]) == 0


def test_the_table_as_csv_names_its_command_and_is_the_same_again(tmp_path, monkeypatch):
    arguments = ["evaluate", "--observations", "reference:en-de", "--splits", "random:2", "--demonstrations", "4"]
    written = []
    for name in ("one.csv", "other.csv"):
        command = [*arguments, "--predictor", "flops", "--csv", str(tmp_path / name)]
        monkeypatch.setattr(sys, "argv", ["foretell", *command])
        assert main(command) == 0
        written.append((tmp_path / name).read_text())
    command, header, *rows = written[0].splitlines()
    assert command.startswith("# foretell evaluate --observations reference:en-de")
    assert header.startswith("predictor,demonstrations,labels,mae,mae_low,mae_high,tau")
    assert [row.split(",")[0] for row in rows] == ["constant", "params", "depth", "flops"]
    assert written[1].splitlines()[1:] == written[0].splitlines()[1:]
