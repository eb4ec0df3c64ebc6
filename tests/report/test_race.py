"""A race on the page: who went how far, what it cost, and what simple rules would have picked."""

import json

import pytest

import foretell
from foretell.errors import IntegrityError
from foretell.objectives import Fidelities, FunctionObjective
from foretell.report import read_run, render
from foretell.report.race import RaceView, rules_table
from tests.report.conftest import write_run

GENES = {"layers": [1, 2, 3, 4], "width": [8, 16, 32, 64], "mixer": ["attention", "gru"]}


def loss(architecture, fidelity):
    if fidelity == 50 and architecture["layers"] == 1:
        raise MemoryError("out of <b>memory</b>")
    return (
        5 / (architecture["layers"] * architecture["width"]) + (architecture["mixer"] == "gru") + 10 / (fidelity + 10)
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raced") / "run"
    space = foretell.SearchSpace(GENES, costs={"params": "layers * width ** 2"})
    race = {"entrants": 8, "rungs": ["25%", "50%", "100%"], "finishers": 2}
    study = foretell.create_study(
        space, metric="val_loss", direction="minimize", storage=folder, trials=4, race=race, constraints=["params<=4k"]
    )
    study.optimize(FunctionObjective(loss, ("val_loss",), fidelities=Fidelities(unit="u", full=100, continued=True)))
    return folder


def test_the_page_has_the_race_as_tables_and_as_a_figure(run):
    page = render([read_run(run)])
    assert "The race: valid loss" in page
    assert "What each rung cost" in page
    assert "What simple rules would have picked" in page
    assert 'id="run0-racing"' in page
    assert "<b>memory" not in page


def test_the_tables_say_who_went_how_far(run):
    view = RaceView(read_run(run).result.race)
    rows = view.standings.rows
    assert len(rows) == 8
    assert view.standings.header == ["", "after 25 %", "after 50 %", "after 100 %", "is the best"]
    assert sum(bool(row[3]) for row in rows) == 2
    assert view.rungs.rows[0][1] == "8"
    assert rows[0][4] == f"{100 * view.told.standings[0].chance:.0f} %"
    drawn = {series.name: len(series.x) for series in view.plot.panels[0].series}
    assert drawn["winner"] == 3
    assert drawn["left here"] == 7
    assert sum(drawn.values()) == sum(len(each.seen) for each in view.told.standings)


def test_rules_say_what_was_trained_and_what_predicted(run):
    record = read_run(run)
    table = rules_table(record.result.rules, record.metric)
    assert [row[0] for row in table.rows] == ["most-parameters", "uniform", "regression", "random"]
    assert all(row[3].startswith(("trained", "predicted by regression")) for row in table.rows)
    assert rules_table([], record.metric) is None


def test_trials_that_raced_are_named_so(run):
    record = read_run(run)
    assert [record.how(row) for row in range(len(record))].count("raced") == 2


def test_a_damaged_race_is_one_sentence(run, tmp_path):
    for name in ("study.yaml", "result.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    told = json.loads((run / "result.json").read_text())
    told["race"]["rungs"][0]["trained"] = "many"
    (tmp_path / "result.json").write_text(json.dumps(told))
    with pytest.raises(IntegrityError, match=r"is not a result of this version \(race\.rungs\.0\.trained"):
        read_run(tmp_path)


def test_the_page_of_a_search_that_trains_by_itself_has_them_too(tmp_path, run):
    told = json.loads((run / "result.json").read_text())
    folder = write_run(tmp_path / "searched")
    plain = render([read_run(folder)])
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**result, "race": told["race"], "rules": told["rules"]}))
    page = render([read_run(folder)])
    for text in ('id="run0-racing"', "What each rung cost", "What simple rules would have picked"):
        assert text in page
        assert text not in plain
