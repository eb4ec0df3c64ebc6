"""Studies of trials: asking, telling, optimizing, killed and gone on with, in Python and from YAML."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import foretell
from foretell.errors import InfeasibleError, InputError, RunBusyError, StorageError
from foretell.locks import lock_folder
from foretell.objectives import Fidelities, FunctionObjective
from foretell.observations import load
from foretell.search import Dialogue
from foretell.search.algorithms import names as algorithm_names
from foretell.study import trial_choice
from foretell.study.files import read_study
from foretell.study.opening import run_trials
from foretell.study.trial_config import trial_study_from
from tests.zygote import PYTHON

GENES = {"layers": [1, 2, 3, 4], "width": [8, 16, 32, 64], "mixer": ["attention", "gru"]}
COSTS = {"params": "layers * width ** 2"}


def loss(architecture) -> float:
    return 5 - np.log(architecture["layers"] * architecture["width"]) + (architecture["mixer"] == "gru")


@pytest.fixture
def space() -> foretell.SearchSpace:
    return foretell.SearchSpace(GENES, costs=COSTS)


def create(space, folder, **more):
    settings = {"metric": "val_loss", "direction": "minimize", "constraints": ["params<=4k"], **more}
    return foretell.create_study(space, storage=folder, **settings)


def told(study) -> list[tuple]:
    return [(tuple(item.architecture.to_dict().items()), item.metrics, item.failed) for item in study.observations]


def test_optimize_finds_a_good_architecture_under_the_limit(space, tmp_path):
    study = create(space, tmp_path / "run")
    study.optimize(loss, n_trials=12)
    assert len(study.trials) == len(study.observations) == 12
    assert len({trial.architecture for trial in study.trials}) == 12
    assert all(item.cost("parameters") <= 4000 for item in study.observations)
    assert study.best_params == {"layers": 3, "width": 32, "mixer": "attention"}
    assert study.best_value == pytest.approx(loss(study.best_params))
    assert study.best_trial.params == study.best_params
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["winner"]["architecture"] == study.best_params
    assert [row["predictor"] for row in result["trust"]] == ["constant", "params", "regression"]
    errors = {row["predictor"]: row["mae"] for row in result["trust"]}
    assert errors["regression"] < errors["constant"]


def test_a_metric_that_rises_is_maximised(space, tmp_path):
    study = create(space, tmp_path / "run", metric="score", direction="maximize")
    study.optimize(lambda architecture: -loss(architecture), n_trials=12)
    assert study.best_params == {"layers": 3, "width": 32, "mixer": "attention"}


def test_the_same_seed_asks_the_same_and_another_something_else(space, tmp_path):
    space = foretell.SearchSpace({**GENES, "kernel": list(range(40)), "rate": [0.1, 0.2, 0.3]}, costs=COSTS)
    studies = [create(space, tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    for study in studies:
        study.optimize(loss, n_trials=9)
    assert told(studies[0]) == told(studies[1]) != told(studies[2])


def test_ask_and_tell_survive_a_restart(space, tmp_path):
    whole = create(space, tmp_path / "whole")
    whole.optimize(loss, n_trials=9)
    for _ in range(9):
        study = (
            foretell.load_study(tmp_path / "parts")
            if (tmp_path / "parts").exists()
            else create(space, tmp_path / "parts")
        )
        trial = study.ask()
        study.tell(trial, val_loss=loss(trial.architecture))
    assert told(foretell.load_study(tmp_path / "parts")) == told(whole)


def test_what_was_asked_and_not_told_is_trained_first(space, tmp_path):
    study = create(space, tmp_path / "run")
    asked = [study.ask().architecture for _ in range(2)]
    again = foretell.load_study(tmp_path / "run")
    seen = []
    again.optimize(lambda architecture: seen.append(architecture) or loss(architecture), n_trials=3)
    assert seen[:2] == asked
    assert len(again.observations) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, StorageError])
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("algorithm", ["predictor", "evolution", "random"])
def test_interrupted_while_it_chooses_it_goes_on_as_one_left_alone(
    space, tmp_path, monkeypatch, algorithm, where, error
):
    whole = create(space, tmp_path / "whole", algorithm=algorithm)
    whole.optimize(loss, n_trials=9)
    study, write, calls = create(space, tmp_path / "run", algorithm=algorithm), trial_choice.append_jsonl, []

    def interrupted(*arguments, **more):
        calls.append(1)
        if len(calls) != 5 or where == "after":
            write(*arguments, **more)
        if len(calls) == 5:
            raise error("now")

    monkeypatch.setattr(trial_choice, "append_jsonl", interrupted)
    with pytest.raises(error):
        study.optimize(loss, n_trials=9)
    study.optimize(loss, n_trials=5)
    assert told(study) == told(whole)
    again = foretell.load_study(tmp_path / "run")
    again.optimize(loss, n_trials=1)
    assert told(again)[:9] == told(whole)
    assert len(again.trials) == 10


def test_interrupted_while_a_record_is_gone_through_it_is_gone_through_from_its_beginning(space, tmp_path, monkeypatch):
    whole = create(space, tmp_path / "run", algorithm="evolution")
    whole.optimize(loss, n_trials=6)
    study, replay, calls = foretell.load_study(tmp_path / "run"), Dialogue.replay, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return replay(self, *arguments)

    monkeypatch.setattr(Dialogue, "replay", interrupted)
    with pytest.raises(KeyboardInterrupt):
        study.ask()
    study.optimize(loss, n_trials=2)
    again = foretell.load_study(tmp_path / "run")
    again.optimize(loss, n_trials=1)
    assert len(again.trials) == 9


def test_two_who_hold_one_study_see_each_other_s_trials(space, tmp_path):
    one, other = create(space, tmp_path / "run"), foretell.load_study(tmp_path / "run")
    for _ in range(3):
        for mine, theirs in ((one, other), (other, one)):
            trial = mine.ask()
            theirs.tell(trial.number, loss(trial.architecture))
    with pytest.raises(InputError, match="trial 5 was told already"):
        one.tell(5, 1.0)
    one.optimize(loss, n_trials=2)
    other.optimize(loss, n_trials=2)
    found = foretell.load_study(tmp_path / "run")
    assert [trial.number for trial in found.trials] == list(range(10))
    assert len({trial.architecture for trial in found.trials}) == 10
    for item in found.observations:
        assert item.architecture == found.trials[item.provenance["trial"]].architecture
        assert item.metrics["val_loss"] == pytest.approx(loss(item.architecture))


def test_failures_are_told_kept_and_learnt_from(space, tmp_path):
    def train(architecture) -> float:
        if architecture["layers"] == 4:
            raise MemoryError("out of memory")
        return float("nan") if architecture["mixer"] == "gru" else loss(architecture)

    study = create(space, tmp_path / "run")
    study.optimize(train, n_trials=14)
    failed = [item for item in study.observations if item.failed]
    assert failed
    assert all(item.metrics == {} for item in failed)
    assert any("out of memory" in item.failed for item in failed)
    assert any("nan" in item.failed for item in failed)
    assert study.best_params["mixer"] == "attention"
    chosen = study.observations[6:]
    assert sum(bool(item.failed) for item in chosen) <= len(chosen) // 2
    assert foretell.load_study(tmp_path / "run").best == study.best


def test_a_study_of_which_every_trial_failed_begins_anew_when_it_is_corrected(space, tmp_path):
    def broken(architecture):
        raise ValueError("no data")

    create(space, tmp_path / "run").optimize(broken, n_trials=3)
    study = create(space, tmp_path / "run", seed=3)
    study.optimize(loss, n_trials=2)
    assert [item.failed for item in study.observations] == ["", ""]


@pytest.mark.parametrize("name", ["cells", "memory", "memory_bytes", "energy"])
def test_what_only_the_objective_tells_can_be_limited(space, tmp_path, name):
    study = create(space, tmp_path / "run", constraints=[f"{name}<=40"], costs=[name])
    study.optimize(lambda a: {"val_loss": loss(a), name: a["layers"] * a["width"]}, n_trials=14)
    assert 24 <= study.best.costs[name] <= 40


def test_a_cost_that_nobody_tells_is_named_with_the_nearest(space, tmp_path):
    with pytest.raises(InputError, match="did you mean 'cells'"):
        create(space, tmp_path / "other", constraints=["cels<=40"], costs=["cells"])


def test_a_space_that_is_used_up_ends_the_study(tmp_path):
    space = foretell.SearchSpace({"width": [1, 2, 3]})
    study = create(space, tmp_path / "run", constraints=[])
    with pytest.warns(UserWarning, match="all architectures of .* have been tried"):
        study.optimize(lambda architecture: 1 / architecture["width"], n_trials=10)
    assert len(study.observations) == 3
    assert study.best_params == {"width": 3}


def test_predictions_are_in_the_metric_s_unit(space, tmp_path):
    study = create(space, tmp_path / "run", constraints=[])
    study.optimize(loss, n_trials=10)
    rows = study.space.sample(20, np.random.default_rng(0))
    prediction = study.predict(rows)
    truth = np.array([loss(each) for each in study.space.architectures(rows)])
    assert np.abs(prediction.mean - truth).mean() < 0.5
    assert study.predict(study.space.architectures(rows)).mean.tolist() == prediction.mean.tolist()


def test_a_random_study_is_random_and_says_nothing_of_a_predictor(space, tmp_path):
    study = create(space, tmp_path / "run", algorithm="random")
    study.optimize(loss, n_trials=5)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert [row["predictor"] for row in result["trust"]] == ["constant", "params"]


def test_telling_what_makes_no_sense_is_one_sentence(space, tmp_path):
    study = create(space, tmp_path / "run")
    trial = study.ask()
    with pytest.raises(InputError, match="there is no trial 7; the study has asked for 1: ask first"):
        study.tell(7, 1.0)
    with pytest.raises(InputError, match=r"trial 0 was told acc; expected the metric val_loss"):
        study.tell(trial, acc=0.5)
    with pytest.raises(InputError, match=r"trial 0 was told val_loss='low'; expected a number"):
        study.tell(trial, val_loss="low")
    with pytest.raises(InputError, match="expected a finite number"):
        study.tell(trial, float("nan"))
    study.tell(trial, 3.5)
    with pytest.raises(InputError, match="trial 0 was told already"):
        study.tell(trial, 3.5)
    second = study.ask()
    study.tell(second, failed="out of memory")
    assert study.observations[1].failed == "out of memory"
    with pytest.raises(InputError, match="has no finished trial"):
        create(space, tmp_path / "empty").best  # noqa: B018 - the property refuses


def test_a_folder_is_one_study_s(space, tmp_path, start):
    study = create(space, tmp_path / "run", seed=2)
    study = create(space, tmp_path / "run")  # nothing was asked for yet
    study.ask()
    with pytest.raises(InputError, match="holds a study already; go on with it by load_if_exists=True"):
        create(space, tmp_path / "run")
    with pytest.raises(InputError, match=r"holds trials of another study, where search.seed is 1, not 9: change"):
        create(space, tmp_path / "run", seed=9, load_if_exists=True)
    assert len(create(space, tmp_path / "run", load_if_exists=True).trials) == 1
    with pytest.raises(InputError, match="holds no study"):
        foretell.load_study(tmp_path / "nowhere")
    with lock_folder(tmp_path / "run"):
        process = start("-c", "import foretell; foretell.load_study('run').ask()", entry=PYTHON)
        _, said = process.communicate()
    assert process.returncode == 1
    assert RunBusyError.__name__ in said
    with pytest.raises(InputError, match="go on from Python"):
        study.optimize()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"direction": "down"}, "expected minimize or maximize"),
        ({"metric": {"name": "m", "higher_is_better": True}}, "is declared in two directions"),
        ({"metric": "valid_bleu"}, "of which higher is better"),
        ({"constraints": ["latancy<=3"]}, "unknown cost 'latancy'"),
        ({"constraints": ["params<=0"]}, "is not a positive number"),
        ({"predictor": "regresion"}, "did you mean 'regression'"),
    ],
)
def test_a_study_that_makes_no_sense_is_one_sentence(space, tmp_path, change, sentence):
    with pytest.raises(InputError, match=sentence):
        create(space, tmp_path / "run", **change)
    assert not (tmp_path / "run").exists()


def test_a_limit_that_nothing_keeps_is_said_before_anything_is_trained(space, tmp_path):
    study = create(space, tmp_path / "run", constraints=["params<=10"])
    with pytest.raises(InfeasibleError, match="the smallest reachable parameters value is 64"):
        study.optimize(loss, n_trials=3)


SCRIPT = """
import json, math, sys, time
layers, width, mixer = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
time.sleep(float(sys.argv[4]))
print(json.dumps({"val_loss": 5 - math.log(layers * width) + (mixer == "gru")}))
"""
STUDY = """
name: by-command
space:
  genes: {layers: [1, 2, 3, 4], width: [8, 16, 32, 64], mixer: [attention, gru]}
  costs: {params: layers * width ** 2}
