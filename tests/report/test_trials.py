"""The page of a study of trials."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import foretell
from foretell.cli import main
from foretell.errors import InputError, IntegrityError
from foretell.predictors.labels import AbsurdLabelWarning
from foretell.report import comparison_plots, read_run, render, run_plots, write_figures, write_report
from foretell.report.kinds import bytes_of_row
from foretell.report.plot import plot_table
from foretell.report.trials import plots, tables
from foretell.report.trials.view import TrialView
from tests.report.browser import chromium, opened
from tests.report.conftest import HOSTILE, write_run
from tests.report.test_page import change, without_scripts

GENES = {
    "layers": [1, 2, 3],
    "width": {"choices": [8, 16, 32], "depth": "layers"},
    "mixer": ["attention", "gru", "none"],
}
SPACE = {"genes": GENES, "costs": {"params": "1000 * layers"}}
LOSS = {"name": "val_loss", "higher_is_better": False}
# The second keeps the limit on memory and is the best; the fifth would be better, and breaks it.
TRIALS = [
    ({"layers": 1, "width": [8], "mixer": "gru"}, {"val_loss": 4.5, "memory": 10}),
    ({"layers": 2, "width": [8, 32], "mixer": "attention"}, {"val_loss": 3.9, "memory": 60}),
    ({"layers": 1, "width": [16], "mixer": "attention"}, {"val_loss": 4.1, "memory": 20}),
    ({"layers": 3, "width": [8, 8, 16], "mixer": "gru"}, {"failed": f"out of memory {HOSTILE}\x1b[31m"}),
    ({"layers": 3, "width": [32, 32, 32], "mixer": "attention"}, {"val_loss": 3.7, "memory": 120}),
    ({"layers": 2, "width": [16, 16], "mixer": "none"}, {"val_loss": 4.2, "memory": 30}),
    ({"layers": 2, "width": [32, 32], "mixer": "gru"}, {"val_loss": 4.0, "memory": 70}),
]


def write_trials(folder, metric=LOSS, trials=TRIALS, name="mine", **more):
    """The folder of a study that was told these trials, whatever it would have asked for."""
    study = foretell.create_study(
        {"name": "blocks", **SPACE},
        metric=metric,
        storage=folder,
        study_name=name,
        **{"constraints": ["memory<=100"], "costs": ["memory"], "startup": 3, **more},
    )
    with (folder / "trials.jsonl").open("a") as file:
        for number, (genes, _) in enumerate(trials):
            file.write(json.dumps({"number": number, "architecture": genes}) + "\n")
    study = foretell.load_study(folder)
    for number, (_, told) in enumerate(trials):
        study.tell(number, **told)
    study.finish()
    return folder


@pytest.fixture
def run(tmp_path):
    """A folder that a test may damage."""
    return write_trials(tmp_path / "mine")


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return read_run(write_trials(tmp_path_factory.mktemp("trials") / "mine"))


def test_the_page_answers_what_people_ask(record):
    page = without_scripts(render([record]))
    for part in ("What was found", "The trials", "What each choice came to", "Can I trust it?", "What it cost"):
        assert part in page
    assert "The winner keeps memory ≤ 100." in page
    assert "layers: 2\nwidth:\n- 8\n- 32\nmixer: attention\n" in page
    tiles = {tile.label: tile for tile in tables.tiles(record)}
    assert tiles["Valid loss"].value == "3.900"
    assert tiles["Valid loss"].note == "lower is better, trial 1"
    assert (tiles["Memory"].value, tiles["Memory"].note, tiles["Memory"].mood) == (
        "60",
        "limit memory<=100 kept",
        "good",
    )
    assert (tiles["Trials"].value, tiles["Trials"].note) == ("6 of 7", "finished; 1 failed")


def test_a_loss_falls(record):
    steps = plots.steps(record)
    assert steps.y.tolist() == [4.5, 3.9, 3.9]
    assert steps.x.tolist() == [0, 1, 6]
    assert record.edge > 4.5


def test_what_was_trained_in_part_is_shown_and_not_compared(run):
    """ASHA's first rungs: a loss after a quarter of a training may be the lowest where longer trainings overfit."""
    path = run / "result.json"
    result = json.loads(path.read_text())
    result["trials"][0]["fidelity"] = 0.25
    result["trials"][0]["metrics"]["val_loss"] = 1.5
    path.write_text(json.dumps(result))
    record = read_run(run)
    assert plots.steps(record).y.tolist() == [3.9, 3.9]
    assert 0 not in record.front
    drawn = {each.name: each.y.tolist() for each in plots.best_so_far(record, np.arange(7)).panels[0].series}
    assert drawn["trained in part"] == [1.5]
    assert "What was trained in part is not compared" in plots.best_so_far(record, np.arange(7)).about
    medians = {row[1]: row[-1] for row in plots.by_choice(record, np.arange(7)).rows if row[0] == "mixer"}
    assert medians["gru"] == "4.00"  # not 2.75, with the one in part
    assert tables.outcome(record, 0) == "trained 25%"


