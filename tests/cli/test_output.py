import json
import random

import pytest

from foretell.cli import output

HOSTILE = "a\x1b[2Jb\x07\u202ec\x9b31m"


def test_tables_and_lines_hold_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]):
    output.print_table(HOSTILE, [HOSTILE, "\x1b[0m"], [[HOSTILE, "two\nlines"]])
    output.say(f"{HOSTILE}\nsecond")
    shown = capsys.readouterr().out
    assert not set("\x1b\x07\u202e\x9b") & set(shown)
    assert shown.endswith("a [2Jb  c 31m\nsecond\n")
    assert "two lines" in shown


def test_json_is_the_same_value_in_harmless_characters(capsys: pytest.CaptureFixture[str]):
    value = {HOSTILE: ["\u2028\ud800\ufeff", "Größe 日本"]}
    output.print_json(value)
    shown = capsys.readouterr().out
    assert json.loads(shown) == value
    assert shown.strip().isprintable()
    assert "Größe 日本" in shown


def test_an_interval_with_a_wide_end_is_short_at_both():
    assert output.interval([1.034, 2.5]) == "1.03-2.50"
    assert output.interval([1.034, 39.91]) == "1.0-39.9"
    assert output.interval([-10.2, 0.5]) == "-10.2 0.5"


@pytest.mark.parametrize("width", [26, 34, 60, 200])
def test_narrow_terminals_wrap_between_columns_and_never_inside_numbers(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    header = ["predictor", "MAE", "95 %", "tau", "labels"]
    rows = [["regression", "12.345", "11.20-13.40", "-0.123", "1,000"], ["depth", "3.210", "2.11-4.31", "0.456", "10"]]
    output.print_table("a table", header, rows)
    out = capsys.readouterr().out
    assert all(cell in out for row in rows for cell in row)
    assert max(map(len, out.splitlines())) <= width


@pytest.mark.parametrize("seed", range(20))
def test_no_number_is_cut_at_any_width(capsys, monkeypatch, seed):
    draw = random.Random(seed)  # noqa: S311 - no secret
    width, columns = draw.randint(30, 100), draw.randint(2, 12)
    names = [f"calibrated:{'x' * draw.randint(0, 12)}", "深さ", "Zürich"]
    numbers = [[f"{draw.uniform(-9, 9) * 10 ** draw.randint(0, 5):,.3f}" for _ in range(columns)] for _ in names]
    monkeypatch.setenv("COLUMNS", str(width))
    output.print_table(
        "a table", ["predictor", *"abcdefghijkl"[:columns]], [[n, *v] for n, v in zip(names, numbers, strict=True)]
    )
    out = capsys.readouterr().out
    assert {number for row in numbers for number in row} <= set(out.split())


def test_words_are_broken_rather_than_a_table(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    output.print_table("a table", ["name", "n", "what"], [["a", "12.5", "words " * 30]])
    out = capsys.readouterr().out
    assert out.count("name") == 1
    assert "12.5" in out
