import json
import re

import pytest

from foretell.errors import InputError
from foretell.llm.model import Decoding, Reply, Request, Usage
from foretell.llm.session import open_session
from foretell.records import write_json
from foretell.report import read_run, render
from foretell.report.view import RunView
from tests.report.conftest import HOSTILE, SPACE, write_run


def change(run, **values):
    path = run / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def keep_examples(run, text):
    example = {"source": text, "reference": text, "translation": text}
    write_json(run / "winner" / "examples.json", {"format": 1, "examples": [example]})


def without_scripts(page):
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_the_page_answers_what_people_ask(record):
    page = without_scripts(render([record]))
    for part in ("What was found", "The search", "Can I trust it?", "What it cost", "Where it comes from"):
        assert part in page
    assert "The winner keeps params ≤ 0.4M when measured." in page
    assert "search 1, supernet 1, distilled 1, training 1, corpus split 0" in page
    assert "c0ffee" in page
    assert "9 min 23 s" in page
    for row in record.trust.evaluation.rows:
        assert row.predictor in page


def test_whatever_comes_from_a_file_is_text(run):
    keep_examples(run, HOSTILE)
    corpus = {"fingerprint": HOSTILE, "task": f"'\"{HOSTILE}"}
    rows = [{"predictor": HOSTILE, "mae": 0.5, "kendall_tau": None}]
    change(run, software={HOSTILE: HOSTILE}, corpus=corpus, name=HOSTILE, teacher={"name": HOSTILE, "rows": rows})
    page = render([read_run(run)])
    assert HOSTILE not in page
    assert page.count("<script") == 3  # the data, plotly, and the page's own
    assert without_scripts(page).count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 8


def test_the_page_lets_no_other_script_run_and_asks_for_nothing(record):
    page = render([record])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    assert "default-src 'none'" in policy
    script = re.search(r"script-src ([^;]*)", policy)[1]
    assert len(re.findall("sha256-", script)) == 2
    assert "unsafe" not in script
    assert not re.search(r'(src|href)="(?!#)', without_scripts(page))


def test_a_limit_that_is_not_kept_is_said(run):
    change(run, constraint="params<=1k, latency<=1ms", constraint_met=False)
    view = RunView(read_run(run))
    assert "does NOT keep params ≤ 1k, latency ≤ 1ms" in view.verdict
    assert [row[2] for row in view.limits.rows] == ["NOT kept", "NOT kept"]
    assert view.tiles[0].mood == "bad"


def test_a_limit_inside_the_measurements_interval_is_not_called_safe(run):
    change(run, constraint="latency<=3.45ms")
    (tile, *_) = RunView(read_run(run)).tiles
    assert tile.mood == "good"
    assert "kept, though the interval reaches past it" in tile.note


def test_what_cannot_be_had_is_said_and_the_rest_drawn(run):
    record = read_run(run)
    assert set(record.missing) == {"latency", "trust", "examples"}
    page = without_scripts(render([record]))
    assert "No predictors were judged: " in page
    assert "labels.jsonl does not exist" in page
    assert "No examples: " in page
    assert "run0-pareto" in page


def test_a_search_without_a_journal_has_a_page(run):
    (run / "search" / "scores.jsonl").unlink()
    page = without_scripts(render([read_run(run)]))
    assert "What was found" in page
    assert 'id="run0-pareto"' not in page


def test_the_teachers_account_is_shown(run):
    rows = [{"predictor": "constant", "mae": 1.9, "kendall_tau": 0.0}, {"predictor": "llm", "mae": 1.25, "weight": 0.4}]
    told = {"name": "weighted", "labels": 10, "rows": rows, "asked": 200, "student_mae": 0.0312, "note": "A note."}
    change(run, teacher=told)
    table = RunView(read_run(run)).teacher
    assert list(table.header) == ["predictor", "MAE", "tau", "weight"]
    assert table.rows[1] == ["llm", "1.250", "–", "0.400"]
    assert "200 architectures" in table.note
    assert "0.031" in table.note
    assert table.note.endswith("A note.")


def test_a_run_without_a_distilled_predictor_has_no_teacher(run):
    change(run, teacher=None)
    assert RunView(read_run(run)).teacher is None


def test_calls_of_a_language_model_are_summed_up_where_one_taught(run, tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_LEDGER", str(tmp_path / "ledger.sqlite"))
    change(run, teacher={"name": "llm", "labels": 10})
    assert "its ledger is not on this machine" in read_run(run).missing["calls"]
    session = open_session("http://127.0.0.1:9/v1#tiny")
    for attempt in (0, 1):
        request = Request("prefix", "query", Decoding(), attempt=attempt)
        reply = Reply("12.5", usage=Usage(100, 5, 80), seconds=2.0)
        session.ledger.record(f"key {attempt}", session.model, request, reply, 0.25)
    view = RunView(read_run(run))
    (row,) = view.calls.rows
    assert row == ["http://127.0.0.1:9/v1#tiny", "2", "200", "160", "10", "1", "$0.5000", "4.0 s"]
    assert view.tiles[-1].value == "$0.5000"
    assert {stage.name: stage.dollars for stage in view.stages}["distil"] == "$0.5000"
    session.ledger.close()


def test_a_run_whose_teacher_asks_nobody_has_no_calls(record):
    assert record.calls == ()
    assert RunView(record).calls is None


def test_examples_that_are_kept_are_shown_in_one_direction(run):
    keep_examples(run, "left \u202eright")
    table = RunView(read_run(run)).examples
    assert table.rows == [["left  right"] * 3]


def test_a_large_search_keeps_what_matters_and_says_so(record):
    view = RunView(record, most=20)
    front = set(record.seen.front(record.judge).tolist())
    assert front <= set(view.chosen)
    assert record.seen.row(record.winner) in view.chosen
    assert len(view.chosen) < len(record.seen)
    assert view.shown.endswith(
        f"of {len(record.seen)} architectures are drawn, the fronts and the finalists among them."
    )
    assert view.pareto.panels[0].series[0].keys.tolist() == [
        row for row in record.seen.scored(record.judge) if row in view.chosen
    ]


def test_the_table_behind_the_plots_holds_the_architectures(record):
    table = RunView(record).architectures()
    row = table["rows"][table["keys"].index(table["first"])]
    assert SPACE.architecture(SPACE.read([row])[0]) == record.winner
    depth = [gene["depth"] for gene in table["genes"]]
    names = [gene["name"] for gene in table["genes"]]
    assert depth[names.index("decoder-ffn-embed-dim-all")] == names.index("decoder-layer-num")


def test_the_command_repeats_the_run_wherever_its_folder_is(run):
    moved = run.rename(run.with_name("a b"))
    assert f"cp '{moved}/study.yaml' repeat.yaml" in RunView(read_run(moved)).command


def test_two_runs_stand_side_by_side(tmp_path):
    records = [read_run(write_run(tmp_path / str(seed), f"seed-{seed}", seed)) for seed in (1, 2)]
    page = render(records)
    assert len(page) < 6_000_000
    text = without_scripts(page)
    assert "2 runs compared" in text
    assert 'href="#run1">seed-2' in text
    assert 'id="compared-compare-fronts"' in text


def test_without_plotly_the_sentence_says_what_to_install(record, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(InputError, match=r"install foretell\[report\]"):
        render([record])


def test_too_many_runs_for_one_page_are_refused(record):
    with pytest.raises(InputError, match="12 runs are too many for one page"):
        render([record] * 12)
