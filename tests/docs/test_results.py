"""The committed tables are what their own commands print, from the records as they are."""

import csv
import shlex
from pathlib import Path

import pytest

from foretell.cli import main

RESULTS = Path(__file__).parents[2] / "results"
TABLES = sorted(RESULTS.glob("*-test-*.csv"))
QUICK = {
    "en": "depth,regression,calibrated:column:supernet-sandwich,calibrated:column:zen",
    "lm": "constant,params,flops,depth,ridge,regression",
    "la": "constant,params,flops,depth,ridge,regression",
}


def rows(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return {(row["predictor"], row["demonstrations"]): row for row in csv.DictReader(lines[1:])}


def test_there_is_a_table_for_each_task_and_metric():
    pairs = [f"en-{p}-test-{m}" for p in ("de", "ga") for m in ("bleu", "chrf")]
    assert [path.stem for path in TABLES] == [*pairs, "language-id-test-accuracy", "lm-code-test-bits"]


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_some_rows_come_out_again(table, tmp_path):
    """All rows take half a minute a table; each depends on its own predictor alone."""
    command = shlex.split(table.read_text(encoding="utf-8").splitlines()[0].removeprefix("# foretell"))
    again = tmp_path / "again.csv"
    for option, value in (("--predictor", QUICK[table.stem[:2]]), ("--csv", str(again))):
        command[command.index(option) + 1] = value
    assert main(command) == 0
    kept, found = rows(table), rows(again)
    assert len(found) > 15
    for key, row in found.items():
        for name, value in row.items():
            close = value == kept[key][name] or float(value) == pytest.approx(float(kept[key][name]), abs=2e-3)
            assert close, (*key, name)
