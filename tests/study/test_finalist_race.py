"""The race of a study that trains by itself: networks of a toy pair, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.study import StudyConfig, load_study
from tests.study.conftest import STUDY

pytestmark = pytest.mark.network

RACE = "race: {entrants: 4, rungs: [25%, 50%, 100%], finishers: 1, metric: valid_loss}"
TAUGHT = STUDY.replace("teacher: supernet", "teacher: regression").replace(
    'schedule: "distilled:1-3,supernet:4-6"', f'schedule: "distilled:1-3", {RACE}'
)
TIMES = {"stages", "latency_ms", "predicted_latency_ms", "interval_ms", "predicted_interval_ms", "latency_interval_ms"}

RUN = """
import sys
from pathlib import Path
from foretell.study import load_study, run_study
if __name__ == "__main__":
    run_study(load_study(Path(sys.argv[1])), Path(sys.argv[2]), resume=True)
"""


def timeless(value):
    """A result without what the clock had a part in."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in TIMES and "seconds" not in key}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def one_core():
    """What decides which entrant goes on early is which training ends first: with one worker nothing does."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_race_killed_on_its_second_rung_ends_as_one_left_alone_and_trains_on_from_parts(tmp_path, study_file):
    study_file.write_text(TAUGHT)

    def start(out, cache):
        environment = {**os.environ, "FORETELL_CACHE": str(tmp_path / cache), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", RUN, str(study_file), str(tmp_path / out)]
        return subprocess.Popen(command, env=environment, cwd=tmp_path, preexec_fn=one_core)

    assert start("whole", "a").wait(timeout=300) == 0
    whole = json.loads((tmp_path / "whole" / "result.json").read_text())
    process = start("cut", "b")
    while lines(tmp_path / "cut" / "race.jsonl") < 11:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert start("cut", "b").wait(timeout=300) == 0
    cut = json.loads((tmp_path / "cut" / "result.json").read_text())
    for key in whole:
        assert timeless({key: cut[key]}) == timeless({key: whole[key]})

    race = whole["race"]
    assert [rung["trained"] for rung in race["rungs"]] == [4, 2, 1]
    assert not race["anew"]
    assert whole["winner"]["architecture"] == race["standings"][0]["architecture"]
    # The winner's training is the continuation of its rungs: the store has one folder for all of them.
    assert whole["winner"]["metrics"]["valid_loss"] == race["standings"][0]["seen"][-1]["metrics"]["valid_loss"]
    assert whole["winner"]["provenance"]["updates"] == 60
    assert len(list((tmp_path / "a").glob("trained/*"))) == 5  # four entrants and a baseline
    assert not list((tmp_path / "a").glob("supernets/*"))  # no schedule asks for one
    assert set(whole["stages"]) == {"corpus", "latency", "supernet", "distil", "search", "race", "train"}
    rules = {each["rule"]: each for each in whole["rules"]}
    assert list(rules) == ["most-flops", "most-parameters", "uniform", "regression", "random"]
    for each in rules.values():
        assert each["trained"] or each["predicted"]["by"] == "regression"


@pytest.mark.parametrize(
    ("race", "error", "sentence"),
    [
        ({"rungs": ["50%", "25%", "100%"]}, InputError, "search.race.rungs: the rungs 50%, 25%, 100% are not in order"),
        ({"rungs": ["50%", "200%"]}, InputError, "the rung 200% is above 100 %"),
        ({"entrants": 1}, InputError, "search.race.entrants is 1"),
        ({"entrance": 3}, UnknownNameError, "did you mean 'entrants'"),
    ],
)
def test_a_race_that_makes_no_sense_is_refused_with_its_place(race, error, sentence):
    with pytest.raises(error, match=sentence):
        load_study(None, {"search": {"race": race}})


def test_a_study_without_a_race_says_nothing_of_one():
    assert "race" not in StudyConfig().to_yaml()
    named = load_study(None, {"search": {"race": {}}})
    assert named.search.race is not None
    assert named.search.race.entrants == 12
    assert "race:" in named.to_yaml()
