"""A language model that proposes in studies: of trials, judged by predictors, and compared."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

import foretell
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.predictors import Context, Predictor
from foretell.search import Evolution, Propose, Schedule, Scorer, search_by_schedule
from foretell.study import PRESETS, StudyConfig
from foretell.study.compare import preset
from foretell.study.methods import find
from foretell.study.opening import run_trials
from foretell.study.preflight import refuse_early
from foretell.study.trial_config import trial_study_from
from tests.llm import fault_server
from tests.llm.fault_server import FaultServer
from tests.study.test_methods import LIMITS, arena

GENES = {"layers": [1, 2, 3, 4], "width": list(range(8, 72, 4)), "mixer": ["attention", "gru"]}
COSTS = {"params": "layers * width ** 2"}


class Sum(Predictor):
    """Much of everything is good."""

    learns = False

    def fit(self, observations):
        return self

    def _score(self, population):
        return population.sum(axis=1).astype(float), None


pytestmark = pytest.mark.filterwarnings("ignore::foretell.llm.ProposalWarning")


def loss(architecture) -> float:
    return 5 - np.log(architecture["layers"] * architecture["width"]) + (architecture["mixer"] == "gru")


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model with ideas of its own for every prompt: five that are new to it, and one that nothing allows."""

    def ideas(prompt):
        rng = np.random.default_rng(zlib.crc32(prompt.encode()))
        found = [{name: rng.choice(values).item() for name, values in GENES.items()} for _ in range(5)]
        return json.dumps([*found, {"layers": 4, "width": 68, "mixer": "Mamba"}])

    monkeypatch.setenv("FORETELL_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setattr(fault_server, "answer_to", lambda prompt: ideas(prompt))
    with FaultServer() as server:
        yield server


def create(folder, model, algorithm="llm", **more):
    settings = {"metric": "val_loss", "direction": "minimize", "constraints": ["params<=9k"], **more}
    settings["propose"] = {"llm": f"{model.url}#fake", **settings.get("propose", {})}
    space = foretell.SearchSpace(GENES, costs=COSTS)
    return foretell.create_study(space, storage=folder, algorithm=algorithm, **settings)


def told(study):
    return [(item.architecture.to_dict(), item.metrics) for item in study.observations]


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        ("llm", {}),
        ("genius", {}),
        ("evolution", {"share": 0.5}),
        ("regularised", {"share": 1.0}),
        ("llm", {"max_tokens": 1800}),
        ("llm", {"judge": "regression"}),
        ("evolution", {"share": 0.5, "judge": "regression"}),
    ],
)
def test_a_study_with_proposals_goes_on_where_it_was_and_buys_nothing_twice(tmp_path, model, algorithm, settings):
    whole = create(tmp_path / "whole", model, algorithm, propose=settings, trials=16)
    whole.optimize(loss, n_trials=16)
    calls = len(model.bodies)
    create(tmp_path / "parts", model, algorithm, propose=settings, trials=16).optimize(loss, n_trials=7)
    parts = create(tmp_path / "parts", model, algorithm, propose=settings, trials=16, load_if_exists=True)
    parts.optimize(loss, n_trials=9)
    assert told(parts) == told(whole)
    assert len(model.bodies) == calls > 0
    assert all(item.cost("parameters") <= 9000 for item in whole.observations)
    said = json.loads((tmp_path / "whole" / "result.json").read_text())["search"]["proposals"]
    assert said["asked"] <= said["valid"] + said["repaired"] + said["repeated"] + said["dropped"]
    assert said["calls"] == calls
    assert said["valid"] > 0 < said["tokens"]
    assert parts.proposals == said
    if "max_tokens" in settings:
        assert said["tokens"] <= 1800
        assert said["instead"] > 0


def test_a_judge_passes_on_what_it_believes_in(tmp_path, model):
    plain, judged = (
        create(tmp_path / f"run{place}", model, propose=settings)
        for place, settings in enumerate(({}, {"judge": "regression"}))
    )
    for study in (plain, judged):
        study.optimize(loss, n_trials=24)
    assert judged.proposals["judged"] > 4 > plain.proposals["judged"] == 0
    losses = [np.mean([item.metrics["val_loss"] for item in study.observations[8:]]) for study in (judged, plain)]
    assert losses[0] < losses[1] - 0.1
    with pytest.raises(InputError, match="regresion"):
        create(tmp_path / "typo", model, propose={"judge": "regresion"}).optimize(loss, n_trials=2)


