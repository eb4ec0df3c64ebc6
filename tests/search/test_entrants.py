import numpy as np
import pytest

from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.predictors import Context, create
from foretell.search.entrants import candidates_under, draw_entrants, posterior_of, standardised
from foretell.search.rules import simple_rules
from foretell.spaces import SearchSpace
from foretell.testing import make_observations

LIMITS = Constraints.parse(["params<=450k"])


@pytest.fixture(scope="module")
def taught(space):
    return create("regression", context=Context(space)).fit(make_observations(space, 40))


@pytest.fixture(scope="module")
def candidates(space, taught):
    return candidates_under(CostModel(space), LIMITS, posterior_of(taught), np.random.default_rng(0))


def test_entrants_are_high_feasible_and_different_from_one_another(space, costs, candidates):
    drawn = draw_entrants(space, candidates, 12, np.random.default_rng(1))
    assert LIMITS.satisfied(costs, drawn.rows).all()
    np.testing.assert_array_equal(drawn.rows, space.canonical(drawn.rows))
    apart = (drawn.rows[:, None] != drawn.rows[None]).sum(axis=2)
    assert apart[~np.eye(12, dtype=bool)].min() >= 3
    assert drawn.mean[0] == candidates.mean.max()
    # Drawn where goodness can still be expected: far above random ones, and not all from the very top.
    assert np.all(drawn.prior.mean + 2 * drawn.prior.std > 1)
    assert drawn.prior.mean.mean() > 1
    assert np.ptp(drawn.mean) > 0


def test_what_is_believed_best_is_not_worse_than_what_a_rule_finds(space, costs, candidates, taught):
    rule = next(r for r in simple_rules(costs, LIMITS, predictors=[taught]) if r.name == "regression")
    assert candidates.mean.max() >= taught.predict(rule.row).mean[0] - 1e-6


def test_what_is_said_in_the_metric_s_unit_becomes_a_belief_in_the_prior_s(space, candidates):
    drawn = draw_entrants(space, candidates, 5, np.random.default_rng(1))
    same = drawn.believed(drawn.mean, drawn.std)
    np.testing.assert_allclose(same.mean, drawn.prior.mean)
    np.testing.assert_allclose(same.std, drawn.prior.std)


def test_draws_depend_on_the_seed_alone(space, candidates):
    first, again, other = (draw_entrants(space, candidates, 6, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.rows, again.rows)
    assert first.rows[1:].tobytes() != other.rows[1:].tobytes()


def test_given_ones_come_first_and_taken_ones_not_at_all(space, candidates):
    rng = np.random.default_rng(3)
    first, taken = candidates.rows[[5, 9]], candidates.rows[[int(candidates.mean.argmax())]]
    drawn = draw_entrants(space, candidates, 8, rng, first=first, taken=taken)
    np.testing.assert_array_equal(drawn.rows[:2], first)
    assert taken[0].tobytes() not in {row.tobytes() for row in drawn.rows}


def test_more_entrants_than_feasible_architectures_are_refused_in_one_sentence():
    space = SearchSpace({"width": [8, 16, 32], "depth": [1, 2, 3]}, costs={"params": "depth * width"})
    costs, limits = CostModel(space), Constraints.parse(["params<=40"])
    found = candidates_under(costs, limits, None, np.random.default_rng(0))
    assert len(draw_entrants(space, found, 6, np.random.default_rng(0))) == 6
    sentence = (
        "the race has 7 entrants, but only 6 architectures of mine that keep the limits were found; ask for fewer"
    )
    with pytest.raises(InputError, match=sentence):
        draw_entrants(space, found, 7, np.random.default_rng(0))
    with pytest.raises(InputError, match=r"only 4 architectures of mine .* besides those that are trained already"):
        draw_entrants(space, found, 5, np.random.default_rng(0), taken=found.rows[:2])


def test_a_small_space_is_drawn_to_the_last_architecture_without_copies():
    space = SearchSpace({"width": list(range(12))})
    found = candidates_under(CostModel(space), Constraints(), None, np.random.default_rng(0))
    drawn = draw_entrants(space, found, 12, np.random.default_rng(0))
    assert sorted(drawn.rows[:, 0].tolist()) == list(range(12))


def test_of_a_pool_only_its_rows_race(space, costs, taught):
    pool = space.canonical(space.sample(40, np.random.default_rng(1)))
    found = candidates_under(costs, Constraints(), posterior_of(taught), np.random.default_rng(0), pool=pool)
    assert {row.tobytes() for row in found.rows} <= {row.tobytes() for row in pool}


def test_scores_that_only_rank_are_believed_as_far_as_simple_scores_are():
    mean, std = standardised(np.array([10.0, 20.0, 30.0, np.nan]))
    assert np.isnan(mean[3])
    assert mean[:3].mean() == pytest.approx(0)
    assert mean[:3].var() + std[0] ** 2 == pytest.approx(1)
    equal, _ = standardised(np.full(4, 7.0))
    assert equal.tolist() == [0, 0, 0, 0]
