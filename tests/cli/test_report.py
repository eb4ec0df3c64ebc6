import json
from dataclasses import replace

import pytest

from foretell import spaces
from foretell.cli import main
from foretell.cli.report import draw_page
from foretell.observations import ObservationSet
from foretell.testing import make_observations
from tests.report.conftest import write_run

SPACE = spaces.create("small-seq2seq")


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def test_a_run_is_drawn_and_what_is_missing_said(run, capsys):
    assert main(["--quiet", "report", str(run)]) == 0
    captured = capsys.readouterr()
    page, use = captured.out.splitlines()
    assert page == str(run / "report.html")
    assert use.startswith(f"It translates: foretell translate {run} ")
    assert "no latency: the folder has no latency.json" in captured.err
    assert (run / "report.html").read_text().startswith("<!doctype html>")


def test_several_runs_and_their_figures(run, tmp_path, capsys):
    out, figures = tmp_path / "all.html", tmp_path / "figures"
    arguments = ["report", str(run), str(run), "--out", str(out), "--figures", str(figures), "--json"]
    assert main(["--quiet", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["report"] == str(out)
    written = {path.relative_to(figures).as_posix() for path in figures.rglob("*") if path.is_file()}
    assert len(written) == len(document["figures"])
    assert {"compare-fronts.svg", "1-toy/pareto.png", "2-toy/evaluations.svg"} <= written


def test_the_papers_figures_of_labels(tmp_path, capsys):
    ObservationSet(SPACE, tuple(make_observations(SPACE, 12))).save(tmp_path / "labels")
    figures = tmp_path / "figures"
    arguments = ["--observations", str(tmp_path / "labels"), "--predictor", "depth,column:score"]
    assert main(["--quiet", "report", *arguments, "--figures", str(figures)]) == 0
    drawn, table = capsys.readouterr().out.splitlines()
    assert drawn == str(figures)
    labels = f"--observations {tmp_path / 'labels'} --predictor depth,column:score"
    assert table == f"The same as a table: foretell evaluate {labels}"
    names = ("predicted-against-true", "discordant-histogram", "discordant-cdf")
    assert {path.name for path in figures.iterdir()} == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give the folders of runs, or --observations"),
        (["somewhere", "--observations", "labels"], "give the folders of runs, or --observations"),
        (["--observations", "labels"], "give --figures DIR"),
        (["nowhere"], "nowhere holds no finished run"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, sentence, capsys):
    assert main(["--quiet", "report", *arguments]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_page_that_cannot_be_drawn_loses_nothing_of_the_search(run, capsys, monkeypatch):
    before = (run / "result.json").read_bytes()
    (run / "search" / "scores.jsonl").write_text('{"space": "another"}\n')
    assert draw_page(run) is None
    assert (run / "result.json").read_bytes() == before
    err = capsys.readouterr().err
    assert err.startswith("foretell: note: no page: ")
    assert err.endswith(f"`foretell report {run}` draws it.\n")


def test_a_fault_of_our_own_loses_nothing_either(run, capsys, monkeypatch):
    import foretell.report

    monkeypatch.setattr(foretell.report, "write_report", lambda path: 1 / 0)
    assert draw_page(run) is None
    assert "unexpected ZeroDivisionError" in capsys.readouterr().err


def test_a_page_on_a_full_disk_is_a_note(run, capsys):
    (run / "report.html").mkdir()
    assert draw_page(run) is None
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_help_has_an_example(capsys):
    assert main(["report", "--help"]) == 0
    assert "foretell report runs/home-assistant-en-de" in capsys.readouterr().out


def test_a_page_takes_the_place_of_a_page_alone(run, tmp_path, capsys):
    result = run / "result.json"
    before = result.read_bytes()
    assert main(["--quiet", "report", str(run), "--out", str(result)]) == 2
    assert "is no page and would be lost" in " ".join(capsys.readouterr().err.split())
    assert result.read_bytes() == before
    for _ in range(2):
        assert main(["--quiet", "report", str(run), "--out", str(tmp_path / "page.html")]) == 0


def test_labels_that_are_all_alike_are_one_sentence(tmp_path, capsys):
    same = [replace(item, metrics={"valid_bleu": 20.0}) for item in make_observations(SPACE, 12)]
    ObservationSet(SPACE, tuple(same)).save(tmp_path / "labels")
    arguments = ["--observations", str(tmp_path / "labels"), "--predictor", "regression", "--figures", str(tmp_path)]
    assert main(["--quiet", "report", *arguments]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "fault of foretell" not in err
