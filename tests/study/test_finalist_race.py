"""Races of networks: a study that trains by itself, and the same objective killed and gone on with."""

import json
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from foretell import spaces
from foretell.cli.options import study_from
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError, UnknownNameError
from foretell.metrics import metric_named
from foretell.objectives import InlineExecutor, TrainedObjective
from foretell.observations import Observation
from foretell.predictors import Context, create
from foretell.report import read_run, render
from foretell.search import HS_NAS, ObjectiveRunner, Race, Scorer, run_race
from foretell.search.entrants import Entrants, candidates_under, draw_entrants
from foretell.search.rung_model import Belief
from foretell.study import StudyConfig, load_study
from foretell.study.architectures import write_architecture
from foretell.study.finalist_race import measured_entrants, refuse_race, seen_by, who_chooses
from foretell.study.rules import Picks, rule_entries
from foretell.tasks.translation import ParallelCorpus, Task
from foretell.training import Recipe
from tests.study.conftest import STUDY
from tests.toy import pairs

pytestmark = pytest.mark.network

SPACE = spaces.create("small-seq2seq")
CHRF = Context(SPACE, metric=metric_named("valid_chrf"))
POOL = SPACE.canonical(SPACE.sample(12, np.random.default_rng(3)))
RECIPE = Recipe(updates=24, warmup=4, validate_every=6, max_tokens=128)


def race_alone(folder):
    """Four networks on three rungs, one after the other in this process."""
    found = pairs(60)
    corpus = ParallelCorpus("en", "de", found[:40], found[40:50], found[50:], {"name": "reversed words"})
    objective = TrainedObjective(Task.of(corpus, 40, folder / "cache"), RECIPE, beam=1, device="cpu")
    rng = np.random.default_rng(0)
    drawn = draw_entrants(SPACE, candidates_under(CostModel(SPACE), Constraints(), None, rng), 4, rng)
    with InlineExecutor() as executor:
        return run_race(
            Race(entrants=4, rungs=("25%", "50%", "100%"), finishers=1),
            SPACE,
            metric_named("valid_loss"),
            ObjectiveRunner(objective, 1, folder / "labels"),
            executor,
            folder / "race.jsonl",
            lambda: drawn,
        )


def race_in(arguments):
    race_alone(Path(arguments[0]))


