import pytest

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InfeasibleError, InputError, UnknownNameError
from foretell.spaces import SearchSpace
from foretell.study.config import StudyConfig
from foretell.study.device import quick_check
from foretell.study.limits import is_relative, resolve_limits

SPACE = spaces.create("small-seq2seq")


def test_a_relative_limit_is_a_share_of_the_largest_architecture():
    costs = CostModel(SPACE)
    largest = costs.cost(SPACE.population([SPACE.largest()]), "flops")[0]
    (limit,) = resolve_limits(("flops<=25%",), costs)
    assert limit.limit == pytest.approx(largest / 4, rel=1e-6)
    assert limit.operator == "<="


def test_a_share_of_a_cost_that_is_a_fraction_is_no_whole_number():
    space = SearchSpace({"layers": [1, 2, 4], "width": [64, 128, 256]}, costs={"gf": "layers * width / 700"})
    (limit,) = resolve_limits(("gf<=50%",), CostModel(space))
    assert limit.limit == pytest.approx(0.5 * 4 * 256 / 700, rel=1e-5)


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


@pytest.mark.parametrize(
    "limits",
    [
        ("params<=50%", "params>=80%"),
        ("flops<30%", "flops>=30%"),
        ("latency<=2.4%", "latency>=2.5%"),
        ("params <= 0.1M", "params >= 0.2M"),
    ],
)
def test_limits_that_contradict_each_other_are_refused_when_the_file_is_read(limits):
    with pytest.raises(InfeasibleError, match=f"nothing keeps both {limits[1]} and {limits[0]}"):
        StudyConfig(name="s", constraints=limits)
    with pytest.raises(InfeasibleError, match="nothing keeps both"):
        StudyConfig(name="s", constraints=limits[:1], alternatives=((limits[1],), ("params<=90%",)))


def test_shares_that_leave_something_between_them_are_taken():
    limits = ("latency<=50%", "latency>=20%", "params>=50%", "flops<=40%")
    assert StudyConfig(name="s", constraints=limits).constraints == limits


@pytest.mark.parametrize("limits", [("params<=50%", "params>=10M"), ("flops>=95%", "params<=0.1M"), ("params<=1%",)])
def test_counted_limits_that_nothing_keeps_are_refused_before_anything_is_measured(limits):
    with pytest.raises(InfeasibleError):
        quick_check(SPACE, StudyConfig(name="s", constraints=limits), 2000)