def test_an_accuracy_rises(tmp_path):
    trials = [(genes, {"accuracy": 10 * told.get("val_loss", 0), "memory": 1}) for genes, told in TRIALS]
    record = read_run(write_trials(tmp_path / "up", "accuracy", trials))
    assert record.best.trial == 0
    assert plots.steps(record).y.tolist() == [45, 45]
    assert np.flatnonzero(record.far).tolist() == [3]  # its accuracy is 0, that of the others about 40
    assert 30 < record.edge < 37


def test_how_trials_were_chosen_and_ended_can_be_told_apart(record):
    series = {each.name: each for each in plots.best_so_far(record, np.arange(7)).panels[0].series}
    assert series["designed"].keys.tolist() == [0, 1, 2]
    assert series["chosen by regression"].keys.tolist() == [5, 6]
    assert series["breaks a limit"].keys.tolist() == [4]
    assert series["failed"].keys.tolist() == [3]
    assert series["failed"].y.tolist() == [record.edge]
    assert series["winner"].keys.tolist() == [1]


def test_whether_choosing_was_worth_it_is_said(record, tmp_path):
    about = plots.best_so_far(record, np.arange(7)).about
    assert "The best of 3 finished trials of the design has 3.900; 2 chosen by regression found nothing better" in about
    better = [*TRIALS[:6], (TRIALS[6][0], {"val_loss": 3.5, "memory": 70})]
    record = read_run(write_trials(tmp_path / "better", trials=better))
    assert "2 chosen by regression reached 3.50." in plots.best_so_far(record, np.arange(7)).about


def test_random_trials_are_not_called_designed(tmp_path):
    record = read_run(write_trials(tmp_path / "chance", algorithm="random"))
    assert not record.designed.any()
    assert record.how(0) == "drawn at random"
    assert tables.trust(record).startswith("No predictor chose these trials")


def test_the_front_keeps_the_limits_and_is_cheapest_first(record):
    plot = plots.against_cost(record, np.arange(7))
    assert record.cost == "memory"
    assert record.front.tolist() == [0, 2, 1]
    assert [row[0] for row in plot.rows] == ["0", "2", "1"]
    assert plot.panels[0].guides[0].at == 100


def test_more_is_cheaper_where_the_limit_is_one_from_below(tmp_path):
    record = read_run(write_trials(tmp_path / "speed", constraints=["memory>=15"]))
    assert record.front.tolist() == [4]
    assert "right is cheaper" in plots.against_cost(record, np.arange(7)).about


def test_a_study_without_costs_has_a_page(tmp_path):
    trials = [({"mixer": mixer}, {"val_loss": 4.0 + place}) for place, mixer in enumerate(GENES["mixer"])]
    study = foretell.create_study({"mixer": GENES["mixer"]}, metric=LOSS, storage=tmp_path / "bare")
    study.optimize(lambda a: next(told for genes, told in trials if genes == dict(a)), n_trials=3)
    page = without_scripts(study.report().read_text())
    assert "No cost is on record." in page
    assert "No limits were set." in page


def test_each_gene_has_a_strip_with_its_choices(record):
    plot = plots.by_choice(record, np.arange(7))
    assert [panel.title for panel in plot.panels] == ["layers", "width", "mixer"]
    mixer = plot.panels[2]
    assert list(mixer.ticks) == ["attention", "gru", "none"]
    medians = next(each for each in mixer.series if each.name == "median")
    assert medians.y.tolist() == [3.9, 4.25, 4.2]
    # A trial stands at each choice of any of its layers.
    rows = {row[1]: row[2:] for row in plot.rows if row[0] == "width"}
    assert rows["8"] == ["3", "1", "3.900", "4.200"]


