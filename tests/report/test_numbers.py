import pytest

from foretell.report.numbers import count, duration, money, number, short, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (592.28, "9 min 52 s"), (12000, "3 h 20 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("dollars", "text"), [(None, "unknown"), (0.0, "$0"), (0.0312, "$0.0312"), (1234.5, "$1,234.50")]
)
def test_money(dollars, text):
    assert money(dollars) == text


def test_counts_and_fractions():
    assert count(375744.0) == "375,744"
    assert short(6316870.0) == "6.32 M"
    assert short(2.96e9) == "2.96 G"
    assert short(12.0) == "12"
    assert number(3.3672) == "3.37"
    assert span((3.31, 3.5664)) == "3.31 to 3.57"


def test_what_is_not_there_is_a_dash():
    assert {count(None), short(None), number(None), number(float("nan")), span(None)} == {"–"}
