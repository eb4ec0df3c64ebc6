import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.errors import InputError
from foretell.search import Schedule


@given(st.lists(st.tuples(st.sampled_from(["supernet", "distilled", "column:HAT"]), st.integers(1, 9)), min_size=1))
def test_text_round_trip_and_every_iteration_has_one_predictor(parts):
    pieces, start = [], 1
    for name, length in parts:
        pieces.append(f"{name}:{start}-{start + length - 1}")
        start += length
    schedule = Schedule.parse(",".join(pieces))
    assert str(schedule) == ",".join(pieces)
    assert schedule.iterations == start - 1
    asked = [schedule.at(i) for i in range(1, start)]
    assert asked == [name for name, length in parts for _ in range(length)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("distilled:1-15,supernet:17-30", "leaves a gap at iteration 16"),
        ("distilled:1-15,supernet:15-30", "overlaps at iteration 15"),
        ("supernet:2-30", "leaves a gap at iteration 1"),
        ("supernet:0-30", "count from 1"),
        ("supernet:5-1", "count from 1"),
        ("supernet", "expected predictor:first-last"),
        ("", "expected predictor:first-last"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_with_a_sentence(text, says):
    with pytest.raises(InputError, match=says):
        Schedule.parse(text)


def test_no_schedule_at_all_is_a_schedule_of_no_iterations():
    schedule = Schedule.parse("none")
    assert (str(schedule), schedule.iterations, schedule.predictors) == ("none", 0, ())
