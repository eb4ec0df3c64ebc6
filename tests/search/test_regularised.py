import numpy as np
import pytest

from foretell.costs import Constraints
from foretell.errors import InfeasibleError
from foretell.search import Ageing, Schedule, Scorer, regularised_evolution
from tests.search.conftest import Linear

NONE = Constraints()
SMALL = Ageing(population=40, children=20, tournament=5)


def run(costs, scorer, iterations=12, limits=NONE, settings=SMALL, seed=0, **more):
    schedule = Schedule.parse(f"linear:1-{iterations}")
    return regularised_evolution(costs, limits, schedule, {"linear": scorer}, settings, seed=seed, **more)


def test_it_gets_close_to_the_true_optimum(costs, space, linear):
    found = run(costs, Scorer(linear, "k"), 40, settings=Ageing())
    sample = space.sample(50_000, np.random.default_rng(0))
    assert found.score >= linear.predict(sample).mean.max()
    assert found.score == max(found.scores) == linear.predict(space.population([found.best])).mean[0]


def test_the_same_seed_gives_the_same_search(costs, space):
    first, again, other = (run(costs, Scorer(Linear(space), "k"), seed=seed) for seed in (1, 1, 2))
    assert first.best == again.best
    assert first.history == again.history
    assert first.history != other.history


def test_nothing_is_scored_twice_and_the_limits_are_kept(costs, linear):
    limits = Constraints.parse(["params_without_embeddings<=150K", "flops<=6M"])
    scorer = Scorer(linear, "k")
    run(costs, scorer, limits=limits)
    rows = np.array([np.frombuffer(key, dtype=np.int16) for key in scorer.used])
    assert limits.satisfied(costs, rows).all()
    assert len(linear.asked) == len(set(linear.asked))


def test_the_oldest_die_however_good(costs, space):
    """With every survivor replaced each iteration, the champion of the first generation is gone from the next."""
    seen = []

    class Spy(Scorer):
        def scores(self, population, **more):
            seen.append({row.tobytes() for row in population})
            return super().scores(population, **more)

    settings = Ageing(population=40, children=40, tournament=5)
    run(costs, Spy(Linear(space), "k"), 3, settings=settings)
    assert not seen[0] & seen[1]


def test_an_impossible_limit_is_refused(costs, linear):
    with pytest.raises(InfeasibleError, match="smallest reachable"):
        run(costs, Scorer(linear, "k"), limits=Constraints.parse(["params<=10"]))
