"""Methods at equal time, where every training is on record: what they pick, and what they are charged."""

import json
import runpy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from foretell import spaces
from foretell.cli.equal_time import print_equal_time
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError, UnknownNameError
from foretell.metrics import metric_named
from foretell.objectives import Fidelities, Job
from foretell.observations import Observation
from foretell.study import StudyConfig, equal_time
from foretell.study.arena import Arena
from foretell.study.labelling import Charges
from foretell.study.methods import check_method, find, method_names, simple_rows

SPACE = spaces.create("small-seq2seq")
LIMITS = Constraints.parse(["params_without_embeddings<=300K"])


def chrf(architecture):
    """Made up: deep and wide is good."""
    row = SPACE.population([architecture])
    return float(np.log(CostModel(SPACE).cost(row, "flops")[0]) + 0.3 * SPACE.numbers(row).mean())


@dataclass
class OnRecord:
    """Trainings that all were made before; a full one took 40 s."""

    asked: int = 0
    metrics = ("valid_chrf",)
    fidelities = Fidelities(unit="updates", full=4000, continued=True)

    def job(self, architecture, share, title):
        values = {"study": {}, "architecture": architecture.to_dict(), "seed": 1, "share": share}
        return Job(title, print, values)

    def known(self, architecture, share):
        self.asked += 1
        metrics = {"valid_chrf": chrf(architecture) + np.log(share)}
        about = {"seed": 1, "training_cpu_seconds": 40.0 * share}
        return Observation(architecture, metrics, provenance=about, fidelity=share).to_dict()


class Recorded(Arena):
    @property
    def trainings(self):
        return self.__dict__.setdefault("recorded", OnRecord())


def arena(folder, seconds=200.0, seed=1, **more):
    study = StudyConfig(constraints=("params_without_embeddings<=300K",))
    costs, metric = CostModel(SPACE), metric_named("valid_chrf")
    return Recorded(study, None, costs, LIMITS, metric, seed, seconds, 2, folder, pace=40.0, **more)


def test_random_search_trains_as_many_as_fit_and_keeps_the_best(tmp_path):
    found = find("random", arena(tmp_path, 210.0))
    assert len(found.trained) == 10  # two workers, forty seconds each: the sixth pair would end after 240 s
    assert found.seconds == 210.0
    best = max(found.trained, key=lambda item: item["metrics"]["valid_chrf"])
    assert found.architecture.to_dict() == best["architecture"]


@pytest.mark.parametrize("name", ["random", "evolution", "regularised", "tpe", "asha", "bohb", "predictor"])
def test_a_method_ends_in_time_keeps_the_limit_and_is_repeatable(tmp_path, name):
    first, again = find(name, arena(tmp_path)), find(name, arena(tmp_path))
    assert first.architecture == again.architecture
    assert first.seconds <= 200.0
    assert first.worked <= 400.0
    assert LIMITS.satisfied(CostModel(SPACE), SPACE.population([first.architecture])).all()
    assert any(item["fidelity"] == 1 and item["architecture"] == first.architecture.to_dict() for item in first.trained)


def test_pruners_train_many_a_little_for_the_same_seconds(tmp_path):
    random, asha = find("random", arena(tmp_path)), find("asha", arena(tmp_path))
    assert len(asha.trained) > 3 * len(random.trained)
    assert sum(item["fidelity"] == 1 for item in asha.trained) < len(random.trained)


def test_a_race_that_is_too_long_is_run_with_fewer(tmp_path):
    found = find("race", arena(tmp_path, 120.0, seed=2))
    longer = find("race", arena(tmp_path, 200.0, seed=2))
    assert found.seconds <= 120.0 < longer.seconds <= 200.0
    rows = SPACE.population([found.architecture, longer.architecture])
    assert LIMITS.satisfied(CostModel(SPACE), rows).all()
    assert 2 <= found.about["entrants"] < longer.about["entrants"]


def test_without_time_for_one_training_there_is_a_winner_all_the_same(tmp_path):
    found = find("random", arena(tmp_path, 10.0))
    assert found.trained == []
    assert LIMITS.satisfied(CostModel(SPACE), SPACE.population([found.architecture])).all()


def test_a_rule_trains_nothing(tmp_path):
    found = find("most-flops", arena(tmp_path))
    assert found.trained == []
    assert find("regression", arena(tmp_path)) is None  # nothing is known of other tasks here


def test_names_are_checked_before_anything_is_trained():
    for name in (*method_names(), "hs-nas-1-5", "hat-as-published", "hs-nas-as-published"):
        check_method(name)
    with pytest.raises(UnknownNameError, match="did you mean 'asha'"):
        check_method("ashaa")
    with pytest.raises(InputError, match="not inside iterations"):
        check_method("hs-nas-20-31")


