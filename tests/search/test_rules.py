import numpy as np
import pytest

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError
from foretell.search.rules import feasible_pool, simple_rules, uniformly_scaled
from foretell.spaces import SearchSpace

LIMITS = Constraints.parse(["params<=450k"])


def picks(costs, limits=LIMITS, **options):
    return {rule.name: rule.row for rule in simple_rules(costs, limits, **options)}


def test_every_rule_keeps_the_limits_and_is_canonical(costs, space, linear):
    found = picks(costs, seed=3, predictors=[linear])
    assert list(found) == ["most-flops", "most-parameters", "uniform", "linear", "random"]
    for row in found.values():
        assert row.shape == (1, space.width)
        np.testing.assert_array_equal(row, space.canonical(row))
        assert LIMITS.satisfied(costs, row).all()


def test_rules_find_more_than_any_random_architecture_has(costs, space, linear):
    found = picks(costs, predictors=[linear])
    rows = space.sample(20_000, np.random.default_rng(9))
    rows = rows[LIMITS.satisfied(costs, rows)]
    for name, cost in (("most-flops", "flops"), ("most-parameters", "parameters")):
        assert costs.cost(found[name], cost)[0] >= costs.cost(rows, cost).max()
    assert linear.predict(found["linear"]).mean[0] >= linear.predict(space.canonical(rows)).mean.max()


def test_picks_depend_on_the_seed_alone(costs):
    once, again, other = picks(costs, seed=1), picks(costs, seed=1), picks(costs, seed=2)
    assert {name: row.tobytes() for name, row in once.items()} == {n: r.tobytes() for n, r in again.items()}
    assert once["random"].tobytes() != other["random"].tobytes()


def test_the_uniform_one_scales_all_sizes_alike_and_leaves_other_genes_in_the_middle():
    space = SearchSpace(
        {"layers": [1, 2, 3, 4, 5], "width": [80, 40, 20], "rate": [1e-4, 1e-3, 1e-2], "kind": ["a", "b"]},
        costs={"params": "layers * width**2"},
    )
    costs = CostModel(space)
    whole = uniformly_scaled(costs, Constraints())
    assert space.architecture(whole[0]).to_dict() == {"layers": 5, "width": 80, "rate": 1e-3, "kind": "a"}
    half = uniformly_scaled(costs, Constraints.parse(["params<=6400"]))
    assert space.architecture(half[0]).to_dict() == {"layers": 4, "width": 40, "rate": 1e-3, "kind": "a"}
    assert uniformly_scaled(costs, Constraints.parse(["params<=1"])) is None


def test_a_space_without_costs_has_the_rules_that_need_none():
    costs = CostModel(SearchSpace({"rate": [1e-4, 1e-3], "kind": ["a", "b"]}))
    assert list(picks(costs, Constraints())) == ["random"]


def test_of_a_pool_only_its_rows_are_picked(costs, space, linear):
    pool = space.canonical(space.sample(30, np.random.default_rng(1)))
    known = {row.tobytes() for row in pool}
    found = picks(costs, pool=pool, predictors=[linear])
    assert "uniform" not in found
    assert all(row[0].tobytes() in known for row in found.values())


def test_rare_architectures_are_found_by_relatives(costs, space):
    tight = Constraints.parse(["params<=120k"])
    rows = feasible_pool(costs, tight, np.random.default_rng(0))
    assert tight.satisfied(costs, rows).all()
    assert len(np.unique(rows, axis=0)) == len(rows) > 50


def test_limits_that_nothing_keeps_are_refused(costs, space):
    with pytest.raises(InfeasibleError, match="keeps params<=1k"):
        simple_rules(costs, Constraints.parse(["params<=1k"]))
    with pytest.raises(InfeasibleError, match="on record keeps"):
        feasible_pool(costs, LIMITS, np.random.default_rng(0), pool=space.population([space.largest()]))