metric: {name: val_loss, higher_is_better: false}
objective: {command: "%s train.py {layers} {width} {mixer} %s"}
constraints: ["params<=4k"]
search: {trials: 7, workers: 2}
"""


def write_study(folder: Path, pause: float = 0.0) -> Path:
    (folder / "train.py").write_text(SCRIPT)
    (folder / "study.yaml").write_text(STUDY % (sys.executable, pause))
    return folder / "study.yaml"


def test_a_command_trains_beside_its_study_file(tmp_path):
    config = read_study(write_study(tmp_path))
    result = run_trials(config, tmp_path / "run")
    assert result["search"]["finished"] == 7
    assert result["winner"]["costs"]["parameters"] <= 4000
    with pytest.raises(InputError, match="go on with it by --resume"):
        run_trials(config, tmp_path / "run")
    study = foretell.load_study(tmp_path / "run")
    assert study.best.architecture.to_dict() == result["winner"]["architecture"]


def test_killed_and_resumed_it_ends_where_it_would_have_ended(tmp_path, start):
    whole = run_trials(read_study(write_study(tmp_path)), tmp_path / "whole")
    path = write_study(tmp_path, 0.4)
    process = start("search", path, "--out", "killed")
    while not (tmp_path / "killed" / "observations.jsonl").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = (tmp_path / "killed" / "observations.jsonl").read_bytes()
    process = start("search", path, "--out", "killed", "--resume", "--json")
    out, err = process.communicate()
    assert process.returncode == 0, err
    result = json.loads(out)
    assert (tmp_path / "killed" / "observations.jsonl").read_bytes().startswith(done[: done.rfind(b"\n") + 1])
    for kind in ("winner", "trials"):
        assert without_seconds(result[kind]) == without_seconds(whole[kind])


def without_seconds(entries):
    entries = entries if isinstance(entries, list) else [entries]
    return sorted(({**each, "seconds": 0} for each in entries), key=lambda each: each["trial"])


def test_a_study_whose_trials_all_fail_says_why(tmp_path):
    path = write_study(tmp_path)
    (tmp_path / "train.py").write_text("raise SystemExit('no such data')")
    with pytest.raises(InputError, match=r"all 7 trials of by-command failed, the last one because .*no such data"):
        run_trials(read_study(path), tmp_path / "run")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("metric: {name", "metrik: {name", "did you mean 'metric'"),
        ("{layers} {width}", "{layer} {width}", "did you mean 'layers'"),
        ("{trials: 7", "{trails: 7", "did you mean 'trials'"),
        ("constraints:", "corpus: {}\nconstraints:", "unknown key 'corpus'"),
        ("params<=4k", "flops<=4k", "unknown cost 'flops'"),
        ("layers * width ** 2", "exec(layers)", "holds a call"),
        ("objective: {command:", "objective: {table: x, command:", "has command and table"),
        ("[attention, gru]", "[attention, 3]", "mixes words and numbers"),
    ],
)
def test_a_study_file_that_makes_no_sense_is_one_sentence(tmp_path, old, new, sentence):
    path = write_study(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=sentence):
        run_trials(read_study(path), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_table_can_be_searched(space, tmp_path):
    teacher = create(space, tmp_path / "labels", constraints=[], algorithm="random")
    teacher.optimize(loss, n_trials=30)
    data = {
        "space": space.to_dict(),
        "metric": {"name": "val_loss", "higher_is_better": False},
        "objective": {"table": str(tmp_path / "labels" / "observations.jsonl")},
        "search": {"trials": 10},
    }
    (tmp_path / "study.yaml").write_text(json.dumps(data))
    result = run_trials(read_study(tmp_path / "study.yaml"), tmp_path / "run")
    known = {item.architecture.key for item in teacher.observations}
    assert {foretell.Architecture.from_dict(space, each["architecture"]).key for each in result["trials"]} <= known
    assert result["winner"]["metrics"]["val_loss"] == min(item.metrics["val_loss"] for item in teacher.observations)


def test_a_study_can_be_made_longer_and_nothing_else(tmp_path):
    path = write_study(tmp_path)
    first = run_trials(read_study(path), tmp_path / "run")
    longer = read_study(path)
    for trials in (9, 10):
        search = longer.search.model_copy(update={"trials": trials})
        result = run_trials(longer.model_copy(update={"search": search}), tmp_path / "run", resume=True)
        assert result["search"]["finished"] == trials
        assert without_seconds(result["trials"])[:7] == without_seconds(first["trials"])
    search = longer.search.model_copy(update={"seed": 5})
    with pytest.raises(InputError, match=r"holds trials of another study, where search.seed is 1, not 5"):
        run_trials(longer.model_copy(update={"search": search}), tmp_path / "run", resume=True)


# ---- algorithms

UNITS = {"unit": "epochs", "full": 16}
WIDE = {**GENES, "width": list(range(8, 72, 4)), "rate": [0.1, 0.2, 0.3]}


def trained(architecture, fidelity=1.0) -> float:
    return loss(architecture) + architecture["rate"] + 1 / fidelity


def by_algorithm(folder, algorithm, trials=12, **more) -> foretell.study.trials.Study:
    study = create(foretell.SearchSpace(WIDE, costs=COSTS), folder, algorithm=algorithm, **more)
    hears = FunctionObjective(trained, ("val_loss",), fidelities=Fidelities(**UNITS))
    study.optimize(hears, n_trials=trials)
    return study


ALGORITHMS = [name for name in algorithm_names() if name not in ("gp", "cmaes", "predictor", "llm", "genius")]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_any_algorithm_is_repeatable_and_goes_on_where_it_was(tmp_path, algorithm):
    """Six trials and then six more in another sitting are the same as twelve."""
    whole = by_algorithm(tmp_path / "whole", algorithm)
    by_algorithm(tmp_path / "parts", algorithm, 6)
    by_algorithm(tmp_path / "parts", algorithm, 6, load_if_exists=True)
    parts = foretell.load_study(tmp_path / "parts")
    assert told(parts)[:12] == told(whole)[:12]
    assert all(item.cost("parameters") <= 4000 for item in whole.observations)
    assert whole.best.fidelity == 1
    assert json.loads((tmp_path / "whole" / "result.json").read_text())["search"]["algorithm"] == algorithm


def test_a_pruner_does_the_work_of_as_many_full_trainings(tmp_path):
    study = by_algorithm(tmp_path / "run", "asha", 6)
    shares = [item.fidelity for item in study.observations]
    assert len(shares) > 12
    assert sum(shares) == pytest.approx(6, abs=1)
    assert set(shares) == {1 / 16, 1 / 4, 1.0}
    assert study.best.fidelity == 1
    assert [trial.fidelity for trial in study.trials] == shares


def test_trade_offs_are_in_the_result(tmp_path):
    study = by_algorithm(tmp_path / "run", "nsga2")
    front = json.loads((tmp_path / "run" / "result.json").read_text())["front"]
    assert front["against"] == ["parameters"]
    assert front["trials"][0] == study.best_trial.number
    points = [study.observations[number] for number in front["trials"]]
    costs = [item.cost("parameters") for item in points]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("against", ["cells", "latency", "parms"])
def test_what_cannot_be_counted_is_not_traded_and_that_is_said_before_anything_is_trained(tmp_path, against):
    path = write_study(tmp_path)
    text = path.read_text().replace("{trials: 7", f"{{algorithm: nsga2, against: [params, {against}], trials: 7")
    path.write_text(text.replace("objective: {", "objective: {costs: [cells], "))
    sentence = f"search.against names '{against}', which the genes do not decide; .*: choose from parameters"
    with pytest.raises(InputError, match=sentence):
        run_trials(read_study(path), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_generation_is_told_before_the_next_is_asked(space, tmp_path):
    study = create(space, tmp_path / "run", algorithm="evolution")
    trials = [study.ask() for _ in range(4)]
    with pytest.raises(InputError, match="tell the trials 0, 1, 2, 3 first"):
        study.ask()
    for trial in trials:
        study.tell(trial, val_loss=loss(trial.architecture))
    assert study.ask().number == 4


def test_random_search_as_it_was_spelt_before(space, tmp_path):
    study = create(space, tmp_path / "run", predictor="random")
    assert study.config.search.algorithm == "random"


def test_a_pruner_needs_fidelities(space, tmp_path):
    with pytest.raises(InputError, match="declare the objective's fidelity"):
        create(space, tmp_path / "run", algorithm="asha").optimize(loss, n_trials=3)


def test_a_table_says_what_its_genes_and_its_metric_are():
    """A user has a table and wants to try a search on it; to write all genes again is to copy what is there."""
    study = trial_study_from({"objective": {"table": "published:nas-bench-macro"}}, "a study")
    assert study.search_space().fingerprint == load("published:nas-bench-macro").space.fingerprint
    assert study.quality().key == "test_accuracy"
    other = trial_study_from({"metric": "params:min", "objective": {"table": "published:nas-bench-macro"}}, "a study")
    assert (other.quality().key, other.quality().higher_is_better) == ("params", False)