def test_one_value_off_the_scale_does_not_hide_the_others(tmp_path):
    trials = [*TRIALS[:6], (TRIALS[6][0], {"val_loss": 1e9, "memory": 70})]
    with pytest.warns(AbsurdLabelWarning, match="the label 1e\\+09 .* is absurdly far"):
        record = read_run(write_trials(tmp_path / "far", trials=trials))
    assert np.flatnonzero(record.far).tolist() == [6]
    assert record.edge < 5
    plot = plots.best_so_far(record, np.arange(7))
    assert next(each for each in plot.panels[0].series if each.name == "far worse").y.tolist() == [record.edge]
    assert "Marks at the edge of the axis failed or are far worse than the axis reaches." in plot.about


def test_all_trials_are_in_the_table_and_failures_say_why(record):
    table = tables.trials(record, range(7))
    assert table.title == "All trials"
    assert table.rows[1][:7] == ["1", "designed", "3.900", "60", "2,000", "2", "8 32"]
    outcomes = [row[-2] for row in table.rows]
    assert outcomes == ["", "winner", "", "NOT finished", "NOT kept: a limit", "", ""]
    (failure,) = tables.failures(record, range(7)).rows
    assert failure[0] == "trial 3"
    assert failure[1].startswith("out of memory <script>")
    assert "\x1b" not in failure[1]


def test_how_far_the_predictor_goes_is_said_in_words(run):
    rows = [{"predictor": "constant", "mae": 0.3, "kendall_tau": 0}, {"predictor": "regression", "mae": 0.1}]
    change(run, trust=[rows[0], {**rows[1], "kendall_tau": 0.8}])
    said = tables.trust(read_run(run))
    assert "misses the valid loss of trials that it has not seen by 0.1 on average" in said
    assert said.endswith("It beats every simple row below.")
    change(run, trust=[rows[0], {**rows[1], "kendall_tau": 0.0}])
    assert "It does not beat every simple row" in tables.trust(read_run(run))
    change(run, trust=[])
    assert tables.trust(read_run(run)).startswith("No predictors were judged")


def test_whatever_comes_from_a_file_is_text(run):
    metric = {**LOSS, "name": "x", "label": HOSTILE, "unit": HOSTILE, "meaning": HOSTILE}
    told = json.loads((run / "result.json").read_text())
    for each in (told["winner"], *told["trials"]):
        each["metrics"] = dict(zip("x", each["metrics"].values(), strict=False))
        each["costs"][HOSTILE] = 1.0
    rows = [{"predictor": HOSTILE, "mae": 0.5, "kendall_tau": 0.5}]
    search = {**told["search"], "predictor": HOSTILE}
    change(run, **{**told, "metric": metric, "name": HOSTILE, "search": search, "trust": rows})
    change(run, software={HOSTILE: HOSTILE})
    page = render([read_run(run)])
    assert HOSTILE not in page
    assert page.count("<script") == 3  # the data, plotly, and the page's own
    assert without_scripts(page).count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 10


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda told: told["trials"][0].update(seconds="long"), r"trials.0.seconds: Input should be a valid number"),
        (lambda told: told["trials"][0]["metrics"].update(val_loss=float("nan")), "NaN is not finite"),
        (lambda told: told["trials"][0]["architecture"].update(mixer="rnn"), "does not fit its study: .*mixer"),
        (lambda told: told["trials"][0].update(trial=1), "holds a trial twice"),
        (lambda told: told["winner"].update(trial=3), "names trial 3 as the winner"),
        (lambda told: told.update(metric={}), "a metric without a name"),
        (lambda told: told.update(constraint="quickly"), "cannot be read"),
        (lambda told: told.update(trials=[]), "at least 1 item"),
    ],
)
def test_a_damaged_result_is_one_sentence(run, damage, sentence):
    told = json.loads((run / "result.json").read_text())
    damage(told)
    (run / "result.json").write_text(json.dumps(told))
    with pytest.raises(IntegrityError, match=sentence):
        read_run(run)


def test_a_result_beside_another_kind_of_study_is_refused(run, tmp_path):
    other = write_run(tmp_path / "search")
    (run / "study.yaml").write_text((other / "study.yaml").read_text())
    with pytest.raises(InputError, match="is no study of trials"):
        read_run(run)


