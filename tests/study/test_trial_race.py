"""Races of studies of trials: by function, command and table, killed and gone on with."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import foretell
from foretell.cli.results import print_trials
from foretell.errors import InputError
from foretell.objectives import Fidelities, FunctionObjective
from foretell.observations import Observation, ObservationWriter
from foretell.predictors import Predictor
from foretell.study import trial_race
from foretell.study.files import read_study
from foretell.study.opening import open_study, run_trials
from tests.zygote import PYTHON

GENES = {"layers": [1, 2, 3, 4, 5, 6], "width": [8, 16, 32, 48, 64], "mixer": ["attention", "gru"]}
COSTS = {"params": "layers * width ** 2"}
RACE = {"entrants": 8, "rungs": ["25%", "50%", "100%"], "finishers": 2}


def loss(architecture, fidelity=400) -> float:
    end = 5 - np.log(architecture["layers"] * architecture["width"]) + (architecture["mixer"] == "gru")
    return float(end + 40 / (fidelity + 10))


def objective(function=loss, continued=True):
    return FunctionObjective(
        function, ("val_loss",), fidelities=Fidelities(unit="updates", full=400, continued=continued)
    )


def create(folder, **more):
    settings = {"metric": "val_loss", "direction": "minimize", "constraints": ["params<=4k"], "race": RACE, **more}
    return foretell.create_study(foretell.SearchSpace(GENES, costs=COSTS), storage=folder, **settings)


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if "seconds" not in key}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def test_finalists_race_after_the_trials_and_those_trained_in_full_become_trials(tmp_path):
    study = create(tmp_path / "run", trials=6)
    study.optimize(objective())
    result = result_of(tmp_path / "run")
    race = result["race"]
    assert [rung["trained"] for rung in race["rungs"]] == [8, 4, 2]
    assert race["probability"] == pytest.approx(max(each["chance"] for each in race["standings"]), abs=1e-3)
    raced = [each for each in result["trials"] if each.get("raced")]
    assert len(result["trials"]) == 8
    assert len(raced) == 2
    # No entrant is a copy of another one or of a trial, and all keep the limits.
    keys = [json.dumps(each["architecture"]) for each in race["standings"]]
    tried = [json.dumps(each["architecture"]) for each in result["trials"] if not each.get("raced")]
    assert len(set(keys + tried)) == len(keys) + len(tried) == 14
    assert all(each["layers"] * each["width"] ** 2 <= 4000 for each in map(json.loads, keys))
    assert study.best_params == {"layers": 3, "width": 32, "mixer": "attention"}
    study.optimize(objective())
    assert timeless(result_of(tmp_path / "run")) == timeless(result)


def test_simple_rules_stand_beside_the_winner_and_say_whether_they_were_trained(tmp_path):
    create(tmp_path / "run", trials=6, race={**RACE, "rules": True}).optimize(objective())
    result = result_of(tmp_path / "run")
    rules = {each["rule"]: each for each in result["rules"]}
    assert list(rules) == ["most-parameters", "uniform", "regression", "random"]
    trained = {json.dumps(each["architecture"]): each["metrics"] for each in result["trials"]}
    raced = {json.dumps(each["architecture"]) for each in result["race"]["standings"]}
    for each in rules.values():
        key = json.dumps(each["architecture"])
        assert each["trained"] == (key in trained)
        if each["trained"]:
            assert each["metrics"] == trained[key]
        else:
            assert each["predicted"]["by"] == "regression"
    for name in ("most-parameters", "uniform"):
        assert json.dumps(rules[name]["architecture"]) in raced | set(trained)


def test_without_trials_everything_races(tmp_path):
    study = create(tmp_path / "run", trials=0)
    study.optimize(objective())
    assert len(study.trials) == 2
    assert all(trial.raced for trial in study.trials)
    assert result_of(tmp_path / "run")["race"]["rungs"][0]["trained"] == 8


def test_what_a_study_begins_with_races_where_there_are_no_trials(tmp_path):
    first = {"layers": 1, "width": 8, "mixer": "gru"}  # the worst, which nothing would choose
    study = create(tmp_path / "run", trials=0, initial=[first, {"layers": 6, "width": 64, "mixer": "gru"}])
    study.optimize(objective())
    architectures = [each["architecture"] for each in result_of(tmp_path / "run")["race"]["standings"]]
    assert first in architectures
    assert len(architectures) == 8


def test_a_study_without_a_race_stays_as_it_was(tmp_path):
    study = create(tmp_path / "run", race=None, trials=4)
    study.optimize(loss)
    assert "race" not in (tmp_path / "run" / "study.yaml").read_text()
    assert "race" not in result_of(tmp_path / "run")
    assert not (tmp_path / "run" / "race.jsonl").exists()


def test_a_failed_training_in_the_middle_of_a_rung_leaves_the_race_to_the_others(tmp_path):
    failed = []

    def train(architecture, fidelity):
        if fidelity == 200 and not failed:
            failed.append(architecture)
            raise MemoryError("out of memory")
        return loss(architecture, fidelity)

    study = create(tmp_path / "run", trials=3)
    study.optimize(objective(train))
    race = result_of(tmp_path / "run")["race"]
    assert [rung["trained"] - rung["failed"] for rung in race["rungs"]] == [8, 4, 2]
    assert any("out of memory" in each.get("failed", "") for each in race["standings"])


class Partial(Predictor):
    """Is taught partial trainings, too; notes what it is taught."""

    name, learns, partial = "partial", False, True
    taught: ClassVar[list[list[Observation]]] = []

    def fit(self, observations):
        self.taught.append(list(observations))
        return self

    def fresh(self):
        return self

    def _score(self, population):
        return population.sum(axis=1).astype(float), None


def test_trials_that_all_failed_teach_the_race_s_predictor_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(trial_race, "create", lambda _, context: Partial(context))
    monkeypatch.setattr(Partial, "taught", [])
    trained = []

    def train(architecture, fidelity):
        trained.append(architecture)
        if len(trained) <= 3:
            raise MemoryError("out of memory")
        return loss(architecture, fidelity)

    create(tmp_path / "run", trials=3).optimize(objective(train))
    assert Partial.taught[0] == []
    assert not any(item.failed for item in Partial.taught[1])  # after the first rung


def test_what_only_the_objective_tells_is_limited_in_a_race_too(tmp_path):
    def train(architecture, fidelity):
        return {"val_loss": loss(architecture, fidelity), "cells": architecture["layers"] * architecture["width"]}

    told = FunctionObjective(
        train, ("val_loss",), costs=("cells",), fidelities=Fidelities(unit="updates", full=400, continued=True)
    )
    study = create(tmp_path / "run", trials=4, constraints=["cells<=60"], costs=["cells"])
    study.optimize(told)
    race = result_of(tmp_path / "run")["race"]
    assert any(each.get("failed") == "it breaks cells<=60" for each in race["standings"])
    assert study.best.costs["cells"] <= 60


def test_an_objective_that_trains_anew_is_said_to_before_anything_is_trained(tmp_path):
    study = create(tmp_path / "run", trials=3)
    with pytest.warns(UserWarning, match="trains every rung anew: that is 6.0 full trainings instead of 4.0"):
        study.optimize(objective(continued=False))
    assert result_of(tmp_path / "run")["race"]["anew"]


def test_more_entrants_than_feasible_architectures_are_refused_before_anything_is_trained(tmp_path):
    asked = []
    study = create(tmp_path / "run", trials=3, constraints=["params<=300"], race={**RACE, "entrants": 12})
    with pytest.raises(InputError, match=r"the race has 12 entrants, but only 10 architectures of .* were found"):
        study.optimize(objective(lambda architecture, fidelity: asked.append(1) or 1.0))
    study = create(tmp_path / "other", trials=3, constraints=["params<=300"])
    with pytest.raises(InputError, match="8 entrants beside 3 trials, but only 10 architectures"):
        study.optimize(objective(lambda architecture, fidelity: asked.append(1) or 1.0))
    assert not asked


def test_a_table_races_over_what_is_on_record(tmp_path):
    space = foretell.SearchSpace(GENES, costs=COSTS)
    with ObservationWriter(tmp_path / "curves.jsonl") as writer:
        for row in space.architectures(np.unique(space.sample(60, np.random.default_rng(0)), axis=0)):
            for share in (0.25, 0.5, 1.0):
                writer.write(Observation(row, {"val_loss": loss(row, 400 * share)}, fidelity=share))
    data = {
        "space": space.to_dict(),
        "metric": {"name": "val_loss", "higher_is_better": False},
        "objective": {"table": str(tmp_path / "curves.jsonl")},
        "search": {"trials": 4, "race": RACE, "workers": 1},
    }
    (tmp_path / "study.yaml").write_text(json.dumps(data))
    result = inline(tmp_path / "study.yaml", tmp_path / "run")
    assert [rung["trained"] for rung in result["race"]["rungs"]] == [8, 4, 2]
    assert not result["race"]["anew"]


# ---- a command, killed

SCRIPT = """
import json, math, pathlib, sys, time
layers, width, mixer, updates, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
state = pathlib.Path(folder) / "updates"
reached = int(state.read_text()) if state.exists() else 0
with open("trained.txt", "a") as file:
    file.write(f"{layers} {width} {mixer} {reached} {updates}\\n")
