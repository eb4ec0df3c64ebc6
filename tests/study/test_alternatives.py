"""Several limits in one run: a winner for each, and nothing that is expensive made twice."""

import json

import pytest
import yaml

from foretell.errors import InfeasibleError, InputError
from foretell.search.entrants import TooFewEntrantsError
from foretell.study import StudyConfig, alternatives, load_study
from foretell.study.alternatives import run_alternatives

LIMITS = [["params<=60%"], "params<=40%"]


def test_a_study_file_lists_them(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({"constraints": ["flops<=90%"], "alternatives": LIMITS}))
    study = load_study(path)
    assert study.alternatives == (("params<=60%",), ("params<=40%",))
    assert load_study(None, yaml.safe_load(study.to_yaml())) == study
    assert "alternatives" not in StudyConfig().to_yaml()
    for wrong in ([[]], [["params<=60%", "nonsense"]]):
        with pytest.raises(InputError, match=r"no limit|cannot be read"):
            load_study(None, {"alternatives": wrong})


@pytest.fixture
def runs(monkeypatch):
    """What the runs of the alternatives were given."""
    seen = []

    def run_study(study, out, *, resume, scored):
        seen.append((study, out, scored))
        if "params<=5%" in study.constraints:
            raise TooFewEntrantsError("the race has 8 entrants, but only 5 architectures were found")
        if "params<=1%" in study.constraints:
            raise InfeasibleError("nothing is so small")
        return {"constraint_met": True, "name": study.name}

    monkeypatch.setattr(alternatives, "run_study", run_study)
    monkeypatch.setattr(alternatives, "quick_check", lambda *_: None)
    return seen


def test_each_has_a_run_under_all_its_limits_and_the_scores_of_those_before(tmp_path, runs):
    study = StudyConfig(name="both", constraints=("flops<=90%",), alternatives=LIMITS)
    result = run_alternatives(study, tmp_path / "run")
    assert [each.constraints for each, _, _ in runs] == [("flops<=90%", "params<=60%"), ("flops<=90%", "params<=40%")]
    assert all(each.alternatives == () for each, _, _ in runs)
    assert [out for _, out, _ in runs] == [tmp_path / "run" / "1", tmp_path / "run" / "2"]
    assert [scored for _, _, scored in runs] == [(), (tmp_path / "run" / "1" / "search" / "scores.jsonl",)]
    assert [row["result"]["name"] for row in result["alternatives"]] == ["both-1", "both-2"]
    assert json.loads((tmp_path / "run" / "alternatives.json").read_text()) == json.loads(json.dumps(result))


def test_one_that_nothing_keeps_does_not_stop_the_others(tmp_path, runs):
    study = StudyConfig(alternatives=[["params<=1%"], ["params<=60%"]])
    first, second = run_alternatives(study, tmp_path / "run")["alternatives"]
    assert first["infeasible"] == "nothing is so small"
    assert second["result"]["constraint_met"]
    with pytest.raises(InfeasibleError, match="none of 1 alternatives can be kept; the first one: nothing is so small"):
        run_alternatives(StudyConfig(alternatives=[["params<=1%"]]), tmp_path / "other")


def test_one_that_too_few_keep_for_its_race_does_not_stop_the_others(tmp_path, runs):
    study = StudyConfig(alternatives=[["params<=60%"], ["params<=5%"], ["params<=40%"]])
    first, second, third = run_alternatives(study, tmp_path / "run")["alternatives"]
    assert second["infeasible"] == "the race has 8 entrants, but only 5 architectures were found"
    assert first["result"]["constraint_met"]
    assert third["result"]["constraint_met"]


def test_a_folder_is_of_one_study_and_goes_on_only_when_told(tmp_path, runs):
    study = StudyConfig(alternatives=LIMITS)
    run_alternatives(study, tmp_path / "run")
    (tmp_path / "run" / "1" / "search").mkdir(parents=True)  # something was paid for
    run_alternatives(study, tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="by --resume"):
        run_alternatives(study, tmp_path / "run")
    with pytest.raises(InputError, match="a run of another study, where name is home-assistant-en-de, not other"):
        run_alternatives(study.model_copy(update={"name": "other"}), tmp_path / "run", resume=True)
