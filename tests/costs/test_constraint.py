import re

import numpy as np
import pytest

from foretell import spaces
from foretell.costs import Constraint, Constraints, CostModel, cost_name, counted_costs, reachable
from foretell.costs.model import timed_costs
from foretell.errors import InfeasibleError, InputError, UnknownNameError
from foretell.families.encoder_decoder.closed_forms import flops, parameters
from foretell.spaces import Population

SMALL = spaces.create("small-seq2seq")
POPULATION = SMALL.sample(1000, np.random.default_rng(0))


class FlopsAsLatency:
    """Stands in for a measured device: a millisecond a megaflop, and half as much again to be sure."""

    def predict(self, population: Population, *, confidence: float | None = None) -> np.ndarray:
        return flops(SMALL, population, output_layer=True) / 1e6 * (1.5 if confidence else 1.0)


COSTS = CostModel(SMALL, latency=FlopsAsLatency())


@pytest.mark.parametrize(
    ("text", "cost", "operator", "limit"),
    [
        ("latency<=100ms", "latency_ms", "<=", 100),
        ("latency < 1.5 s", "latency_ms", "<", 1500),
        ("latency_ms<=250us", "latency_ms", "<=", 0.25),
        ("flops<=3G", "flops", "<=", 3e9),
        ("flops_without_output_layer<=1.2e9", "flops_without_output_layer", "<=", 1.2e9),
        ("params<=60M", "parameters", "<=", 60e6),
        ("parameters>500k", "parameters", ">", 500e3),
        ("params_without_embeddings>=0.1B", "parameters_without_embeddings", ">=", 1e8),
        ("flops<=2T", "flops", "<=", 2e12),
        ("FLOPs<=3G", "flops", "<=", 3e9),
        ("Params<=60M", "parameters", "<=", 60e6),
        ("PARAMS_WITHOUT_EMBEDDINGS>=0.1B", "parameters_without_embeddings", ">=", 1e8),
        ("Latency<=100ms", "latency_ms", "<=", 100),
        ("Decode_Latency@512 <= 8ms", "decode_latency_ms@512", "<=", 8),
        ("Memory<=200MB", "memory_bytes", "<=", 200e6),
        ("memory<=200mb", "memory_bytes", "<=", 200e6),
        ("memory<=4KIB", "memory_bytes", "<=", 4096),
        ("latency<=5 MS", "latency_ms", "<=", 5),
        ("flops≤3G", "flops", "<=", 3e9),
        ("flops => 3G", "flops", ">=", 3e9),
        ("peak_v2<=3", "peak_v2", "<=", 3),
        ("größe<=3", "größe", "<=", 3),
    ],
)
def test_what_people_write(text: str, cost: str, operator: str, limit: float):
    constraint = Constraint.parse(text)
    assert (constraint.cost, constraint.operator, str(constraint)) == (cost, operator, text)
    assert constraint.limit == pytest.approx(limit)
    assert constraint.confidence is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("latency<=100", "has no unit; latency_ms takes us, ms or s"),
        ("latency<=3parsec", "has the unit 'parsec'"),
        ("params<=60m", "has the unit 'm'; parameters takes K, M, G, T or none"),
        ("flops<=3ms", "flops takes K, M, G, T or none"),
        ("flops=3G", "cannot be read; expected a cost"),
        ("flops<=", "cannot be read; expected a cost"),
        ("flops<=nan", "cannot be read; expected a cost"),
        ("flops<=-3M", "'-3' in the constraint 'flops<=-3M' is not a positive number"),
        ("flops<=0", "is not a positive number"),
        ("flops<=1.2.3", "is not a positive number"),
        ("flops<=3G@95%", "only latency takes a share"),
        ("latency<=3ms@100%", "only latency takes a share"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(text: str, sentence: str):
    with pytest.raises(InputError, match=re.escape(sentence)):
        Constraint.parse(text)


def test_an_unknown_cost_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'latency'"):
        Constraint.parse("latancy<=100ms")
    with pytest.raises(UnknownNameError, match="did you mean 'flops'"):
        COSTS.costs(POPULATION, ["flop"])


def test_every_cost_of_every_space_is_known_in_any_case():
    for space in map(spaces.create, spaces.names()):
        for name in (*timed_costs(space), *counted_costs(space)):
            assert cost_name(name.upper()) == cost_name(name.title()) == name


def test_a_cost_of_the_users_is_found_whatever_its_case():
    limits = Constraints.parse(["macs<=3", "N<=4"])
    assert limits.spelled(["MACs", "n", "N"]).cost_names == ("MACs", "N")  # two that differ in case alone stay apart


def test_the_bare_names_count_everything():
    costs = CostModel(SMALL, vocabulary=3000, sentence_length=12)
    values = costs.costs(POPULATION, ["params", "flops"])
    assert values["parameters"].tolist() == parameters(SMALL, POPULATION, embeddings="stored", vocabulary=3000).tolist()
    whole = flops(SMALL, POPULATION, output_layer=True, vocabulary=3000, sentence_length=12)
    assert values["flops"].tolist() == whole.tolist()
    assert set(costs.costs(POPULATION)) == set(costs.available) == set(COSTS.available) - {"latency_ms"}


def test_several_limits_hold_together():
    constraints = Constraints.parse(["flops<=8M", "params>250k", "latency<7ms"])
    values = COSTS.costs(POPULATION)
    expected = (values["flops"] <= 8e6) & (values["parameters"] > 250e3) & (values["latency_ms"] < 7)
    assert constraints.satisfied(COSTS, POPULATION).tolist() == expected.tolist()
    assert 0 < expected.sum() < len(expected)
    assert constraints.cost_names == ("flops", "parameters", "latency_ms")
    assert Constraints().satisfied(COSTS, POPULATION).all()


def test_a_confident_limit_uses_the_upper_end():
    assert Constraint.parse("latency<=9ms@95%").confidence == pytest.approx(0.95)
    plain, sure = (Constraints.parse([text]) for text in ("latency<=6ms", "latency<=9ms@95%"))
    assert plain.satisfied(COSTS, POPULATION).tolist() == sure.satisfied(COSTS, POPULATION).tolist()


def test_latency_without_a_predictor_says_what_to_do():
    with pytest.raises(InputError, match="foretell latency measure"):
        Constraints.parse(["latency<=1ms"]).satisfied(CostModel(SMALL), POPULATION)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["params<=1K"], "the smallest reachable parameters value is 98,080 (the range is 98,080 to 890,624)"),
        (["flops<=1M"], "the smallest reachable flops value is 2,021,818"),
        (["params>=1G"], "the largest reachable parameters value is 890,624"),
        (["latency<=0.01ms"], "the smallest reachable latency_ms value is 2.02 ms"),
        (["params<=1M", "flops<=1M"], "keeps flops<=1M: the smallest"),
        (["params<=300k", "flops>=9M"], "keeps params<=300k, flops>=9M together, though each can be kept alone"),
    ],
)
def test_the_impossible_names_what_can_be_reached(texts: list[str], sentence: str):
    with pytest.raises(InfeasibleError, match=re.escape(sentence)):
        Constraints.parse(texts).check_feasible(COSTS, np.random.default_rng(0))