def timeless(value):
    """A result without what the clock had a part in."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if "seconds" not in key}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_networks_killed_on_their_second_rung_end_as_those_left_alone_bit_for_bit(tmp_path, start):
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = race_alone(tmp_path / "whole")
    process = start(tmp_path / "cut", entry="tests.study.test_finalist_race:race_in")
    while lines(tmp_path / "cut" / "race.jsonl") < 10:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert lines(tmp_path / "cut" / "race.jsonl") < 15
    cut = race_alone(tmp_path / "cut")
    assert timeless(cut.to_dict()) == timeless(whole.to_dict())
    assert [rung.trained for rung in cut.rungs] == [4, 2, 1]
    weights = [(tmp_path / name / "labels").glob("*/model.safetensors") for name in ("whole", "cut")]
    for one, other in zip(*map(sorted, weights), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_study_s_winner_is_the_one_that_won_the_race_and_its_training_is_that_of_its_rungs(
    tmp_path, study_file, start
):
    race = "race: {entrants: 3, rungs: [50%, 100%], finishers: 1, metric: valid_loss}"
    text = STUDY.replace("teacher: supernet", "teacher: regression").replace("beam: 2", "beam: 1, baselines: []")
    study_file.write_text(
        text.replace('schedule: "distilled:1-3,supernet:4-6"', f"schedule: none, initial: arch.yaml, {race}")
    )
    write_architecture(study_file.parent / "arch.yaml", SPACE.smallest())
    process = start("search", study_file, "--out", "run", "--json")
    said = process.communicate()
    assert process.returncode == 0, said[1]
    whole = json.loads(said[0])
    assert whole == json.loads((tmp_path / "run" / "result.json").read_text())
    race = whole["race"]
    assert [rung["trained"] for rung in race["rungs"]] == [3, 1]
    assert not race["anew"]
    assert SPACE.smallest().to_dict() in [each["architecture"] for each in race["standings"]]  # it begins with that
    first = race["standings"][0]
    assert whole["winner"]["architecture"] == first["architecture"]
    assert whole["winner"]["metrics"]["valid_loss"] == first["seen"][-1]["metrics"]["valid_loss"]
    assert whole["winner"]["provenance"]["updates"] == 20
    assert len(list((tmp_path / "cache").glob("trained/*"))) == 3  # one folder an entrant, for all of its rungs
    assert not list((tmp_path / "cache").glob("supernets/*"))  # no schedule asks for one
    assert whole["search"]["history"] == []
    assert 'id="run0-race"' in render([read_run(tmp_path / "run")])
    rules = {each["rule"]: each for each in whole["rules"]}
    # The labels that it has are of another task: they are experience, and no regression's.
    assert list(rules) == ["most-flops", "most-parameters", "uniform", "experience", "random"]
    for each in rules.values():
        assert each["trained"] or each["predicted"]["by"] == "experience"


def test_rules_pick_without_this_run_s_trainings_and_what_they_would_have_reached_is_foretold_with_them():
    """Of a language that it has not seen, experience knows what is good, and not how good."""
    seen = [Observation(each, {"valid_chrf": 30.0 + n}) for n, each in enumerate(SPACE.architectures(POOL[:4]))]
    here = [Observation(each, {"valid_chrf": 10.0 + n}) for n, each in enumerate(SPACE.architectures(POOL[:4]))]
    before, after = (create("regression", context=CHRF).fit(labels) for labels in (seen, here))
    entries = rule_entries(Picks(CostModel(SPACE), Constraints(), [before], [after], pool=POOL), here[:1])
    said = [entry["predicted"]["mean"] for entry in entries if not entry["trained"]]
    assert said
    assert max(said) < 25
    again = rule_entries(Picks(CostModel(SPACE), Constraints(), [before], [before], pool=POOL), here[:1])
    assert [entry["architecture"] for entry in again] == [entry["architecture"] for entry in entries]


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


def test_without_a_schedule_a_race_decides_and_one_that_is_named_needs_no_race():
    assert load_study(None).search.finalists_race == Race()
    assert load_study(None, {"search": {"race": {"entrants": 4}}}).search.finalists_race == Race(entrants=4)
    assert load_study(None, {"search": {"schedule": "supernet:1-30"}}).search.finalists_race is None
    assert study_from(None, search__schedule=HS_NAS).search.finalists_race is None


def test_what_the_schedule_s_last_predictor_scored_may_race():
    scorer = Scorer(create("params", space=SPACE).fit([]), "k")
    rows = SPACE.canonical(SPACE.sample(30, np.random.default_rng(0)))
    scores = scorer.scores(rows)
    found = seen_by(scorer, SPACE.width)
    assert {row.tobytes() for row in found.rows} == {row.tobytes() for row in rows}
    best = rows[int(scores.argmax())]
    np.testing.assert_array_equal(found.rows[int(found.mean.argmax())], best)


def test_a_study_without_a_race_says_nothing_of_one():
    assert "race" not in StudyConfig().to_yaml()
    named = load_study(None, {"search": {"race": {}}})
    assert named.search.race == Race()
    assert "race:" in named.to_yaml()


def test_where_nothing_is_known_chance_chooses_who_races_and_that_is_said(tmp_path):
    found = pairs(60)
    corpus = ParallelCorpus("en", "de", found[:40], found[40:50], found[50:], {"name": "reversed words"})
    task = Task.of(corpus, 40, tmp_path / "cache")
    known = who_chooses(load_study(None), task, CostModel(SPACE), tmp_path)
    assert known is not None
    assert known.name == "experience"
    own = {"mine": {"command": "score {hypotheses}"}}
    study = load_study(None, {"metrics": own, "search": {"race": {"metric": "valid_mine"}}})
    with pytest.warns(UserWarning, match=r"has valid_mine on record.* entrants of the race are drawn at random"):
        assert who_chooses(study, task, CostModel(SPACE), tmp_path) is None
    named = load_study(None, {"metrics": own, "search": {"race": {"metric": "valid_mine", "predictor": "experience"}}})
    with pytest.raises(InputError, match="valid_mine"):
        refuse_race(named, task, CostModel(SPACE), Constraints(), tmp_path)


def test_a_race_after_a_schedule_is_refused_before_a_supernet_is_trained_for_it():
    costs = CostModel(SPACE)
    least = float(costs.cost(SPACE.population([SPACE.smallest()]), "params")[0])
    study = load_study(None, {"search": {"schedule": "supernet:1-30", "race": {"entrants": 9}}})
    with pytest.raises(InputError, match=r"the race has 9 entrants, but only \d architectures"):
        refuse_race(study, None, costs, Constraints.parse([f"params<={least:.0f}"]), Path())


@pytest.mark.parametrize(("keeps", "racing"), [((1, 3, 4), (1, 3, 4)), ((), (0, 1, 2, 3)), (range(6), (0, 1, 2, 3))])
def test_those_that_break_a_measured_limit_race_only_where_nobody_keeps_it(monkeypatch, tmp_path, keeps, racing):
    rows = [{"number": number, "kept": number in keeps} for number in range(6)]
    monkeypatch.setattr("foretell.study.finalist_race.measure_each", lambda *given: iter(rows))
    level = np.zeros(6)
    drawn = Entrants(np.arange(6, dtype=np.int16)[:, None], Belief(level, level), level, level)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        measured, entering = measured_entrants(tmp_path / "measured.jsonl", None, None, drawn, 4)
    assert [row["number"] for row in measured] == list(racing) == entering.rows[:, 0].tolist()
    assert bool(said) == (0 < len(keeps) < 4)
