import numpy as np
import pytest

from foretell.costs import Constraints
from foretell.errors import InfeasibleError
from foretell.search import Evolution, Schedule, Scorer, search_by_schedule
from tests.search.conftest import Linear

NONE = Constraints()
SMALL = Evolution(population=40, parents=20, mutations=10, crossovers=10)


def run(costs, scorer, iterations=12, limits=NONE, settings=SMALL, seed=0, **more):
    schedule = Schedule.parse(f"linear:1-{iterations}")
    scorers = {"linear": scorer}
    return search_by_schedule(costs, limits, schedule, scorers, settings, algorithm="regularised", seed=seed, **more)


def test_it_gets_close_to_the_true_optimum(costs, space, linear):
    found = run(costs, Scorer(linear, "k"), 40, settings=Evolution())
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
    """With all but the two youngest replaced each iteration, nobody of the first generation lives on but these."""
    seen = []

    class Spy(Scorer):
        def scores(self, population, **more):
            seen.append({row.tobytes() for row in population})
            return super().scores(population, **more)

    settings = Evolution(population=40, parents=2, mutations=19, crossovers=19)
    run(costs, Spy(Linear(space), "k"), 3, settings=settings)
    assert len(seen[0] & seen[1]) == 2


def test_an_impossible_limit_is_refused(costs, linear):
    with pytest.raises(InfeasibleError, match="smallest reachable"):
        run(costs, Scorer(linear, "k"), limits=Constraints.parse(["params<=10"]))