@pytest.mark.parametrize(
    "texts", [[], ["params<=400k", "latency<=6ms"], ["params<=98080"], ["params<=300k", "flops>=6.75M"]]
)
def test_the_possible_gives_examples(texts: list[str]):
    constraints = Constraints.parse(texts)
    found = constraints.check_feasible(COSTS, np.random.default_rng(0))
    assert len(found.examples) >= 1
    assert constraints.satisfied(COSTS, found.examples).all()
    assert 0 <= found.share <= 1


def test_reachable_ranges():
    rng = np.random.default_rng(0)
    assert reachable(COSTS, "parameters", rng) == (98_080, 890_624)
    assert reachable(COSTS, "latency_ms", rng) == pytest.approx((2.021818, 20.1424), rel=1e-3)


@pytest.mark.parametrize(
    ("text", "cost", "limit"),
    [
        ("prefill_latency@512<=80ms", "prefill_latency_ms@512", 80),
        ("decode_latency<=5ms", "decode_latency_ms", 5),
        ("memory<=200MB", "memory_bytes", 2e8),
        ("memory<=200M", "memory_bytes", 2e8),
        ("memory<=200", "memory_bytes", 200),
        ("memory@1024<2GiB", "memory_bytes@1024", 2 * 2**30),
        ("latency@64<=20ms@95%", "latency_ms@64", 20),
    ],
)
def test_how_much_of_a_cost_is_meant_stands_after_its_name(text, cost, limit):
    found = Constraint.parse(text)
    assert (found.cost, found.limit) == (cost, limit)


@pytest.mark.parametrize("text", ["memory<=200ms", "prefill_latency<=80", "params<=60MB"])
def test_each_cost_has_its_units(text):
    with pytest.raises(InputError, match="unit"):
        Constraint.parse(text)


def test_a_latency_that_the_family_does_not_time_is_named_with_those_that_it_does():
    with pytest.raises(UnknownNameError, match="did you mean 'latency'"):
        CostModel(SMALL).cost(POPULATION, "decode_latency")
    with pytest.raises(InputError, match="no latency predictor is there"):
        CostModel(SMALL).cost(POPULATION, "latency@12")


def test_further_latencies_are_predicted_by_their_own_models():
    class Twice:
        def predict(self, population, *, confidence=None):
            return np.full(len(population), 2.0 if confidence is None else 3.0)

    costs = CostModel(SMALL, latencies={"latency_ms@12": Twice()})
    assert set(costs.cost(POPULATION, "latency@12")) == {2.0}
    assert "latency_ms@12" in costs.available


@pytest.mark.parametrize(
    "texts",
    [
        ("latency>=5ms", "latency<=4ms"),
        ("params<0.3M", "params>=0.3M"),
        ("flops<=3G", "params<=1M", "flops>4000M"),
        ("ms_of_mine>=2", "ms_of_mine<=1"),
    ],
)
def test_limits_of_which_one_asks_for_more_than_another_allows_are_refused_at_once(texts):
    with pytest.raises(InfeasibleError, match=r"nothing keeps both .* and .*; correct one of them"):
        Constraints.parse(texts)


def test_limits_that_leave_one_value_or_are_on_different_costs_are_taken():
    for texts in (("params>=5", "params<=5"), ("params>=5", "flops<=4"), ("latency<=4ms@90%", "latency>=5ms")):
        assert len(Constraints.parse(texts)) == 2
