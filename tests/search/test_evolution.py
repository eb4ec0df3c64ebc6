import numpy as np
import pytest
from pydantic import ValidationError

from foretell.costs import Constraints
from foretell.errors import InfeasibleError, UnknownNameError
from foretell.search import Evolution, Schedule, Scorer, evolve, open_journal
from tests.search.conftest import Linear

NONE = Constraints()
SMALL = Evolution(population=40, parents=10, mutations=15, crossovers=15)


def run(costs, scorers, schedule="linear:1-12", limits=NONE, settings=SMALL, seed=3, **more):
    return evolve(costs, limits, Schedule.parse(schedule), scorers, settings, seed=seed, **more)


def test_same_seed_same_winner_and_another_seed_another_path(costs, linear):
    first = run(costs, {"linear": Scorer(linear, "k")})
    again = run(costs, {"linear": Scorer(linear, "k")})
    other = run(costs, {"linear": Scorer(linear, "k")}, seed=4)
    assert first.best == again.best
    assert first.history == again.history
    assert first.history != other.history


def test_search_gets_close_to_the_true_optimum(costs, space, linear):
    found = run(costs, {"linear": Scorer(linear, "k")}, "linear:1-40", settings=Evolution())
    sample = space.sample(50_000, np.random.default_rng(0))
    assert found.score >= linear.predict(sample).mean.max()


def test_parents_are_never_scored_again_and_nothing_is_scored_twice(costs, linear):
    run(costs, {"linear": Scorer(linear, "k")})
    assert len(linear.asked) == len(set(linear.asked))


@pytest.mark.parametrize("distinct", [True, False])
def test_a_cached_and_an_uncached_search_find_the_same(costs, space, distinct):
    settings = SMALL.model_copy(update={"distinct": distinct})
    cached, plain = Linear(space), Linear(space)
    first = run(costs, {"linear": Scorer(cached, "k")}, settings=settings)
    second = run(costs, {"linear": Scorer(plain, "k", cache=False)}, settings=settings)
    assert first.best == second.best
    assert [g.best for g in first.history] == [g.best for g in second.history]
    assert len(cached.asked) < len(plain.asked)


def test_the_best_ever_seen_under_the_last_predictor_is_returned(costs, space):
    """The published code returned the 25th of its parents, and forgot earlier generations."""
    first, last = Linear(space, "first", seed=1), Linear(space, "last", seed=2)
    scorers = {"first": Scorer(first, "a"), "last": Scorer(last, "b")}
    found = run(costs, scorers, "first:1-6,last:7-9")
    seen = np.array([np.frombuffer(key, dtype=np.int16) for key in scorers["last"].known])
    assert found.score == last.predict(seen).mean.max()
    assert found.scores[0] == found.scores.max() == found.score
    # The best that the first predictor ever saw was judged by the last one too.
    champion = max(scorers["first"].used, key=scorers["first"].known.__getitem__)
    assert champion in scorers["last"].used


def test_the_last_generation_is_not_thrown_away(costs, linear):
    scorer = Scorer(linear, "k")
    found = run(costs, {"linear": scorer}, "linear:1-5")
    # Every architecture that was made was scored: one generation an iteration, and no more.
    assert sum(g.size for g in found.history) == 5 * SMALL.population
    assert found.score == max(scorer.known.values())


def test_every_generation_keeps_the_limits_and_has_no_architecture_twice(costs, space, linear):
    limits = Constraints.parse(["params_without_embeddings<=150K", "flops<=6M"])
    scorer = Scorer(linear, "k")
    found = run(costs, {"linear": scorer}, limits=limits)
    rows = np.array([np.frombuffer(key, dtype=np.int16) for key in scorer.used])
    assert limits.satisfied(costs, rows).all()
    assert limits.satisfied(costs, space.population([found.best])).all()
    assert all(g.size == SMALL.population for g in found.history)


def test_a_narrow_limit_still_finds_a_population(costs, space, linear):
    smallest = costs.cost(space.population([space.smallest()]), "params_without_embeddings")[0]
    limits = Constraints.parse([f"params_without_embeddings<={smallest * 1.02:.0f}"])
    found = run(costs, {"linear": Scorer(linear, "k")}, limits=limits)
    assert limits.satisfied(costs, space.population([found.best])).all()
    # Fewer feasible architectures than the population: the generations are as large as can be.
    assert 1 <= found.history[-1].size <= SMALL.population


def test_an_infeasible_limit_is_refused_before_any_score(costs, linear):
    with pytest.raises(InfeasibleError, match="smallest reachable"):
        run(costs, {"linear": Scorer(linear, "k")}, limits=Constraints.parse(["params<=10"]))
    assert linear.asked == []


def test_given_architectures_take_part(costs, space, linear):
    rng = np.random.default_rng(0)
    pool = space.canonical(space.sample(20_000, rng))
    champion = pool[[linear.predict(pool).mean.argmax()]]
    found = run(costs, {"linear": Scorer(linear, "k")}, "linear:1-1", initial=champion)
    assert found.score >= linear.predict(champion).mean[0]


def test_an_unknown_predictor_is_named_with_the_nearest(costs, linear):
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        run(costs, {"linear": Scorer(linear, "k")}, "liner:1-3")


def test_parts_that_do_not_add_up_are_refused():
    with pytest.raises(ValidationError, match=r"make 125 .* population is 100"):
        Evolution(population=100)


def test_abstentions_are_never_chosen(costs, space):
    class Shy(Linear):
        def _score(self, population):
            found, _ = super()._score(population)
            deep = space.numbers(population, "decoder-layer-num")[:, 0] > 2
            found[deep] = np.nan
            return found, None

    found = run(costs, {"linear": Scorer(Shy(space), "k")})
    assert found.best["decoder-layer-num"] <= 2


def test_a_search_that_was_cut_off_replays_its_journal(tmp_path, costs, space):
    """Stop after some batches of scores, as a kill would; the second sitting asks only for the rest."""
    whole = Linear(space)
    with open_journal(tmp_path / "whole.jsonl", space) as journal:
        expected = run(costs, {"linear": Scorer(whole, "k", journal)})

    class Dies(Linear):
        def _score(self, population):
            if len(self.asked) > 100:
                raise KeyboardInterrupt
            return super()._score(population)

    path = tmp_path / "cut.jsonl"
    with pytest.raises(KeyboardInterrupt), open_journal(path, space) as journal:
        run(costs, {"linear": Scorer(Dies(space), "k", journal)})
    rest = Linear(space)
    with open_journal(path, space) as journal:
        found = run(costs, {"linear": Scorer(rest, "k", journal)})
    assert found.best == expected.best
    assert found.history == expected.history
    assert 0 < len(rest.asked) < len(whole.asked)
