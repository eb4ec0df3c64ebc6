import pytest

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError, UnknownNameError
from foretell.study.limits import is_relative, resolve_limits

SPACE = spaces.create("small-seq2seq")


def test_a_relative_limit_is_a_share_of_the_largest_architecture():
    costs = CostModel(SPACE)
    largest = costs.cost(SPACE.population([SPACE.largest()]), "flops")[0]
    (limit,) = resolve_limits(("flops<=25%",), costs)
    assert limit.limit == pytest.approx(largest / 4, rel=1e-6)
    assert limit.operator == "<="


def test_names_are_known_in_any_case_and_unknown_ones_told_with_those_that_are():
    costs = CostModel(SPACE)
    (small,), (tall,) = (resolve_limits((text,), costs) for text in ("params<=70%", "Params≤70%"))
    assert (tall.cost, tall.limit) == (small.cost, small.limit)
    assert is_relative("FLOPs<=25%")
    with pytest.raises(UnknownNameError, match=r"unknown cost 'Money' .*known are: latency, params, .*flops"):
        resolve_limits(("Money<=70%",), costs)


def test_absolute_limits_stay_as_they_are():
    limits = resolve_limits(("params<=0.3M", "flops<50%"), CostModel(SPACE))
    assert [item.cost for item in limits] == ["parameters", "flops"]
    assert limits.items[0].limit == 300_000


def test_a_share_beyond_the_largest_is_refused():
    with pytest.raises(InputError, match="not between 0 and 100 %"):
        resolve_limits(("flops<=140%",), CostModel(SPACE))
