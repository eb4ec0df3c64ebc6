"""`foretell llm` and `foretell propose`, as people run them."""

import json

import numpy as np
import pytest

from foretell import spaces
from foretell.cli import main
from foretell.observations import write_observations
from foretell.testing import make_observations
from tests.llm import fault_server

SPACE = spaces.create("small-seq2seq")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setenv("FORETELL_LLM", "")
    write_observations(tmp_path / "shown.jsonl", make_observations(SPACE, 9))
    return tmp_path


def run(capsys, *arguments):
    code = main(["-q", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_models_are_listed(capsys):
    code, out, _ = run(capsys, "llm", "list", "--json")
    assert code == 0
    assert {model["name"] for model in json.loads(out)["models"]} == {
        "gemma-3-270m",
        "minilm-l6-v2",
        "qwen2.5-coder-1.5b",
        "smollm2-135m",
    }


def test_an_unknown_model_is_one_sentence(capsys):
    code, out, err = run(capsys, "llm", "fetch", "gemma")
    assert (code, out) == (2, "")
    assert "did you mean" in err or "known are" in err


def test_a_ledger_that_is_not_there_is_one_sentence(capsys, home):
    code, _, err = run(capsys, "llm", "ledger")
    assert code == 2
    assert "made by the first call" in err


def test_the_ablation_has_seven_rows_and_the_probe_four(capsys, home, serve):
    server = serve()
    common = ["--observations", home / "shown.jsonl", "--llm", f"{server.url}#fake", "--demonstrations", 5]
    common += ["--options", "others=0", "--json"]
    code, out, err = run(capsys, "llm", "ablation", *common)
    assert code == 0, err
    assert len(json.loads(out)["rows"]) == 7
    code, out, _ = run(capsys, "llm", "probe", *common[:-1])
    *table, following = out.splitlines()
    assert all(row in "\n".join(table) for row in ("as it is", "names hidden", "labels shuffled", "both"))
    assert "was least wrong; it predicts by: foretell predict --predictor" in following
    assert following.endswith(f"--observations {home / 'shown.jsonl'} --architectures {home / 'shown.jsonl'}")
    code, out, _ = run(capsys, "llm", "repeatability", *common, "--n", 5)
    assert json.loads(out)["mean_sd"] == pytest.approx(0.0, abs=1e-9)
    assert sum(body.get("temperature") == 1.0 for body in server.bodies) == 15
    code, out, _ = run(capsys, "llm", "ledger", "--json")
    (total,) = json.loads(out)["models"]
    assert total["calls"] == server.succeeded
    assert total["dollars"] is None


def test_the_language_model_is_a_row_of_evaluate_and_predict(capsys, home, serve):
    server = serve()
    common = ["--observations", home / "shown.jsonl", "--llm", f"{server.url}#fake", "--json"]
    code, out, err = run(
        capsys, "evaluate", *common, "--predictor", "llm", "--demonstrations", 5, "--splits", "random:1"
    )
    assert code == 0, err
    assert any(row["predictor"] == "llm" for row in json.loads(out)["rows"])
    code, out, err = run(capsys, "predict", *common, "--predictor", "llm", "--architectures", home / "shown.jsonl")
    assert code == 0, err
    assert len(json.loads(out)["predictions"]) == 9


def test_a_model_that_says_nothing_of_use_is_no_success(capsys, home, serve):
    """A few replies are too few to give the model up; that nothing came of them is said all the same."""
    write_observations(home / "few.jsonl", make_observations(SPACE, 2))
    llm = f"{serve(says='A fine network indeed.').url}#fake"
    common = ["--observations", home / "shown.jsonl", "--llm", llm, "--predictor", "llm"]
    code, out, err = run(capsys, "predict", *common, "--architectures", home / "few.jsonl", "--json")
    assert code == 1
    assert "predicted none of the 2 architectures" in err
    assert len(json.loads(out)["predictions"]) == 2


def test_proposals_are_written_counted_and_kept_where_a_budget_ends(capsys, home, serve, monkeypatch):
    rows = SPACE.architectures(SPACE.sample(4, np.random.default_rng(0)))
    text = "Sure:\n" + "\n\n".join(row.to_text() for row in [*rows[:3], rows[0]])
    monkeypatch.setattr(fault_server, "answer_to", lambda prompt: text)
    server = serve()
    common = ["--llm", f"{server.url}#fake", "--json", "--out", home / "p.jsonl"]
    code, out, err = run(capsys, "propose", *common, "--n", 3, "--rounds", 2)
    assert code == 0, err
    found = json.loads(out)
    assert found["proposed"] == [row.to_dict() for row in rows[:3]]
    assert (found["asked"], found["valid"], found["repaired"], found["dropped"]) == (3, 3, 0, 1)
    code, out, err = run(capsys, "propose", *common, "--n", 9, "--rounds", 9, "--max-tokens", 9000, "--seed", 2)
    assert code == 4
    assert "raise the limit" in err
    assert len((home / "p.jsonl").read_text().splitlines()) == 3


def test_a_model_that_proposes_nothing_is_told_as_such(capsys, home, serve):
    llm = f"{serve(says='I am sorry, no.').url}#fake"
    code, _, err = run(capsys, "propose", "--llm", llm, "--out", home / "p.jsonl")
    assert code == 1
    assert "no architecture was proposed in 6 replies (0 valid, 0 repaired, 0 repeated, 48 dropped; the last" in err
    assert "begins 'I am sorry, no.')" in " ".join(err.split())


def test_who_proposes_may_be_given_up(capsys, home, serve):
    llm = f"{serve(delay=5.0).url}#fake"
    code, _, err = run(capsys, "propose", "--llm", llm, "--out", home / "p.jsonl", "--timeout", 0.2)
    assert code != 0
    assert "within 0.2 s" in err