def test_what_was_paid_is_not_paid_again():
    charges = Charges()

    def label(share, cpu, seed=1):
        about = {"seed": seed, "training_cpu_seconds": cpu}
        return {"architecture": {"a": 1}, "fidelity": share, "provenance": about}

    assert charges(label(0.25, 10.0)) == 10.0
    assert charges(label(1.0, 40.0)) == pytest.approx(30.0)
    assert charges(label(0.5, 20.0)) == 0.0
    measured = label(1.0, 40.0, seed=3)
    measured["provenance"]["measuring_cpu_seconds"] = 2.5
    assert charges(measured) == 42.5
    assert charges({"observation": label(0.5, 20.0, seed=2), "seconds": 0.0}) == 20.0
    assert charges({"architecture": {"a": 2}, "provenance": {"training_seconds": 3.0}}) == 3.0


def test_a_training_that_early_stopping_has_ended_is_paid_once_however_far_a_rung_asks():
    charges = Charges()

    def label(share, updates, cpu):
        about = {"training_cpu_seconds": cpu, "updates": updates, "measuring_cpu_seconds": 1.0}
        return {"architecture": {"a": 1}, "fidelity": share, "provenance": about}

    assert charges(label(0.25, 1000, 10.0)) == 11.0
    assert charges(label(0.5, 1500, 15.0)) == pytest.approx(6.0)  # it ended at 1,500 of 2,000
    assert charges(label(1.0, 1500, 15.0)) == 1.0


def test_a_training_that_diverged_is_paid_from_where_it_went_on():
    charges = Charges()
    about = {"seed": 1, "training_cpu_seconds": 10.0, "updates": 1000}
    assert charges({"architecture": {"a": 1}, "fidelity": 0.25, "provenance": about}) == 10.0
    about = {"seed": 1, "training_cpu_seconds": 15.0, "updates": 1500}
    failed = {"architecture": {"a": 1}, "fidelity": 1.0, "provenance": about, "failed": "it diverged"}
    assert charges(failed) == pytest.approx(5.0)


@pytest.fixture
def judged(monkeypatch):
    """Fresh trainings on record, too."""

    def labels(study, architectures, judges):
        marks = ("valid_chrf", "test_chrf", "test_bleu")
        values = [chrf(spaces.Architecture.from_dict(SPACE, each)) for each in architectures]
        return [{m: {"mean": v, "values": [v] * len(judges), "interval": [v, v]} for m in marks} for v in values]

    monkeypatch.setattr(equal_time, "judged_labels", labels)
    monkeypatch.setattr(equal_time, "_arena", lambda run, *_: arena(run.folder))


def test_a_comparison_has_every_simple_rule_and_goes_on(tmp_path, judged):
    study = StudyConfig(constraints=("params_without_embeddings<=300K",))
    out = tmp_path / "run"
    found = equal_time.run_equal_time(study, ["asha"], out, seconds=200.0, seeds=(1,))
    rules = set(simple_rows()) - {"regression", "experience"}  # nothing is known of other tasks here
    assert {(row["method"], row["seed"]) for row in found["rows"]} == {(name, 1) for name in (*rules, "asha")}
    means = [row["judged"]["test_chrf"]["mean"] for row in found["rows"]]
    assert means == sorted(means, reverse=True)
    assert json.loads((out / "equal-time.json").read_text()) == json.loads(json.dumps(found))
    kept = {path: path.stat().st_mtime_ns for path in (out / "equal-time").iterdir()}
    again = equal_time.run_equal_time(study, ["asha", "tpe"], out, seconds=200.0, seeds=(1,), resume=True)
    assert {row["method"] for row in again["rows"]} == {*rules, "asha", "tpe"}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    few = equal_time.run_equal_time(study, ["asha"], out, seconds=200.0, seeds=(1,), rules=["random"], resume=True)
    assert [row["method"] for row in few["rows"]] == [
        m for m in (r["method"] for r in found["rows"]) if m in ("asha", "random")
    ]
    with pytest.raises(InputError, match="was compared at 200 s"):
        equal_time.run_equal_time(study, ["asha"], out, seconds=100.0, resume=True)


