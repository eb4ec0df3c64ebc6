"""The paper's tables, and ours beside them."""

import json

import pytest

from foretell.cli import main
from foretell.published.paper_tables import SEARCH_TABLES, TABLE_1, TASKS


def test_the_papers_supernets_are_recomputed_to_two_decimals(capsys, monkeypatch):
    monkeypatch.setattr("foretell.cli.reproduce._OURS", ("constant", "regression"))  # the others are tested elsewhere
    assert main(["--quiet", "reproduce", "table-1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    here = {row["predictor"]: row for row in document["rows"] if row["from"] == "here"}
    for row in TABLE_1:
        if row.ours.startswith("column:"):
            for key in ("mae", "tau"):
                assert [round(value, 2) for value in here[row.ours][key]] == list(getattr(row, key)), row.name
    assert sum(here["regression"]["mae"]) < sum(here["constant"]["mae"])


def test_a_table_of_searches_says_what_cannot_be_run(capsys):
    assert main(["--quiet", "reproduce", "table-2"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "27.9" in printed
    assert "not computed here" in printed
    assert printed.endswith("foretell search --compare hat,hs-nas")


def test_an_unknown_table_is_named(capsys):
    assert main(["--quiet", "reproduce", "table-12"]) == 2
    assert "table-1" in capsys.readouterr().err


@pytest.mark.parametrize("table", SEARCH_TABLES.values())
def test_figures_are_of_the_kind_that_they_stand_for(table):
    for bleu, latency, gflops, millions, hours in table.rows.values():
        assert 25 < bleu < 46
        assert 60 < latency < 220
        assert 2 < gflops < 5
        assert 60 < millions < 100
        assert 0 < hours < 10
    assert len(TASKS) == 3