def test_variables_of_the_program_stay_out_of_the_page(tmp_path):
    objective = {"command": "train {mixer}", "env": {"TOKEN": "secret-value"}, "metrics": ["val_loss"]}
    run = write_trials(tmp_path / "program", objective=objective, costs=[], constraints=[])
    page = render([read_run(run)])
    assert "secret-value" not in page
    assert "TOKEN" in page
    assert f"cp {run}/study.yaml repeat.yaml" in page
    assert "secret-value" in (run / "study.yaml").read_text()


def test_only_python_goes_on_with_a_python_function(record):
    assert TrialView(record).command == ""


def test_a_large_study_keeps_what_matters_and_says_so(record):
    view = TrialView(record, most=2)
    assert set(view.chosen) == {0, 1, 2, 6}
    assert view.trials.title == "4 of 7 trials"
    drawn = {key for series in view.best_so_far.panels[0].series if series.keys is not None for key in series.keys}
    assert drawn <= set(view.chosen)


def test_a_page_of_many_trials_is_as_large_as_was_reckoned(record):
    def size(times):
        rows = enumerate(record.result.trials * times)
        entries = [each.model_copy(update={"trial": number}) for number, each in rows]
        result = record.result.model_copy(update={"trials": entries})
        return len(render([replace(record, result=result, architectures=record.architectures * times)]))

    trials = 7 * (30 - 10)
    grown = size(30) - size(10)
    assert 0.4 * trials * bytes_of_row(record) < grown <= trials * bytes_of_row(record)


def test_every_plot_has_a_text_and_a_table(record, tmp_path):
    for plot in run_plots(record):
        assert plot.alt.endswith(".")
        assert plot.about.endswith(".")
        header, rows = plot_table(plot)
        assert rows
        assert all(len(row) == len(header) for row in rows)
    names = {path.name for path in write_figures(run_plots(record), tmp_path)}
    assert {"best-so-far.svg", "against-cost.png", "by-choice.svg"} <= names


def test_studies_stand_side_by_side(record, tmp_path):
    other = read_run(write_trials(tmp_path / "other", trials=TRIALS[:4], name="other"))
    page = without_scripts(render([record, other]))
    assert "2 runs compared" in page
    assert 'id="compared-compare-best"' in page
    (plot,) = comparison_plots([record, other])
    assert [series.name for series in plot.panels[0].series] == ["mine", "other"]
    accuracy = [(genes, {"accuracy": 1.0 + n, "memory": 1}) for n, (genes, _) in enumerate(TRIALS)]
    assert comparison_plots([record, read_run(write_trials(tmp_path / "up", "accuracy", accuracy))]) == []


def test_runs_of_two_kinds_are_not_compared(run, tmp_path, capsys):
    other = write_run(tmp_path / "search")
    assert main(["--quiet", "report", str(run), str(other), "--out", str(tmp_path / "both.html")]) == 2
    assert "give runs of one kind" in capsys.readouterr().err


def test_the_command_and_python_write_the_same_page(run, capsys):
    assert main(["--quiet", "report", str(run)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(run / "report.html")
    before = (run / "report.html").read_bytes()
    assert write_report(run) == run / "report.html"
    assert foretell.load_study(run).report() == run / "report.html"
    assert (run / "report.html").read_bytes() == before


def test_without_plotly_the_sentence_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(InputError, match=r"install foretell\[report\]"):
        write_report(run)


@pytest.mark.network
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_keeps_anybody_out(run, theme):
    from axe_playwright_python.sync_playwright import Axe

    with chromium() as browser, opened(browser, write_report(run), theme=theme) as page:
        for summary in page.locator("summary").all():
            summary.click()
        found = Axe().run(page).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


@pytest.mark.network
def test_a_mark_says_its_genes_and_copies_them(run):
    with chromium() as browser, opened(browser, write_report(run), width=390) as page:
        assert page.locator("figure.plot").count() == 3
        assert page.locator(".drawing .point").count() > 0
        box = page.locator(".inspector")
        assert "The winner, 3 of 3 on the front" in box.inner_text()
        box.get_by_role("button", name="Cheaper on the front").click()
        assert box.locator(".genes").inner_text() == "layers: 1\nwidth: 16\nmixer: attention"
        box.get_by_role("button", name="Copy YAML").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == '"layers": 1\n"width": [16]\n"mixer": "attention"\n'
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert (page.said, page.asked) == ([], [])