def test_a_winner_that_diverges_with_a_fresh_seed_does_not_cost_the_comparison(tmp_path, monkeypatch, capsys):
    def train(jobs):
        for job in jobs:
            told = {"space": SPACE.name, "architecture": job.arguments["architecture"]}
            seed, marks = job.arguments["seed"], ("valid_chrf", "test_chrf", "test_bleu")
            lost = seed == 102 or told["architecture"] == bad.to_dict()
            told |= {"failed": "diverged"} if lost else {"metrics": dict.fromkeys(marks, 40.0)}
            yield Observation.from_dict(SPACE, {"format": 1, **told, "provenance": {"seed": seed}}).to_dict()

    bad, good = SPACE.architectures(SPACE.sample(2, np.random.default_rng(0)))
    rows = [
        {"method": name, "seed": 1, "architecture": each.to_dict(), "seconds": 1.0, "in_time": True, "trainings": 1}
        | {"costs": {}}
        for name, each in (("asha", bad), ("race", good))
    ]
    monkeypatch.setattr(equal_time, "run_jobs", train)
    monkeypatch.setattr(equal_time, "_arena", lambda run, *_: arena(run.folder))
    monkeypatch.setattr(equal_time, "_row", lambda run, arena, name: next(r for r in rows if r["method"] == name))
    found = equal_time.run_equal_time(StudyConfig(), ["asha", "race"], tmp_path / "run", seconds=9.0, rules=[])
    assert [row["method"] for row in found["rows"]] == ["race", "asha"]
    best, last = (row["judged"]["test_chrf"] for row in found["rows"])
    assert (best["mean"], best["values"], best["diverged"]) == (40.0, [40.0], [102])
    assert (last["mean"], last["values"], last["diverged"]) == (None, [], [101, 102])
    print_equal_time(found)
    printed = " ".join(capsys.readouterr().out.split())
    assert "the winner of asha, seed 1, diverged with the training seed 101 and 102" in printed


def test_other_tasks_are_those_of_the_space_without_ones_own():
    own = [name for name, _ in equal_time.other_tasks(StudyConfig())]
    other = [name for name, _ in equal_time.other_tasks(StudyConfig(corpus={"target": "tr"}))]
    assert "en-de" not in own
    assert own
    assert {"en-de", "en-ga"} <= set(other)


def winners():
    path = Path(__file__).parents[2] / "benchmarks" / "winners.py"
    return runpy.run_path(str(path), run_name="winners")


def test_the_table_of_winners_corrects_for_how_many_are_compared():
    """Two methods that are worse in every cell, one that is not to be told apart; bad news would have its own sign."""
    rng, rows = np.random.default_rng(0), []
    for pair, limit in ((pair, limit) for pair in "abc" for limit in ("x", "y", "z")):
        level = rng.normal(40, 3)
        for method, lead in (("race", 0.0), ("worse", 1.0), ("much-worse", 3.0), ("alike", 0.0)):
            for seed in (1, 2):
                value = level - lead + 0.3 * rng.normal()
                rows.append({"pair": pair, "limit": limit, "seed": seed, "method": method, "test_chrf": str(value)})
    found = {row["method"]: row for row in winners()["table"](rows)}
    assert found["race"]["cells"] == 9
    assert found["much-worse"]["lead"] == pytest.approx(3.0, abs=0.4)
    assert found["much-worse"]["p"] < 0.05
    assert found["worse"]["p"] < 0.05
    assert found["alike"]["p"] > 0.05
    assert found["race"]["p"] is None
    text = "\n".join(winners()["lines"](winners()["table"](rows)))
    assert "tie" in text.split("alike")[1].splitlines()[0]


def test_few_cells_are_not_taken_for_many():
    """Five cells that all lead by nearly the same are 2 of 32 ways to turn their signs, whatever a bootstrap says."""
    cells = [("a", "x", 1.0), ("b", "x", 1.1), ("c", "x", 0.9), ("d", "x", 1.2), ("e", "x", 1.0)]
    rows = [
        {"pair": pair, "limit": limit, "seed": 1, "method": method, "test_chrf": str(40 - worse * lead)}
        for pair, limit, lead in cells
        for method, worse in (("race", 0), ("other", 1))
    ]
    found = {row["method"]: row for row in winners()["table"](rows)}["other"]
    assert found["p"] == pytest.approx(2 / 32)
    assert found["interval"] == pytest.approx((0.898, 1.182), abs=1e-3)


def test_a_lead_is_over_the_seeds_that_both_ran():
    """The default's other seed was lucky; the method that ran beside it must not pay for that."""
    scores = [("race", 1, 30.0), ("race", 2, 40.0), ("other", 1, 29.0), ("third", 3, 50.0)]
    rows = [
        {"pair": "a", "limit": limit, "seed": seed, "method": method, "test_chrf": str(score)}
        for limit in "wxyz"
        for method, seed, score in scores
    ]
    found = {row["method"]: row for row in winners()["table"](rows)}
    assert found["other"]["lead"] == pytest.approx(1.0)
    assert found["race"]["test_chrf"] == pytest.approx(35.0)
    assert np.isnan(found["third"]["lead"])
    assert found["third"]["p"] is None


def test_holms_correction():
    assert winners()["holm"]([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert winners()["holm"]([0.5, 0.9]) == [1.0, 1.0]


def test_rows_of_one_cell_and_method_are_kept_once(tmp_path):
    module = winners()
    row = dict.fromkeys(module["COLUMNS"], "1")
    module["keep"](tmp_path / "winners.csv", [row])
    module["keep"](tmp_path / "winners.csv", [{**row, "test_chrf": "2"}, {**row, "seed": "2"}])
    assert [(each["seed"], each["test_chrf"]) for each in module["read"](tmp_path / "winners.csv")] == [
        ("1", "2"),
        ("2", "1"),
    ]
