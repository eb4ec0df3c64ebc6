"""Metrics of the user's own in a study: a race for one, in the result, in the records, refused early."""

import json
import os
import sys

import pytest
import yaml

from foretell import spaces
from foretell.errors import InputError
from foretell.observations import read_observations
from foretell.study import load_study
from foretell.study.preflight import refuse_early

# Says how many letters of the references were not found; counts how often it was asked.
PROGRAM = """
import sys
said, right, asked = (open(path, encoding="utf-8").read().splitlines() for path in sys.argv[1:])
assert len(said) == len(right) == len(asked)
open("calls", "a").write(f"{len(said)}\\n")
missed = sum(letter not in line for line, wanted in zip(said, right) for letter in wanted.replace(" ", ""))
print("hypotheses.txt\\tscore:", missed / len(right))
"""
METRICS = {
    "missed": {
        "command": f"{sys.executable} -I score.py {{hypotheses}} {{references}} {{sources}}",
        "higher_is_better": False,
        "label": "letters missed",
    }
}
SEARCH = {
    "schedule": "supernet:1-2",
    "evolution": {"population": 6, "parents": 2, "mutations": 2, "crossovers": 2},
    "race": {"entrants": 2, "rungs": ["50%", "100%"], "metric": "valid_missed"},
}


@pytest.fixture
def scored(study_file):
    (study_file.parent / "score.py").write_text(PROGRAM)
    study = yaml.safe_load(study_file.read_text()) | {"metrics": METRICS, "search": SEARCH}
    study_file.write_text(yaml.safe_dump(study))
    return study_file


@pytest.mark.network
def test_a_race_is_run_for_a_metric_that_only_the_users_program_knows(scored, tmp_path, start):
    def run(*words):
        process = start(*words)
        out, err = process.communicate()
        assert process.returncode == 0, err
        return out

    found = json.loads(run("search", scored, "--out", "run", "--json"))
    entries = [found["winner"], found["baselines"]["smallest"]]
    assert {"valid_missed", "test_missed", "test_bleu"} <= set(entries[0]["metrics"])
    (metric,) = found["metrics"]
    assert (metric["name"], metric["label"], metric["higher_is_better"]) == ("test_missed", "letters missed", False)
    race = found["race"]
    assert (race["metric"]["name"], race["metric"]["higher_is_better"]) == ("valid_missed", False)
    seen = {s["entrant"]: s["seen"][-1]["metrics"]["valid_missed"] for s in race["standings"] if len(s["seen"]) == 2}
    assert entries[0]["metrics"]["valid_missed"] == min(seen.values())
    told = json.loads((tmp_path / "run" / "winner" / "observation.json").read_text())["observation"]
    assert told["metrics"] == entries[0]["metrics"]

    # Tried once on two sentences before anything is trained, then once for each network and split.
    calls = (tmp_path / "calls").read_text().split()
    assert calls[0] == "2"
    assert "test letters missed" in run("search", scored, "--out", "run", "--resume")
    assert (tmp_path / "calls").read_text().split() == calls

    # Labels have it, and what was trained for the race is not trained again.
    run("train", tmp_path / "run" / "winner" / "architecture.yaml", "--study", scored, "--out", "one")
    again = json.loads((tmp_path / "one" / "observation.json").read_text())["observation"]
    assert again["metrics"] == told["metrics"]
    run("train", "--observe", 1, "--study", scored, "--out", "labels")
    assert "valid_missed" in read_observations(tmp_path / "labels" / "observations.jsonl")[0].metrics


@pytest.mark.network
def test_a_scorer_that_does_not_work_stops_before_anything_is_trained(scored, tmp_path, start):
    space = spaces.create("small-seq2seq")
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(space.smallest().to_dict()))
    (tmp_path / "score.py").write_text("raise SystemExit('no such model')")
    words = ("train", "small.yaml", "--study", scored, "--out", "one")
    process = start(*words)
    _, err = process.communicate()
    assert process.returncode == 2
    assert "the scorer missed failed: the command ended with exit code 1: no such model" in err
    assert not (tmp_path / "cache" / "trained").exists()
    # Corrected, the same command just runs: nothing was paid for.
    (tmp_path / "score.py").write_text(PROGRAM)
    process = start(*words)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "valid letters missed" in out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metrics": {"x": {"command": "nothing {hypotheses}"}}}, "'nothing' is not on the PATH"),
        ({"metrics": {"comet": {**METRICS["missed"]}}}, "declared with lower is better, but it is COMET"),
        ({"task": "language_model", "space": "small-lm"}, "what a language_model says has no reference"),
    ],
)
def test_what_cannot_work_is_refused_early(scored, change, says):
    study = yaml.safe_load(scored.read_text()) | change
    if "task" in change:
        study = {key: study[key] for key in ("metrics", "task", "space")}
    scored.write_text(yaml.safe_dump(study))
    with pytest.raises(InputError) as caught:
        refuse_early(load_study(scored))
    assert says in str(caught.value)


def test_a_program_is_looked_for_beside_the_study(scored, monkeypatch):
    monkeypatch.chdir(os.sep)
    (scorer,) = load_study(scored).scorers()
    assert scorer.settings.cwd == scored.parent
