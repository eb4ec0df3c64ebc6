import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError, UnknownNameError
from foretell.families.encoder_decoder.genes import Backbone
from foretell.families.encoder_decoder.spaces import encoder_decoder_space
from foretell.predictors.base import Prediction
from foretell.search import Evolution, Schedule, Scorer, search_by_schedule
from foretell.search.dominance import crowding, dominance_ranks, non_dominated
from tests.search.conftest import Linear

TINY = {
    "encoder-embed-dim": (32, 16),
    "encoder-layer-num": (2, 1),
    "encoder-ffn-embed-dim-all": (64, 32),
    "encoder-self-attention-heads-all": (2,),
    "decoder-embed-dim": (32, 16),
    "decoder-layer-num": (2, 1),
    "decoder-ffn-embed-dim-all": (64, 32),
    "decoder-self-attention-heads-all": (2,),
    "decoder-ende-attention-heads-all": (2,),
    "decoder-arbitrary-ende-attn-all": (-1, 1),
}
SMALL = Evolution(population=40, parents=20, mutations=20, crossovers=0)
NONE = Constraints()


@pytest.fixture(scope="module")
def tiny():
    return encoder_decoder_space("tiny", TINY, Backbone(32))


def every(space):
    """All architectures of a small space."""
    columns = [range(len(gene.choices)) for gene in space.genes for _ in range(*space.columns(gene.name).indices(99))]
    rows = np.array(list(itertools.product(*columns)), dtype=np.int16)
    return np.unique(space.canonical(rows), axis=0)


def nsga2(costs, limits, schedule, scorers, **more):
    return search_by_schedule(costs, limits, schedule, scorers, SMALL, algorithm="nsga2", **more)


def run(costs, scorer, iterations=15, limits=NONE, seed=0, **more):
    return nsga2(costs, limits, Schedule.parse(f"linear:1-{iterations}"), {"linear": scorer}, seed=seed, **more)


def dominated(values):
    """By the definition, one pair at a time."""
    return [any((b <= a).all() and (b < a).any() for b in values) for a in values]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_fronts_follow_the_definition(rows):
    values = np.array(rows, dtype=float)
    np.testing.assert_array_equal(non_dominated(values), ~np.array(dominated(values)))
    ranks = dominance_ranks(values)
    for rank in range(ranks.max() + 1):
        left = values[ranks >= rank]
        np.testing.assert_array_equal(ranks[ranks >= rank] == rank, ~np.array(dominated(left)))
    assert (crowding(values, ranks) >= 0).all()


def test_the_front_of_a_tiny_space_is_the_true_one(tiny):
    costs, predictor = CostModel(tiny), Linear(tiny)
    found = run(costs, Scorer(predictor, "k"), 60).front
    rows = every(tiny)
    assert len(rows) == tiny.size()
    values = np.stack([-predictor.predict(rows).mean, costs.cost(rows, "parameters")], axis=1)
    truth = {row.tobytes() for row in rows[~np.array(dominated(values))]}
    assert {row.tobytes() for row in found.population} == truth


def test_the_front_is_mutually_non_dominated_and_holds_the_best(costs, space, linear):
    found = run(costs, Scorer(linear, "k"), against=["params", "flops"])
    front = found.front
    assert front.objectives == ("score", "parameters", "flops")
    assert not any(dominated(front.values * [-1, 1, 1]))
    assert front.values[0, 0] == found.score == front.values[:, 0].max()
    assert (front.population[0] == found.best.row).all()
    np.testing.assert_array_equal(front.values[:, 1], costs.cost(front.population, "parameters"))
    assert len(linear.asked) == len(set(linear.asked))


class Coarse(Linear):
    """Whole numbers only: many architectures score alike."""

    def predict(self, population):
        return Prediction(np.round(super().predict(population).mean / 3))


def test_of_equal_scores_one_on_the_front_is_the_best(costs, space):
    """The cheapest of them; another of the same score is dominated."""
    for seed in range(5):
        found = run(costs, Scorer(Coarse(space), "k"), seed=seed)
        assert found.best.row.tolist() == found.front.population[0].tolist()
        assert found.score == found.scores[0] == found.front.values[:, 0].max()


def test_what_an_earlier_predictor_liked_can_stand_on_the_front(costs, space):
    """The last predictor sees it only when all candidates are judged at the end, after the last iteration."""
    schedule = Schedule.parse("early:1-12,late:13")
    for seed in range(20):
        predictors = {"early": Linear(space, "early", seed=seed), "late": Linear(space, "late", seed=seed + 100)}
        scorers = {name: Scorer(predictor, name) for name, predictor in predictors.items()}
        found = nsga2(costs, NONE, schedule, scorers, seed=seed)
        assert found.best.row.tobytes() in {row.tobytes() for row in found.front.population}


def test_the_same_seed_gives_the_same_front(costs, space):
    first, again, other = (run(costs, Scorer(Linear(space), "k"), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.front.population, again.front.population)
    assert first.history == again.history
    assert first.history != other.history


def test_the_front_keeps_the_limits_and_an_impossible_limit_is_refused(costs, linear):
    limits = Constraints.parse(["params_without_embeddings<=150K"])
    front = run(costs, Scorer(linear, "k"), limits=limits).front
    assert limits.satisfied(costs, front.population).all()
    with pytest.raises(InfeasibleError, match="smallest reachable"):
        run(costs, Scorer(linear, "k"), limits=Constraints.parse(["params<=10"]))


def test_an_unknown_objective_is_named(costs, linear):
    with pytest.raises(UnknownNameError, match="parameters"):
        run(costs, Scorer(linear, "k"), against=["parametres"])