time.sleep(%s)
state.write_text(str(updates))
end = 5 - math.log(layers * width) + (mixer == "gru")
print(json.dumps({"val_loss": end + 40 / (updates + 10)}))
"""
STUDY = """
name: by-command
space:
  genes: {layers: [1, 2, 3, 4, 5, 6], width: [8, 16, 32, 48, 64], mixer: [attention, gru]}
  costs: {params: layers * width ** 2}
metric: {name: val_loss, higher_is_better: false}
objective:
  command: "%s -S train.py {layers} {width} {mixer} {fidelity} {folder}"
  fidelity: {unit: updates, full: 400, continued: true}
constraints: ["params<=4k"]
search: {trials: 3, workers: 1, race: {entrants: 6, rungs: [25%%, 50%%, 100%%], finishers: 1}}
"""


GO_ON = """
import sys
from pathlib import Path
from foretell.study.files import read_study
from foretell.study.opening import open_study
open_study(read_study(Path(sys.argv[1])), Path(sys.argv[2]), resume=True, again="again").optimize()
"""


def inline(path: Path, folder: Path):
    """What `foretell search` does, one training after the other in this process: nothing has to be started for them."""
    config = read_study(path)
    open_study(config, folder, resume=False, again="").optimize(config.make_objective(path.parent))
    return result_of(folder)


def write_study(folder: Path, pause: float = 0.0) -> Path:
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT % pause)
    (folder / "study.yaml").write_text(STUDY % sys.executable)
    return folder / "study.yaml"


def test_killed_in_the_race_at_several_moments_it_ends_as_one_left_alone_and_goes_on_from_parts(tmp_path, start):
    whole = inline(write_study(tmp_path / "whole"), tmp_path / "whole" / "run")
    path = write_study(tmp_path / "cut", 0.1)
    run = tmp_path / "cut" / "run"
    arguments = ("-c", GO_ON, path, run)
    for moment in (4, 15):
        process = start(*arguments, entry=PYTHON)
        while lines(run / "race.jsonl") < moment:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    done = (run / "race.jsonl").read_bytes()
    process = start(*arguments, entry=PYTHON)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert timeless(result_of(run)) == timeless(whole)
    assert (run / "race.jsonl").read_bytes().startswith(done[: done.rfind(b"\n") + 1])
    trained = [line.split() for line in (tmp_path / "cut" / "trained.txt").read_text().splitlines()]
    finished = [tuple(each) for each in trained]
    # At most the one in flight was trained twice at each kill, and every rung began where the one before had ended.
    assert len(finished) - len(set(finished)) <= 2
    assert {tuple(each[3:]) for each in trained[3:]} <= {
        ("0", "100"),
        ("100", "200"),
        ("200", "400"),
        ("100", "100"),
        ("200", "200"),
        ("400", "400"),
    }


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[25%, 50%, 100%]", "[50%, 25%, 100%]", r"search.race.rungs: the rungs 50%, 25%, 100% are not in order"),
        ("[25%, 50%, 100%]", "[50%, 120%]", r"the rung 120% is above 100 %"),
        ("[25%, 50%, 100%]", "[25%, 50%]", "do not end in the full training"),
        ("entrants: 6", "entrants: 1", "entrants is 1: input should be greater than or equal to 2"),
        ("entrants: 6", "entrance: 6", "unknown key 'entrance' .*did you mean 'entrants'"),
        ("finishers: 1", "predictor: regresion", "did you mean 'regression'"),
        ("finishers: 1", "metric: accuracy", "the race has the metric accuracy and the study val_loss"),
        (
            "fidelity: {unit: updates, full: 400, continued: true}",
            "time_limit: 10m",
            "unknown placeholder|this objective",
        ),
        ("trials: 3, workers: 1, race: {entrants: 6, rungs: [25%, 50%, 100%], finishers: 1}", "trials: 0", "no race"),
    ],
)
def test_a_race_that_makes_no_sense_is_one_sentence_before_anything_runs(tmp_path, old, new, sentence):
    path = write_study(tmp_path / "study")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=sentence) as caught:
        run_trials(read_study(path), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_command_line_prints_the_race_and_the_rules(tmp_path, capsys):
    create(tmp_path / "run", trials=4).optimize(objective())
    print_trials(result_of(tmp_path / "run"))
    told = capsys.readouterr().out
    assert "The race: valid loss on each rung" in told
    assert "What each rung cost" in told
    assert "What simple rules would have picked" in told
    assert "is the best of those that raced with probability" in told
    assert "each training the continuation of the one before" in told