@pytest.mark.parametrize("judge", ["llm", "llm(orders=1)"])
def test_a_model_judges_what_it_has_proposed(tmp_path, model, monkeypatch, judge):
    """Joint generation and prediction: the same model says how good each would be, and is asked nothing twice."""
    ideas = fault_server.answer_to

    def answer(prompt):
        asked = prompt.strip().splitlines()[-1]
        return ideas(prompt) if "new networks" in asked else f"{2 + zlib.crc32(asked.encode()) % 300 / 100:.2f}"

    monkeypatch.setattr(fault_server, "answer_to", answer)
    study = create(tmp_path / "run", model, propose={"judge": judge, "task": "telling\nbirds"})
    study.optimize(loss, n_trials=10)
    prompts = [body["messages"][0]["content"] for body in model.bodies]
    proposing = [prompt for prompt in prompts if "new networks" in prompt]
    assert len(prompts) - len(proposing) >= study.proposals["judged"] > 0
    assert all("The task is telling birds." in prompt for prompt in proposing)
    assert study.proposals["calls"] == len(proposing)
    again = create(tmp_path / "again", model, propose={"judge": judge, "task": "telling\nbirds", "offline": True})
    again.optimize(loss, n_trials=10)
    assert told(again) == told(study)


def test_the_model_is_shown_what_was_told(tmp_path, model):
    study = create(tmp_path / "run", model, propose={"per_call": 4})
    study.optimize(loss, n_trials=12)
    last = model.bodies[-1]["messages"][0]["content"]
    assert "Every network must keep params<=9k." in last
    shown = [line for line in last.splitlines() if " | " in line]
    best = min(study.observations[:8], key=lambda item: item.metrics["val_loss"])
    assert json.loads(shown[-1].split(" | ")[1]) == best.architecture.to_dict()


def test_genius_is_ten_rounds_of_one_each_told_before_the_next(tmp_path, model):
    program = tmp_path / "train.py"
    program.write_text("import json, sys\nprint(json.dumps({'val_loss': 100 - float(sys.argv[1])}))")
    data = {
        "space": {"genes": GENES},
        "metric": {"name": "val_loss", "higher_is_better": False},
        "objective": {"command": f"{{python}} {program} {{layers}} {{width}} {{mixer}}"},
        "search": {"algorithm": "genius", "propose": {"llm": f"{model.url}#fake"}},
    }
    result = run_trials(trial_study_from(data, "the test"), tmp_path / "run")
    assert len(result["trials"]) == 10
    assert result["search"]["proposals"]["asked"] == result["search"]["proposals"]["calls"] >= 10
    counts = [body["messages"][0]["content"].count(" | ") for body in model.bodies]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 9


def test_predictors_judge_what_a_model_proposes(model, tmp_path):
    space = foretell.SearchSpace(GENES, costs=COSTS)
    judge, limits = Sum(Context(space)), Constraints.parse(["params<=9k"])
    sizes = Evolution(population=8, parents=2, mutations=3, crossovers=3)
    found = search_by_schedule(
        CostModel(space),
        limits,
        Schedule.parse("judge:1-4"),
        {"judge": Scorer(judge, "judge")},
        sizes,
        propose=Propose(llm=f"{model.url}#fake", share=0.5),
    )
    assert limits.satisfied(CostModel(space), found.finalists).all()
    assert found.proposals.asked >= 9
    assert "higher is better" in model.bodies[0]["messages"][0]["content"]


def test_presets_and_methods_that_ask_a_model(model, tmp_path):
    assert {"llm", "genius"} <= set(PRESETS)
    study = StudyConfig(search={"propose": {"llm": f"{model.url}#fake"}})
    chosen = preset("llm").search(study)
    assert (chosen["algorithm"], chosen["settings"].population) == ("llm", 8)
    assert chosen["propose"] is study.search.propose
    assert preset("hs-nas").search(study)["propose"] is None
    place = replace(arena(tmp_path, 2000.0), study=study)
    found = find("genius", place)
    assert len(found.trained) == 10
    assert found.about["proposals"]["calls"] == 6  # it speaks of genes that are not there, and is asked no more
    assert found.about["proposals"]["instead"] == 10
    assert LIMITS.satisfied(place.costs, place.space.population([found.architecture])).all()


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ({"algorithm": "random", "propose": {}}, "the algorithm random takes no proposals; choose evolution"),
        ({"algorithm": "evolution", "propose": {"share": 0}}, "share"),
        ({"algorithm": "llm", "propose": {"lm": "local:x"}}, "did you mean 'llm'"),
    ],
)
def test_proposals_that_make_no_sense_are_refused(tmp_path, search, says):
    with pytest.raises(InputError, match=says):
        foretell.create_study(GENES, storage=tmp_path / "run", algorithm=search["algorithm"], propose=search["propose"])


def test_a_model_that_cannot_be_had_is_found_out_early():
    with pytest.raises(InputError, match="did you mean 'gemma-3-270m'"):
        refuse_early(StudyConfig(search={"schedule": "supernet:1-3", "propose": {"llm": "local:gemma-3-270"}}))
    with pytest.raises(InputError, match="give it a schedule"):
        refuse_early(StudyConfig(search={"algorithm": "llm"}))
